"""Launchers of kernels/norm.cu: layer norm over the last axes, batch norm over the samples of (N, C), and gradients."""

from typing import Any

import numpy as np

from . import runtime
from .gemm import on_device
from .kernel import NULL, TYPES, blocks_for, launch, type_name
from .outer import alike, packed, split_sum, splits, wide

FILE = "norm.cu"
THREADS, BLOCKS_PER_SM = 256, 4
_ROWS, _COLUMNS = "rows", "columns"
INSTANCES = (
    *(f"{kernel}<{t}, {w}>" for kernel in ("row_norm_fwd", "row_norm_vjp") for t in TYPES for w in (1, 8)),
    *(
        f"{kernel}<{t}>"
        for kernel in ("column_moments", "column_merge", "column_norm_fwd", "column_sums", "column_norm_vjp")
        for t in TYPES
    ),
)


def standardize(x: Any, *, axis: tuple[int, ...], eps: float) -> Any:
    """Primitive standardize: (z, mean, var) of x over its last axes, or over the samples of x (N, C)."""
    return normalize(x, None, None, axis=axis, eps=eps)


def normalize(x: Any, weight: Any, bias: Any = None, *, axis: tuple[int, ...], eps: float) -> Any:
    """Primitive normalize: (z weight + bias, mean, var); weight and bias have the shape of the last axes, or (C,)."""
    if not _serves(x, weight, bias) or (kind := _direction(x, axis, weight, bias)) is None:
        return NotImplemented
    now = runtime.current()
    y, kept = now.empty(x.shape, x.dtype), tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    mean, var = (now.empty(kept, wide(x.dtype)) for _ in range(2))
    (_normalize_rows if kind == _ROWS else _normalize_columns)(x, weight, bias, y, mean, var, eps)
    return y, mean, var


def normalize_vjp(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, *, axis: tuple[int, ...], eps: float, bias: bool
) -> Any:
    """Primitive normalize_vjp: (dx, dweight) and, where `bias`, dbias of the shape of weight."""
    if not _serves(g, x, weight) or g.shape != x.shape or (kind := _direction(x, axis, weight, None)) is None:
        return NotImplemented
    kept = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    if not alike(mean, var) or mean.dtype != wide(x.dtype) or mean.shape != kept or var.shape != kept:
        return NotImplemented
    found = (_rows_vjp if kind == _ROWS else _columns_vjp)(g, x, weight, mean, var, eps)
    return found if found is NotImplemented or bias else found[:2]


def _serves(x: Any, *others: Any) -> bool:
    return on_device(x) and alike(x, *others) and x.size > 0


def _direction(x: Any, axis: tuple[int, ...], *parameters: Any) -> str | None:
    """Whether the statistics are of rows (the last axes) or columns (of a matrix); None for anything else."""
    if axis == tuple(range(x.ndim - len(axis), x.ndim)) and axis:
        kind, expected = _ROWS, x.shape[x.ndim - len(axis) :]
    elif axis == (0,) and x.ndim == 2:
        kind, expected = _COLUMNS, x.shape[1:]
    else:
        return None
    return kind if all(p is None or p.shape == expected for p in parameters) else None


def _or_null(a: Any) -> Any:
    return NULL if a is None else a


def _normalize_rows(x: Any, weight: Any, bias: Any, y: Any, mean: Any, var: Any, eps: float) -> None:
    n_rows, n_cols = mean.size, x.size // mean.size
    warps = 1 if n_cols <= 1024 else 8
    launch(
        FILE,
        f"row_norm_fwd<{type_name(x.dtype)}, {warps}>",
        (blocks_for(n_rows, 8 // warps),),
        (THREADS,),
        (
            *(x, _or_null(weight), _or_null(bias), y, mean, var),
            *(np.int64(n_rows), np.int32(n_cols), wide(x.dtype)(eps), np.int32(packed(x, y, widths=(n_cols,)))),
        ),
    )


def _rows_vjp(g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float) -> Any:
    now, kind, n_rows, n_cols = runtime.current(), wide(x.dtype), mean.size, weight.size
    n_bytes = 2 * n_cols * np.dtype(kind).itemsize
    warps = 1 if 8 * n_bytes <= 49152 else 8
    n_bytes *= 8 // warps
    if n_bytes > now.limits().shared_bytes:
        return NotImplemented
    blocks = blocks_for(n_rows, 8 // warps, now.limits().n_sm * BLOCKS_PER_SM)
    dx, part = now.empty(x.shape, x.dtype), now.empty((blocks, 2 * n_cols), kind)
    launch(
        FILE,
        f"row_norm_vjp<{type_name(x.dtype)}, {warps}>",
        (blocks,),
        (THREADS,),
        (
            *(g, x, weight, mean, var, dx, part),
            *(np.int64(n_rows), np.int32(n_cols), kind(eps), np.int32(packed(g, x, dx, widths=(n_cols,)))),
        ),
        n_bytes,
    )
    dw, db = (now.empty(weight.shape, weight.dtype) for _ in range(2))
    split_sum(part, dw, db)
    return dx, dw, db


class _Columns:
    """How a column kernel is launched on a matrix: its grid, block and the arguments that tell its shape."""

    def __init__(self, *arrays: Any) -> None:
        n_rows, n_cols = arrays[0].shape
        in_packs = packed(*(a for a in arrays if a is not None), widths=(n_cols,))
        n_runs = n_cols * arrays[0].dtype.itemsize // 16 if in_packs else n_cols
        w = min(THREADS, 1 << (n_runs - 1).bit_length())
        self.t, self.n_rows, self.n_cols = type_name(arrays[0].dtype), np.int64(n_rows), np.int32(n_cols)
        self.block, columns = (w, THREADS // w), blocks_for(n_runs, w)
        self.n_split, rows_each = splits(n_rows, THREADS // w, columns)
        self.grid, self.rows_each = (columns, self.n_split), np.int64(rows_each)
        self.shape, self.in_packs = (self.n_rows, self.rows_each, self.n_cols), np.int32(in_packs)

    def __call__(self, kernel: str, *args: Any) -> None:
        launch(FILE, f"{kernel}<{self.t}>", self.grid, self.block, (*args, self.in_packs))


def _normalize_columns(x: Any, weight: Any, bias: Any, y: Any, mean: Any, var: Any, eps: float) -> None:
    over, now, kind = _Columns(x, y), runtime.current(), wide(x.dtype)
    part = now.empty((over.n_split, 2 * int(over.n_cols)), kind)
    over("column_moments", x, part, *over.shape)
    grid = (blocks_for(int(over.n_cols), THREADS),)
    launch(FILE, f"column_merge<{over.t}>", grid, (THREADS,), (part, mean, var, *over.shape))
    over("column_norm_fwd", x, _or_null(weight), _or_null(bias), mean, var, y, *over.shape, kind(eps))


def _columns_vjp(g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float) -> Any:
    now, kind, n_cols = runtime.current(), wide(x.dtype), weight.size
    dx, dw, db = now.empty(x.shape, x.dtype), *(now.empty(weight.shape, weight.dtype) for _ in range(2))
    over = _Columns(g, x, dx)
    part = now.empty((over.n_split, 2 * n_cols), kind)
    over("column_sums", g, x, mean, var, part, *over.shape, kind(eps))
    sums = split_sum(part, now.empty((2 * n_cols,), kind))
    over("column_norm_vjp", g, x, weight, mean, var, sums, dx, dw, db, *over.shape, kind(eps))
    return dx, dw, db
