"""Load a built library and launch its kernels on arrays over host memory."""

import ctypes
import mmap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .build import build
from .guarded import overwritten

_KINDS = {"i": "i", "u": "i", "b": "i", "f": "f", "V": "s"}


class HostModule:
    """The kernels `names` of one source text; mirrors `cupy.RawModule`."""

    def __init__(
        self,
        source: str,
        names: Iterable[str],
        filename: str = "kernel.cu",
        options: Iterable[str] = (),
    ) -> None:
        names = tuple(names)
        self.library = ctypes.CDLL(str(build(source, names, filename, options)))
        self.library.emu_switches.restype = self.library.emu_fault_address.restype = ctypes.c_ulonglong
        self._kernels = {name: HostKernel(self.library, i, name) for i, name in enumerate(names)}

    def order(self, mode: int, seed: int = 0) -> None:
        """Step the threads forward (0), in reverse (1) or in a pseudo-random order (2)."""
        self.library.emu_order(ctypes.c_uint(mode), ctypes.c_uint(seed))

    def switches(self) -> int:
        """How often a thread was left for another so far."""
        return int(self.library.emu_switches())

    def get_function(self, name: str) -> "HostKernel":
        return self._kernels[name]


class HostKernel:
    """One kernel, called as (grid, block, args, shared_bytes)."""

    def __init__(self, library: ctypes.CDLL, i: int, name: str) -> None:
        self.name = name
        self._fault_address = library.emu_fault_address
        self._run = getattr(library, f"emu_run_{i}")
        signature = getattr(library, f"emu_signature_{i}")
        self._run.restype = signature.restype = ctypes.c_char_p
        self.parameters = signature().decode().split(",")[:-1]

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared_bytes: int = 0
    ) -> None:
        self.prepared(grid, block, args, shared_bytes)()
        for i, value in enumerate(args):
            if is_array(value) and overwritten(start(value)):
                raise RuntimeError(f"{self.name}: it wrote beside the memory of argument {i}")

    def prepared(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared_bytes: int = 0
    ) -> Callable[[], None]:
        """The launch, its arguments checked and taken by value, to be done as often as wanted; it keeps no array."""
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name}: {len(self.parameters)} parameters, got {len(args)} arguments")
        values = [
            self._pass(i, a, parameter) for i, (a, parameter) in enumerate(zip(args, self.parameters, strict=True))
        ]
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        sizes = (ctypes.c_uint * 6)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3])
        ends = [(i, _address(value) + value.nbytes) for i, value in enumerate(args) if is_array(value)]

        def run() -> None:
            error = self._run(sizes, ctypes.c_size_t(shared_bytes), pointers)
            if error:
                raise RuntimeError(f"{self.name}: {error.decode()}{self._nearest(ends)}")

        run.values = values  # type: ignore[attr-defined]  # what the pointers point to
        return run

    def _nearest(self, ends: list[tuple[int, int]]) -> str:
        """Which argument an illegal address lies behind."""
        fault = self._fault_address()
        for i, end in ends:
            if 0 <= (past := fault - end) < mmap.PAGESIZE:
                return f" ({past} bytes past the end of argument {i})"
        return ""

    def _pass(self, i: int, value: Any, parameter: str) -> Any:
        """The C value of argument i; as on a device, a scalar's own type decides how many bytes travel."""
        if is_array(value):
            kind, passed = "p8", ctypes.c_void_p(_address(value))
        else:
            scalar = np.asarray(value)
            kind = _KINDS[scalar.dtype.kind] + str(scalar.nbytes)
            passed = ctypes.create_string_buffer(scalar.tobytes(), scalar.nbytes)
            if scalar.dtype == np.uintp and not scalar.any():
                kind = parameter if parameter == "p8" else kind  # the null pointer
        if kind != parameter:
            raise TypeError(f"{self.name}: argument {i} is {kind}, the parameter is {parameter}")
        return passed


def is_array(value: Any) -> bool:
    """True for what travels by its address: arrays, but not NumPy scalars and structured values of one element."""
    return hasattr(value, "strides") and not isinstance(value, np.generic) and value.dtype.fields is None


def _address(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def start(array: Any) -> int:
    """Where the memory begins that this array, perhaps a view, is part of."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.mem.ptr
