"""A real device behind the face of the `host` fixture of tests/cuda, so that those tests run on the card unchanged."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gpugrad.backend.cupy import import_cupy
from gpugrad.cuda import runtime
from gpugrad.cuda.device_runtime import DeviceRuntime

from .arrays import bits, from_card, to_card


class Mirror(np.ndarray):
    """A NumPy copy of an array on the card; what is written into it by index goes to the card at once."""

    on_card: Any = None
    cupy: Any = None  # set by OnCard

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        if self.on_card is not None:
            kind, cupy = bits(self.dtype), type(self).cupy
            self.on_card.view(kind)[...] = cupy.array(np.asarray(self).view(kind))

    def __array_finalize__(self, source: Any) -> None:
        """Views and results are plain copies: they write nowhere."""


class OnCard:
    """`array`, `numpy`, `order`, `launches`, `launched` and `device`, over CuPy and `DeviceRuntime`.

    Each launch is counted, and waited for outside of captures, so that a fault is told where it happened.
    """

    def __init__(self, device_runtime: Any) -> None:
        self._runtime = device_runtime
        self._cupy = Mirror.cupy = import_cupy()
        self.device = self._runtime.limits()
        self.launches: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def current(self) -> Iterator["OnCard"]:
        """Be the runtime of all launchers within the block."""
        with runtime.use(self):
            yield self

    def array(self, array: Any, dtype: Any = None) -> Any:
        """A copy on the card, layout kept."""
        return to_card(self._cupy, np.asarray(array, dtype))

    def numpy(self, array: Any) -> np.ndarray:
        """The values, in an array that passes on what is written into it."""
        found = from_card(array).view(Mirror)
        found.on_card = array
        return found

    def order(self, mode: int, seed: int = 0) -> None:
        """Nothing: a card steps its threads as it likes."""

    def launched(self, name: str) -> int:
        """How many launches there were of kernels whose name expression begins with `name`."""
        return sum(launched.startswith(name) for _, launched in self.launches)

    def limits(self) -> runtime.Limits:
        """The card's, unless a test has put others into `device`."""
        return self.device

    def launch(self, file: str, name: str, grid: Any, block: Any, args: Any, shared_bytes: int) -> None:
        self._runtime.launch(file, name, grid, block, args, shared_bytes)
        if not self._capturing():
            self._cupy.cuda.Device().synchronize()
        self.launches.append((file, name))

    def empty(self, shape: Any, dtype: Any) -> Any:
        """Filled with the bytes 0xff, NaN in every float type: an element nobody writes shows."""
        found = self._runtime.empty(shape, dtype)
        if found.nbytes:
            self._fill(found)
        return found

    def _fill(self, array: Any) -> None:
        array.data.memset_async(0xFF, array.nbytes)  # on the current stream, so that a capture takes it too

    def _capturing(self) -> bool:
        return bool(self._cupy.cuda.get_current_stream().is_capturing())

    def __getattr__(self, name: str) -> Any:
        """All else a runtime does is the device's."""
        return getattr(self._runtime, name)


@functools.cache
def _device_runtime() -> Any:
    """Kept from test to test, with what it has compiled."""
    return DeviceRuntime()


@pytest.fixture
def host() -> Iterator[OnCard]:
    """The CUDA device behind the face of tests/host_cuda/fixture.py's fixture."""
    with OnCard(_device_runtime()).current() as found:
        yield found
