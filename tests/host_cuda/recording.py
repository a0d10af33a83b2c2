"""A stream in capture: what is launched is taken down, by address, and runs at each replay."""

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# CuPy's functions that cannot be captured: those that wait for the device, and those that call cuBLAS.
WAITING = """
    sort argsort lexsort partition argpartition nonzero argwhere flatnonzero unique compress extract bincount median
    percentile quantile nanmedian nanpercentile nanquantile array_equal allclose
""".split()  # noqa: SIM905
BY_LIBRARY = "matmul dot vdot inner tensordot einsum kron __matmul__ __rmatmul__".split()  # noqa: SIM905
FROM_HOST = ("array", "asarray")
JOINING, MANY = ("concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"), 8
Refs = tuple["weakref.ref[Any]", ...]


class CaptureError(RuntimeError):
    """What CUDA or CuPy would answer to something that cannot be captured."""


class Recording:
    """The actions between begin and end of a capture, each with the memory that must be there at every replay."""

    def __init__(self) -> None:
        self._actions: list[tuple[str, Callable[[], Any], Refs]] = []
        self.names: list[str] = []

    def add(self, name: str, action: Callable[[], Any], refs: Any = ()) -> None:
        self._actions.append((name, action, tuple(ref for ref in refs if ref is not None)))
        self.names.append(name)

    def launch(self) -> None:
        """Run all actions."""
        if recording() is not None:
            raise CaptureError(f"a graph was launched while a stream was in capture; {_UNSUPPORTED}")
        for name, action, refs in self._actions:
            if any(ref() is None for ref in refs):
                raise AssertionError(f"replay: {name} uses memory that has been freed")
            action()


_UNSUPPORTED = "cudaErrorStreamCaptureUnsupported"
_active: list[Recording] = []


def recording() -> Recording | None:
    """The capture that is going on, or None."""
    return _active[-1] if _active else None


@contextlib.contextmanager
def capturing() -> Iterator[Recording]:
    """Take down what is launched within the block."""
    found = Recording()
    _active.append(found)
    try:
        yield found
    finally:
        _active.pop()


def refuse_in_capture(what: str) -> None:
    """Raise where a stream is in capture."""
    if recording() is not None:
        raise CaptureError(f"{what} while a stream is in capture; {_UNSUPPORTED}")


def require_capturable(name: str, module: str, args: Any, from_host: bool) -> None:
    """Raise CaptureError for functions of CuPy that cannot be captured."""
    if name in WAITING:
        raise CaptureError(f"cupy.{name} waits for the device; {_UNSUPPORTED}")
    if name in BY_LIBRARY or "linalg" in module:
        raise CaptureError(f"cupy.{name} calls a library that CuPy cannot capture; NotImplementedError")
    if name in JOINING and len(args[0]) > MANY:
        raise CaptureError(f"cupy.{name} of more than {MANY} arrays copies their addresses from the host")
    if name in FROM_HOST and from_host:
        raise CaptureError(f"cupy.{name} copies from the host; what is captured would be copied from freed memory")


# which memory an address belongs to

_MOST_ROOTS = 20_000  # then those that are gone are dropped
_roots: dict[int, tuple["weakref.ref[Any]", int, int]] = {}  # by where an array's memory begins: root, its bounds


def register(address: int, root: Any, lo: int, hi: int) -> None:
    """Memory that begins at `address` is part of `root`, which owns the bytes from lo to hi."""
    if len(_roots) > _MOST_ROOTS:
        for gone in [at for at, (ref, *_) in _roots.items() if ref() is None]:
            del _roots[gone]
    _roots[address] = weakref.ref(root), lo, hi


def memory_at(address: int) -> tuple["weakref.ref[Any] | None", int, int]:
    """The owner of an address, and the bounds of its memory; None where it is not known."""
    known = _roots.get(address)
    if known is not None and known[0]() is not None:
        return known
    found = (one for one in list(_roots.values()) if one[1] <= address < one[2] and one[0]() is not None)
    return next(found, (None, 0, 0))


def addresses_within(value: Any) -> list[int]:
    """The addresses in a structured argument, as the lists of the optimizer's kernels have them."""
    fields = value.dtype.fields or {}
    found = [np.ravel(value[name]) for name, (kind, *_) in fields.items() if kind.base == np.dtype("u8")]
    return [int(address) for array in found for address in array if address]
