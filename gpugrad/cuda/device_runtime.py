"""DeviceRuntime: kernels, memory and streams of a CUDA device, through CuPy."""

import ctypes
import math
import threading
import weakref
from typing import Any

import numpy as np

from ..backend.cupy import import_cupy, reason
from ..errors import DeviceError
from .lane import DeviceLane
from .runtime import Limits
from .source import GENERATED, kernel_source

OPTIONS = ("-std=c++17",)  # CuPy adds the architecture, and -ftz=true
EACH_ROUNDS = ("-fmad=false",)  # in generated kernels: a * a - b * b is 0 where a is b, as call by call
_SHARED_WITHOUT_OPT_IN = 48 << 10


class DeviceRuntime:
    """The CUDA device that is current in CuPy, and its current stream: `with cupy.cuda.Device(1), cupy.cuda.Stream():`.

    A kernel is compiled at its first launch on a device, one instance of its template alone; CuPy keeps it on disk.
    """

    def __init__(self) -> None:
        self._cupy = import_cupy()
        self._device = self._cupy.cuda.runtime.getDevice
        self._functions: dict[tuple[str, str, int], Any] = {}
        self._limits: dict[int, Limits] = {}
        self._libraries: dict[str, ctypes.CDLL] = {}
        self._lanes: weakref.WeakValueDictionary[int, DeviceLane] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._streams: dict[int, tuple[Any, Any]] = {}  # of lanes; kept, as libraries have a workspace for each

    def limits(self) -> Limits:
        index = self._device()
        if index not in self._limits:
            properties = self._cupy.cuda.runtime.getDeviceProperties(index)
            self._limits[index] = Limits(
                arch=10 * properties["major"] + properties["minor"],
                n_sm=properties["multiProcessorCount"],
                shared_bytes=properties["sharedMemPerBlockOptin"],
            )
        return self._limits[index]

    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared_bytes: int,
    ) -> None:
        device = self._device()
        for a in args:
            if isinstance(a, self._cupy.ndarray) and a.data.device_id != device:
                raise DeviceError(_elsewhere(name, a.data.device_id, device))
        key = file, name, device
        function = self._functions.get(key) or self._compile(key)
        function(grid, block, args, shared_mem=shared_bytes)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self._cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self._cupy.zeros(shape, dtype)

    def copy(self, target: Any, source: Any) -> None:
        ours = isinstance(source, self._cupy.ndarray) and (source.shape, source.dtype) == (target.shape, target.dtype)
        if ours and target.flags.c_contiguous and source.flags.c_contiguous:
            target.data.copy_from_device_async(source.data, target.nbytes)  # no kernel
        else:
            target[...] = source

    def library(self, name: str) -> ctypes.CDLL:
        """A library of the CUDA toolkit, "cublas" or "cublasLt"; DeviceError with what to type where it is missing."""
        if name not in self._libraries:
            from cuda.pathfinder import load_nvidia_dynamic_lib

            try:
                self._libraries[name] = ctypes.CDLL(load_nvidia_dynamic_lib(name).abs_path)
            except (OSError, RuntimeError) as error:
                raise DeviceError(f"{name}: {reason(error)}") from error
        return self._libraries[name]

    def stream(self) -> tuple[int, int]:
        return self._device(), self._cupy.cuda.get_current_stream().ptr

    def lane(self) -> DeviceLane:
        device = self._device()
        with self._lock:
            lane = self._lanes.get(device)
            if lane is None:
                if device not in self._streams:
                    new = self._cupy.cuda.Stream
                    self._streams[device] = new(non_blocking=True), new(non_blocking=True)
                lane = self._lanes[device] = DeviceLane(self._cupy, *self._streams[device])
        return lane

    def event(self) -> "DeviceEvent":
        return DeviceEvent(self._cupy)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Host memory of its own: of a pool it would be somebody's again while a copy still reads it."""
        n, cuda = math.prod(shape), self._cupy.cuda
        memory = cuda.PinnedMemoryPointer(cuda.PinnedMemory(max(1, n * np.dtype(dtype).itemsize)), 0)
        return np.frombuffer(memory, dtype, n).reshape(shape)

    def send(self, target: Any, source: np.ndarray) -> None:
        target.data.copy_from_host_async(source.ctypes.data, source.nbytes)

    def _compile(self, key: tuple[str, str, int]) -> Any:
        """The bound function, allowed all the shared memory that its static arrays leave of the device's."""
        file, name, _ = key
        options = (*OPTIONS, *EACH_ROUNDS) if file in GENERATED else OPTIONS
        module = self._cupy.RawModule(code=kernel_source(file), options=options, name_expressions=(name,))
        try:
            kernel = module.get_function(name)
            most = self.limits().shared_bytes - kernel.shared_size_bytes
            if most > _SHARED_WITHOUT_OPT_IN:
                kernel.max_dynamic_shared_size_bytes = most
            self._functions[key] = kernel.kernel
        except Exception as error:
            raise DeviceError(f"kernels: {name} of {file} cannot be compiled: {reason(error)}") from error
        return self._functions[key]


class DeviceEvent:
    """An event of CUDA; one that was never recorded has passed."""

    def __init__(self, cupy: Any) -> None:
        self._cuda, self._event = cupy.cuda, cupy.cuda.Event(disable_timing=True)

    def record(self) -> None:
        self._event.record(self._cuda.get_current_stream())

    def synchronize(self) -> None:
        self._event.synchronize()

    def wait(self) -> None:
        self._cuda.get_current_stream().wait_event(self._event)


def _elsewhere(name: str, at: int, device: int) -> str:
    return (
        f"kernels: {name} got an array on cuda:{at}, but cuda:{device} is the current device; work on cuda:{at} "
        f"within `with cupy.cuda.Device({at}):`"
    )
