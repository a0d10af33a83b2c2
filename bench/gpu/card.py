"""The card as the timed contestants use it: arrays there and back, events, and CUDA graphs of captured work."""

import contextlib
from collections.abc import Callable
from typing import Any

from gpugrad.backend.cupy import import_cupy

from .arrays import from_card, to_card


class Card:
    """The current CUDA device, through CuPy."""

    timer = None  # autotune's own

    def __init__(self) -> None:
        self.cupy = import_cupy()
        self._events = self.cupy.cuda.Event(), self.cupy.cuda.Event()

    def array(self, array: Any) -> Any:
        return to_card(self.cupy, array)

    def numpy(self, array: Any) -> Any:
        return from_card(array)

    def synchronize(self) -> None:
        """Wait for everything on the device, whichever library began it.  Raises what a fault of the card raised."""
        self.cupy.cuda.runtime.deviceSynchronize()

    def start(self) -> None:
        """Begin a stretch of time on the default stream."""
        self.synchronize()
        self._events[0].record()

    def stop(self) -> float:
        """Milliseconds of work on the default stream since `start`."""
        self._events[1].record()
        self._events[1].synchronize()
        return float(self.cupy.cuda.get_elapsed_time(*self._events))

    def graph(self, run: Callable[[], Any]) -> Callable[[], Any]:
        """`run` as one CUDA graph, its memory in a pool of its own: a function that replays it, giving run's outputs.

        It runs twice before, on the stream that is captured: first as always, so that what outlives the graph (compiled
        kernels, cuBLAS's workspace of that stream) is made outside the pool, then with the pool, whose blocks the
        captured run takes again.
        """
        cuda = self.cupy.cuda
        pool, stream = cuda.MemoryPool(), cuda.Stream(non_blocking=True)
        self.synchronize()
        with stream:
            run()
            stream.synchronize()
        with cuda.using_allocator(pool.malloc), stream:
            run()
            stream.synchronize()
            stream.begin_capture()
            try:
                outputs = run()
            except BaseException:
                with contextlib.suppress(Exception):  # the capture is spoilt, but must be over
                    stream.end_capture()
                raise
            graph = stream.end_capture()
        self.synchronize()
        return _Replay(graph, outputs, pool)


class _Replay:
    """A graph, with what must live as long as it does."""

    def __init__(self, graph: Any, outputs: Any, pool: Any) -> None:
        self._graph, self._outputs, self._pool = graph, outputs, pool

    def __call__(self) -> Any:
        self._graph.launch()
        return self._outputs
