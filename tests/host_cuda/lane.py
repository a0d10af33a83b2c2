"""HostLane: streams, events and captures of a device that runs each launch before it returns."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .pool import HostPool
from .recording import Recording, capturing, refuse_in_capture

DEFAULT, PRIVATE, COPIES = 0, 1 << 20, 2 << 20  # addresses of streams


class HostLane:
    """A `gpugrad.cuda.runtime.Lane`; `orders` lists which stream was made to wait for which."""

    def __init__(self, runtime: Any) -> None:
        self._runtime, self.lock, self.pool = runtime, threading.RLock(), HostPool()
        self._latest = PRIVATE
        self.orders: list[tuple[int, int]] = []
        self.graphs: list[Recording] = []

    def follow(self) -> None:
        refuse_in_capture("an event of another stream")
        stream = self._runtime.stream()[1]
        if stream != self._latest:
            self.orders.append((stream, self._latest))
            self._latest = stream

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        self.follow()
        outside = self._runtime.stream()[1]
        self.orders.append((PRIVATE, outside))
        with self._runtime.on(PRIVATE, self.pool):
            yield
        self.orders.append((outside, PRIVATE))

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        with self._runtime.on(COPIES, None):
            yield

    def capture(self, work: Callable[[], Any]) -> tuple[Recording, Any]:
        with self._runtime.on(PRIVATE, self.pool), capturing() as graph, self._runtime.libraries_record(graph):
            outputs = work()
        self.graphs.append(graph)
        return graph, outputs

    def pool_bytes(self) -> int:
        return self.pool.n_bytes


class HostEvent:
    """Everything before it is done: a launch ends before it returns."""

    def __init__(self, runtime: Any) -> None:
        self._runtime, self.stream = runtime, None

    def record(self) -> None:
        refuse_in_capture("an event recorded")
        self.stream = self._runtime.stream()[1]

    def synchronize(self) -> None:
        refuse_in_capture("a wait for an event")

    def wait(self) -> None:
        refuse_in_capture("a wait for an event")
        if self.stream is not None:
            self._runtime.waits.append((self._runtime.stream()[1], self.stream))
