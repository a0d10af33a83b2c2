"""One CUDA device, as far as gpugrad asks `cupy.cuda` about it, on a machine that has none."""

from typing import Any

import numpy as np

from .recording import recording, refuse_in_capture

TOTAL_BYTES = 8 << 30


class HostRuntimeApi:
    """`cupy.cuda.runtime`."""

    CUDARuntimeError = RuntimeError

    def getDeviceCount(self) -> int:
        return 1

    def getDevice(self) -> int:
        return 0

    def free(self, pointer: int) -> None:
        """Nothing: it is called to start CUDA."""

    def driverGetVersion(self) -> int:
        return 13000

    runtimeGetVersion = driverGetVersion

    def memGetInfo(self) -> tuple[int, int]:
        return TOTAL_BYTES, TOTAL_BYTES

    def getDeviceProperties(self, index: int) -> dict[str, Any]:
        return {"name": b"host", "totalGlobalMem": TOTAL_BYTES, "major": 9, "minor": 0, "multiProcessorCount": 4}


class HostPool:
    """`cupy.get_default_memory_pool()`."""

    def used_bytes(self) -> int:
        return 0

    total_bytes = used_bytes


class HostDevice:
    """`cupy.cuda.Device(0)`."""

    id = 0

    def __enter__(self) -> "HostDevice":
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing to go back to."""

    def synchronize(self) -> None:
        """Nothing is under way: a launch ends before it returns."""
        refuse_in_capture("a wait for the device")


HOST_DEVICE = HostDevice()


class HostStream:
    """`cupy.cuda.get_current_stream()`."""

    def is_capturing(self) -> bool:
        return recording() is not None


class HostCuda:
    """`cupy.cuda`."""

    runtime = HostRuntimeApi()

    class nvrtc:
        getVersion = staticmethod(lambda: (13, 0))

    class cublas:
        CUBLAS_OP_N = 0

    def Device(self, index: int = 0) -> HostDevice:
        if index:
            raise RuntimeError("cudaErrorInvalidDevice: there is one device")
        return HOST_DEVICE

    def get_current_stream(self) -> HostStream:
        return HostStream()

    def alloc_pinned_memory(self, n_bytes: int) -> Any:
        return np.empty(n_bytes, np.uint8)
