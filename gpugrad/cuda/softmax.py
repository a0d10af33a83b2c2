"""Launchers of kernels/softmax.cu: softmax, its logarithm, the logarithm of its sum, and gradients."""

import math
from typing import Any, NamedTuple

import numpy as np

from . import runtime
from .kernel import TYPES, aligned, blocks_for, c_contiguous, launch, type_name

FILE = "softmax.cu"
THREADS = 256
BLOCKS_PER_SM = 16
INSTANCES = (
    *(f"softmax_fwd<{t}, {mode}>" for t in TYPES for mode in range(3)),
    *(f"softmax_vjp<{t}, {log}>" for t in TYPES for log in (0, 1)),
)


class Rows(NamedTuple):
    """How the rows of (n_rows, n_cols) arrays are dealt out to lanes."""

    n_rows: int
    n_cols: int
    width: int
    packed: bool
    grid: int
    block: int

    def launch(self, file: str, name: str, *args: Any) -> None:
        sizes = np.int64(self.n_rows), np.int64(self.n_cols), np.int32(self.width), np.int32(self.packed)
        launch(file, name, (self.grid,), (self.block,), (*args, *sizes))


def rows_of(n_rows: int, n_cols: int, *arrays: Any) -> Rows:
    """A few lanes for a short row, a warp for a longer one, a block for one that is long or where rows are few."""
    per_pack = 16 // arrays[0].dtype.itemsize
    packed = n_cols % per_pack == 0 and aligned(*arrays)
    n_units, n_sm = (n_cols // per_pack if packed else n_cols), runtime.current().limits().n_sm
    if n_units >= 1024 or (n_units >= 128 and n_rows < 4 * n_sm):
        width = block = 512 if n_units >= 16384 else THREADS
    else:
        width, block = min(32, 1 << max(0, math.ceil(n_units / 4) - 1).bit_length()), THREADS
    grid = blocks_for(n_rows, block // width, n_sm * BLOCKS_PER_SM)
    return Rows(n_rows, n_cols, width, packed, grid, block)


def served(*arrays: Any) -> bool:
    """True for arrays of one kind and storage dtype in C order, none of them empty."""
    first = arrays[0]
    if type_name(first.dtype) is None:
        return False
    for a in arrays:
        if type(a) is not type(first) or a.dtype != first.dtype or not a.size:
            return False
    return c_contiguous(*arrays)


def _split(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, int] | None:
    """(rows, columns) where `axis` names the trailing axes, else None."""
    n_kept = len(shape) - len(axis)
    if not axis or sorted(axis) != list(range(n_kept, len(shape))):
        return None
    return math.prod(shape[:n_kept]), math.prod(shape[n_kept:])


def _forward(mode: int, x: Any, axis: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    sizes = _split(x.shape, axis)
    if sizes is None or not served(x):
        return NotImplemented
    y = runtime.current().empty(shape, x.dtype)
    rows_of(*sizes, x, *(() if mode == 2 else (y,))).launch(FILE, f"softmax_fwd<{type_name(x.dtype)}, {mode}>", x, y)
    return y


def softmax(x: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive softmax of x over trailing axes."""
    return _forward(0, x, axis, x.shape)


def log_softmax(x: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive log_softmax of x over trailing axes."""
    return _forward(1, x, axis, x.shape)


def logsumexp(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Primitive logsumexp of x over trailing axes."""
    n_kept = x.ndim - len(axis)
    return _forward(2, x, axis, (*x.shape[:n_kept], *((1,) * len(axis) if keepdims else ())))


def _backward(log: int, g: Any, y: Any, axis: tuple[int, ...]) -> Any:
    sizes = _split(y.shape, axis)
    if sizes is None or g.shape != y.shape or not served(y, g):
        return NotImplemented
    dx = runtime.current().empty(y.shape, y.dtype)
    rows_of(*sizes, y, g, dx).launch(FILE, f"softmax_vjp<{type_name(y.dtype)}, {log}>", g, y, dx)
    return dx


def softmax_grad(g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive softmax_grad of g and y, of one shape."""
    return _backward(0, g, y, axis)


def log_softmax_grad(g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive log_softmax_grad of g and y, of one shape."""
    return _backward(1, g, y, axis)
