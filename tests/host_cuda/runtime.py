"""HostRuntime: what stands in for a CUDA device when launchers run on the CPU."""

import contextlib
import ctypes
import functools
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from gpugrad.backend import cupy as cupy_backend
from gpugrad.cuda import autotune, runtime
from gpugrad.cuda.runtime import Limits
from gpugrad.cuda.source import kernel_source

from .arrays import plain, wrap
from .build import build
from .guarded import guarded, guarded_like
from .module import HostModule
from .stand_in import HOST_CUPY, SPECIAL

FORWARD, REVERSE, SHUFFLED = ORDERS = (0, 1, 2)
_modules: dict[str, HostModule] = {}


def host_module(file: str) -> HostModule:
    """All instances of kernels/`file`, built once: those that its launcher module declares in INSTANCES."""
    if file not in _modules:
        launchers = importlib.import_module(f"gpugrad.cuda.{Path(file).stem}")
        _modules[file] = HostModule(kernel_source(file), launchers.INSTANCES, file)
    return _modules[file]


class HostRuntime:
    """A `gpugrad.cuda.runtime.Runtime` over host memory, which counts what is launched.

    `device` may be replaced to see what launchers do on another card; few multiprocessors keep the grids small.
    """

    def __init__(self) -> None:
        self.device = Limits(arch=90, n_sm=4, shared_bytes=232448)
        self.launches: list[tuple[str, str]] = []
        self._order = FORWARD, 0

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
        module.order(*self._order)
        module.get_function(name)(grid, block, args, shared_bytes)
        self.launches.append((file, name))

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Filled with NaN: an element nobody writes shows."""
        return wrap(guarded(shape, dtype))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        array = guarded(shape, dtype)
        array.fill(0)
        return wrap(array)

    def copy(self, target: Any, source: Any) -> None:
        plain(target)[...] = plain(source)

    def library(self, name: str) -> ctypes.CDLL:
        return _stand_in()

    def stream(self) -> tuple[int, int]:
        return 0, 0


@functools.cache
def _stand_in() -> ctypes.CDLL:
    """What stands in for cuBLAS and cuBLASLt."""
    source = Path(__file__).with_name("cublas.cpp")
    return ctypes.CDLL(str(build(source.read_text(), (), source.name)))
