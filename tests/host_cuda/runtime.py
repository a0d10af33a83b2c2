"""HostRuntime: what stands in for a CUDA device when launchers run on the CPU."""

import contextlib
import ctypes
import functools
import importlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from gpugrad.backend import cupy as cupy_backend
from gpugrad.cuda import autotune, generated, runtime
from gpugrad.cuda.runtime import Limits
from gpugrad.cuda.source import GENERATED, kernel_source

from .arrays import plain, wrap
from .build import build
from .guarded import guarded, guarded_like
from .lane import DEFAULT, HostEvent, HostLane
from .library import Library
from .module import HostModule, is_array, start
from .performing import perform
from .recording import CaptureError, Recording, addresses_within, memory_at, recording, refuse_in_capture
from .stand_in import HOST_CUPY, SPECIAL

FORWARD, REVERSE, SHUFFLED = ORDERS = (0, 1, 2)
_modules: dict[str, HostModule] = {}


def host_module(file: str) -> HostModule:
    """All instances of kernels/`file`, built once: those that its launcher module declares in INSTANCES."""
    if file not in _modules:
        made = file in GENERATED
        names = (generated.NAME,) if made else importlib.import_module(f"gpugrad.cuda.{Path(file).stem}").INSTANCES
        _modules[file] = HostModule(kernel_source(file), names, file)
    return _modules[file]


class HostRuntime:
    """A `gpugrad.cuda.runtime.Runtime` over host memory, which counts what is launched.

    `device` may be replaced to see what launchers do on another card; few multiprocessors keep the grids small.
    """

    def __init__(self) -> None:
        self.device = Limits(arch=90, n_sm=4, shared_bytes=232448)
        self.launches: list[tuple[str, str]] = []
        self._order = FORWARD, 0
        self._stream, self._pool = DEFAULT, None
        self._lane: Any = lambda: None
        self._loaded: set[tuple[str, str]] = set()
        self.waits: list[tuple[int, int]] = []  # (stream, the stream of the event that it waits for)

    @contextlib.contextmanager
    def current(self) -> Iterator["HostRuntime"]:
        """Be the CUDA device within the block: for launchers, and for `device="cuda"`."""
        nothing_measured = autotune.Table(Path(os.devnull) / "none", "")
        with (
            runtime.use(self),
            autotune.use(nothing_measured),
            cupy_backend.use(HOST_CUPY),
            mock.patch.multiple("cupyx.scipy.special", **SPECIAL),
        ):
            yield self

    # --- what tests use

    def array(self, array: Any, dtype: Any = None) -> Any:
        """A copy of a NumPy array (same memory layout, 16-byte aligned) as a CuPy array over host memory."""
        return wrap(guarded_like(np.asarray(array, dtype)))

    def numpy(self, array: Any) -> np.ndarray:
        """The NumPy view of a CuPy array over host memory."""
        refuse_in_capture("a copy to the host")
        return plain(array)

    def order(self, mode: int, seed: int = 0) -> None:
        """Step the threads forward (0), in reverse (1) or in a pseudo-random order (2) in the launches to come."""
        self._order = mode, seed

    def launched(self, name: str) -> int:
        """How many launches there were of kernels whose name expression begins with `name`."""
        return sum(launched.startswith(name) for _, launched in self.launches)

    # --- what launchers use

    def limits(self) -> Limits:
        return self.device

    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        shared_bytes: int,
    ) -> None:
        module = host_module(file)
        if shared_bytes > self.device.shared_bytes:
            raise RuntimeError(
                f"{name}: {shared_bytes} bytes of shared memory; the card has {self.device.shared_bytes}"
            )
        kernel = module.get_function(name)
        capture = recording()
        if capture is None:
            module.order(*self._order)
            kernel(grid, block, args, shared_bytes)
        else:
            self._take_down(capture, (file, name), module, kernel.prepared(grid, block, args, shared_bytes), args)
        self._loaded.add((file, name))
        self.launches.append((file, name))

    def _take_down(self, capture: Recording, key: Any, module: HostModule, run: Any, args: tuple[Any, ...]) -> None:
        """Make a launch part of the graph, where CUDA would."""
        self._require_stream()
        if key not in self._loaded:
            raise CaptureError(f"{key[1]} is launched for the first time, which compiles and loads it")
        addresses = [start(a) for a in args if is_array(a)]
        addresses += [at for a in args if not is_array(a) for at in addresses_within(np.asarray(a))]
        order = self._order

        def again() -> None:
            module.order(*order)
            run()

        capture.add(key[1], again, [memory_at(address)[0] for address in addresses])

    def _require_stream(self) -> None:
        if self._pool is None:
            raise CaptureError("launched on another stream than the one in capture, or with memory of another pool")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Filled with NaN: an element nobody writes shows."""
        if self._pool is not None:
            return wrap(self._pool.empty(shape, dtype))
        refuse_in_capture("memory taken from elsewhere than the capture's pool")
        return wrap(guarded(shape, dtype))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        array = self.empty(shape, dtype)
        array.fill(0)
        return array

    def copy(self, target: Any, source: Any) -> None:
        if recording() is not None:
            self._require_stream()
        perform("copy", np.copyto, (target, source), {}, changes=target)

    def library(self, name: str) -> Library:
        return _stand_in()

    def stream(self) -> tuple[int, int]:
        return 0, self._stream

    def lane(self) -> HostLane:
        lane = self._lane()
        if lane is None:
            lane = HostLane(self)
            self._lane = weakref.ref(lane)
        return lane

    def event(self) -> HostEvent:
        return HostEvent(self)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype)

    def send(self, target: Any, source: np.ndarray) -> None:
        refuse_in_capture("a copy from the host")
        plain(target)[...] = source

    # --- what lanes use

    @contextlib.contextmanager
    def on(self, stream: int, pool: Any) -> Iterator[None]:
        """Let `stream` be the current one within the block, and `pool`, where it is not None, give the memory."""
        before = self._stream, self._pool
        self._stream, self._pool = stream, pool
        try:
            yield
        finally:
            self._stream, self._pool = before

    def libraries_record(self, capture: Recording) -> Any:
        """Let products become part of the graph within the block."""
        return _stand_in().recorded(capture, self._stream)


@functools.cache
def _stand_in() -> Library:
    """What stands in for cuBLAS and cuBLASLt."""
    source = Path(__file__).with_name("cublas.cpp")
    return Library(ctypes.CDLL(str(build(source.read_text(), (), source.name))))
