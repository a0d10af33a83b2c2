"""Launchers of kernels/softmax_xent.cu: softmax, its kin and gradients, and cross entropy of softmax."""

import math
from typing import Any, NamedTuple

import numpy as np

from . import runtime
from .kernel import NULL, TYPES, aligned, blocks_for, c_contiguous, launch, type_name

FILE = "softmax_xent.cu"
THREADS = 256
BLOCKS_PER_SM = 16
PARTS = 256  # blocks that add up the samples' weights
INSTANCES = (
    *(f"softmax_fwd<{t}, {mode}>" for t in TYPES for mode in range(3)),
    *(f"{kernel}<{t}, {flag}>" for kernel in ("softmax_vjp", "xent_fwd", "xent_vjp") for t in TYPES for flag in (0, 1)),
    *(f"{kernel}<{t}>" for kernel in ("xent_weights", "xent_total") for t in TYPES),
)


class Rows(NamedTuple):
    """How the rows of (n_rows, n_cols) arrays are dealt out to lanes."""

    n_rows: int
    n_cols: int
    width: int
    packed: bool
    grid: int
    block: int

    def launch(self, name: str, *args: Any) -> None:
        sizes = np.int64(self.n_rows), np.int64(self.n_cols), np.int32(self.width), np.int32(self.packed)
        launch(FILE, name, (self.grid,), (self.block,), (*args, *sizes))


def _rows(n_rows: int, n_cols: int, *arrays: Any) -> Rows:
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


def _served(*arrays: Any) -> bool:
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
    if sizes is None or not _served(x):
        return NotImplemented
    y = runtime.current().empty(shape, x.dtype)
    _rows(*sizes, x, *(() if mode == 2 else (y,))).launch(f"softmax_fwd<{type_name(x.dtype)}, {mode}>", x, y)
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
    if sizes is None or g.shape != y.shape or not _served(y, g):
        return NotImplemented
    dx = runtime.current().empty(y.shape, y.dtype)
    _rows(*sizes, y, g, dx).launch(f"softmax_vjp<{type_name(y.dtype)}, {log}>", g, y, dx)
    return dx


def softmax_grad(g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive softmax_grad of g and y, of one shape."""
    return _backward(0, g, y, axis)


def log_softmax_grad(g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """Primitive log_softmax_grad of g and y, of one shape."""
    return _backward(1, g, y, axis)


def _labels(target: Any, logits: Any) -> tuple[int, int] | None:
    """(SOFT, size of a label: negative where signed) of a target that fits the logits, else None."""
    if type(target) is not type(logits) or not logits.ndim or not _served(logits) or not c_contiguous(target):
        return None
    if target.dtype == logits.dtype and target.shape == logits.shape:
        return 1, 0
    if target.dtype.kind not in "iu" or target.shape != logits.shape[:-1]:
        return None
    return 0, -target.dtype.itemsize if target.dtype.kind == "i" else target.dtype.itemsize


def _kind(dtype: Any) -> Any:
    """The dtype of the kernels' arithmetic."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def _per_sample(logits: Any, target: Any) -> Any:
    labels = _labels(target, logits)
    if labels is None:
        return NotImplemented
    soft, label_bytes = labels
    now, n_cols, kind = runtime.current(), logits.shape[-1], _kind(logits.dtype).type
    p, loss = now.empty(logits.shape, logits.dtype), now.empty(logits.shape[:-1], logits.dtype)
    rows = _rows(logits.size // n_cols, n_cols, logits, p, target if soft else None)
    args = logits, target, np.int32(label_bytes), NULL, kind(0), p, np.int32(0), loss, NULL, NULL, np.int32(0)
    rows.launch(f"xent_fwd<{type_name(logits.dtype)}, {soft}>", *args)
    return loss, p


def cross_entropy_index(logits: Any, target: Any) -> Any:
    """Primitive cross_entropy_index: (loss, p) for class indices."""
    return _per_sample(logits, target) if target.dtype.kind in "iu" else NotImplemented


def cross_entropy_soft(logits: Any, target: Any) -> Any:
    """Primitive cross_entropy_soft: (loss, p) for soft labels in the logits' dtype."""
    return _per_sample(logits, target) if target.dtype == logits.dtype else NotImplemented


def _per_sample_grad(g: Any, p: Any, target: Any) -> Any:
    labels = _labels(target, p)
    one_for_all = not any(getattr(g, "strides", (1,)))
    if (
        labels is None
        or type(g) is not type(p)
        or g.dtype != p.dtype
        or g.shape != p.shape[:-1]
        or not (one_for_all or c_contiguous(g))
    ):
        return NotImplemented
    soft, label_bytes = labels
    dz, n_cols = runtime.current().empty(p.shape, p.dtype), p.shape[-1]
    rows = _rows(p.size // n_cols, n_cols, p, dz, target if soft else None)
    args = g, np.int32(not one_for_all), p, target, np.int32(label_bytes), dz
    rows.launch(f"xent_vjp<{type_name(p.dtype)}, {soft}>", *args)
    return dz


def cross_entropy_index_grad(g: Any, p: Any, target: Any) -> Any:
    """Primitive cross_entropy_index_grad; g of shape (...) may be one value, broadcast."""
    return _per_sample_grad(g, p, target) if target.dtype.kind in "iu" else NotImplemented


def cross_entropy_soft_grad(g: Any, p: Any, target: Any) -> Any:
    """Primitive cross_entropy_soft_grad; g of shape (...) may be one value, broadcast."""
    return _per_sample_grad(g, p, target) if target.dtype == p.dtype else NotImplemented


def cross_entropy_mean(logits: Any, target: Any, weight: Any = None, *, smoothing: float) -> Any:
    """Primitive cross_entropy_mean: (mean loss, its gradient, number of hits)."""
    labels = _labels(target, logits)
    n_cols = logits.shape[-1] if labels else 0
    if labels is None or (weight is not None and (weight.shape != (n_cols,) or not _served(logits, weight))):
        return NotImplemented
    soft, label_bytes = labels
    now, t, kind, n_rows = runtime.current(), type_name(logits.dtype), _kind(logits.dtype), logits.size // n_cols
    slope = now.empty(logits.shape, logits.dtype)
    rows = _rows(n_rows, n_cols, logits, slope, target if soft else None)
    parts = now.empty((2 * rows.grid,), kind)
    given, weighed = NULL if weight is None else weight, (NULL, np.int32(0))
    if weight is not None and not soft:
        grid = blocks_for(n_rows, THREADS, PARTS)
        weighed = now.empty((grid,), kind), np.int32(grid)
        label_args = target, np.int32(label_bytes), weight, weighed[0], np.int64(n_rows), np.int64(n_cols)
        launch(FILE, f"xent_weights<{t}>", (grid,), (THREADS,), label_args)
    q_args = target, np.int32(label_bytes), given, kind.type(smoothing)
    rows.launch(f"xent_fwd<{t}, {soft}>", logits, *q_args, slope, np.int32(1), NULL, parts, *weighed)
    loss, hits = now.empty((), logits.dtype), now.empty((), np.int64)
    total_args = parts, np.int32(rows.grid), *weighed, np.int64(n_rows), loss, hits
    launch(FILE, f"xent_total<{t}>", (1,), (THREADS,), total_args)
    return loss, slope, hits
