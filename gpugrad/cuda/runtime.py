"""The one place that touches a CUDA device: launches, allocation, copies and fills.

`current()` is replaceable, so that launchers, shape logic and kernels also run where there is no device.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol


class Limits(NamedTuple):
    """What grid arithmetic needs to know of a device."""

    arch: int  # 90 for compute capability 9.0
    n_sm: int
    shared_bytes: int  # of one block, with opt-in


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
