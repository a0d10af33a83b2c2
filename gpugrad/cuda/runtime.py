"""The one place that touches a CUDA device: launches, allocation, copies and fills.

`current()` is replaceable, so that launchers, shape logic and kernels also run where there is no device.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np


class Limits(NamedTuple):
    """What grid arithmetic needs to know of a device."""

    arch: int  # 90 for compute capability 9.0
    n_sm: int
    shared_bytes: int  # of one block, with opt-in


class Event(Protocol):
    """A point in the work of a stream."""

    def record(self) -> Any: ...  # now, in the current stream
    def synchronize(self) -> None: ...  # the host waits for it
    def wait(self) -> None: ...  # what is launched on the current stream from now on waits for it


class Lane(Protocol):
    """A stream and a memory pool of our own, as lane.py has them."""

    lock: Any

    def follow(self) -> None: ...
    def aside(self) -> AbstractContextManager[None]: ...
    def copying(self) -> AbstractContextManager[None]: ...
    def capture(self, work: Callable[[], Any]) -> tuple[Any, Any]: ...
    def pool_bytes(self) -> int: ...


class Runtime(Protocol):
    """What a launcher asks of a device.  Arrays are `cupy.ndarray`, sizes in elements, `shared_bytes` in bytes."""

    def limits(self) -> Limits: ...
    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared_bytes: int,
    ) -> None: ...
    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any: ...
    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any: ...
    def copy(self, target: Any, source: Any) -> None: ...
    def library(self, name: str) -> Any: ...  # "cublas" or "cublasLt" through ctypes; DeviceError where it is missing
    def stream(self) -> tuple[int, int]: ...  # the current device, and the address of its current stream
    def lane(self) -> Lane: ...  # of the current device
    def event(self) -> Event: ...
    def pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray: ...  # host memory that a stream copies from
    def send(self, target: Any, source: np.ndarray) -> None: ...  # from such memory, on the current stream


_current: list[Runtime] = []


def current() -> Runtime:
    """The runtime in use: CuPy's, unless another was put in its place."""
    if not _current:
        from .device_runtime import DeviceRuntime

        _current.append(DeviceRuntime())
    return _current[-1]


@contextlib.contextmanager
def use(runtime: Runtime) -> Iterator[None]:
    """Let `runtime` serve every launch, allocation and copy within the block."""
    _current.append(runtime)
    try:
        yield
    finally:
        _current.remove(runtime)
