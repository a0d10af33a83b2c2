"""Launchers of kernels/softmax_xent.cu: cross entropy of softmax, its gradient, and the mean with its own."""

from typing import Any

import numpy as np

from . import runtime
from .kernel import MOST_COLUMNS, NULL, TYPES, blocks_for, c_contiguous, launch, type_name
from .softmax import THREADS, rows_of, served

FILE = "softmax_xent.cu"
PARTS = 256  # blocks that add up the samples' weights
INSTANCES = (
    *(f"{kernel}<{t}, {soft}>" for kernel in ("xent_fwd", "xent_vjp") for t in TYPES for soft in (0, 1)),
    *(f"{kernel}<{t}>" for kernel in ("xent_weights", "xent_total") for t in TYPES),
)


def _labels(target: Any, logits: Any) -> tuple[int, int] | None:
    """(SOFT, size of a label: negative where signed) of a target that fits the logits, else None."""
    if type(target) is not type(logits) or not logits.ndim or not served(logits) or not c_contiguous(target):
        return None
    if logits.shape[-1] > MOST_COLUMNS:
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
    rows = rows_of(logits.size // n_cols, n_cols, logits, p, target if soft else None)
    args = logits, target, np.int32(label_bytes), NULL, kind(0), p, np.int32(0), loss, NULL, NULL, np.int32(0)
    rows.launch(FILE, f"xent_fwd<{type_name(logits.dtype)}, {soft}>", *args)
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
    rows = rows_of(p.size // n_cols, n_cols, p, dz, target if soft else None)
    args = g, np.int32(not one_for_all), p, target, np.int32(label_bytes), dz
    rows.launch(FILE, f"xent_vjp<{type_name(p.dtype)}, {soft}>", *args)
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
    if labels is None or (weight is not None and (weight.shape != (n_cols,) or not served(logits, weight))):
        return NotImplemented
    soft, label_bytes = labels
    now, t, kind, n_rows = runtime.current(), type_name(logits.dtype), _kind(logits.dtype), logits.size // n_cols
    slope = now.empty(logits.shape, logits.dtype)
    rows = rows_of(n_rows, n_cols, logits, slope, target if soft else None)
    parts = now.empty((2 * rows.grid,), kind)
    given, weighed = NULL if weight is None else weight, (NULL, np.int32(0))
    if weight is not None and not soft:
        grid = blocks_for(n_rows, THREADS, PARTS)
        weighed = now.empty((grid,), kind), np.int32(grid)
        label_args = target, np.int32(label_bytes), weight, weighed[0], np.int64(n_rows), np.int64(n_cols)
        launch(FILE, f"xent_weights<{t}>", (grid,), (THREADS,), label_args)
    q_args = target, np.int32(label_bytes), given, kind.type(smoothing)
    rows.launch(FILE, f"xent_fwd<{t}, {soft}>", logits, *q_args, slope, np.int32(1), NULL, parts, *weighed)
    loss, hits = now.empty((), logits.dtype), now.empty((), np.int64)
    total_args = parts, np.int32(rows.grid), *weighed, np.int64(n_rows), loss, hits
    launch(FILE, f"xent_total<{t}>", (1,), (THREADS,), total_args)
    return loss, slope, hits
