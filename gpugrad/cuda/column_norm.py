"""Launchers of kernels/column_norm.cu: the norm of each column of a matrix, as of batches, and its gradients."""

from typing import Any

import numpy as np

from . import runtime
from .kernel import NULL, TYPES, blocks_for, launch, type_name
from .outer import packed, split_sum, splits, wide

FILE = "column_norm.cu"
THREADS = 256
INSTANCES = tuple(
    f"{kernel}<{t}>"
    for kernel in ("column_moments", "column_merge", "column_norm_fwd", "column_sums", "column_norm_vjp")
    for t in TYPES
)


class _Columns:
    """How a kernel is launched on a matrix: its grid, block and the arguments that tell its shape."""

    def __init__(self, *arrays: Any) -> None:
        n_rows, n_cols = arrays[0].shape
        in_packs = packed(*arrays, widths=(n_cols,))
        n_runs = n_cols * arrays[0].dtype.itemsize // 16 if in_packs else n_cols
        w = min(THREADS, 1 << (n_runs - 1).bit_length())
        self.t, self.n_rows, self.n_cols = type_name(arrays[0].dtype), np.int64(n_rows), np.int32(n_cols)
        self.block, columns = (w, THREADS // w), blocks_for(n_runs, w)
        self.n_split, rows_each = splits(n_rows, THREADS // w, columns)
        self.grid, self.rows_each = (columns, self.n_split), np.int64(rows_each)
        self.shape, self.in_packs = (self.n_rows, self.rows_each, self.n_cols), np.int32(in_packs)

    def __call__(self, kernel: str, *args: Any) -> None:
        launch(FILE, f"{kernel}<{self.t}>", self.grid, self.block, (*args, self.in_packs))


def forward(x: Any, weight: Any, bias: Any, y: Any, mean: Any, var: Any, eps: float) -> None:
    """Write y, mean and var of the columns of x."""
    over, now, kind = _Columns(x, y), runtime.current(), wide(x.dtype)
    part = now.empty((over.n_split, 2 * int(over.n_cols)), kind)
    over("column_moments", x, part, *over.shape)
    grid = (blocks_for(int(over.n_cols), THREADS),)
    launch(FILE, f"column_merge<{over.t}>", grid, (THREADS,), (part, mean, var, *over.shape))
    parameters = (NULL if p is None else p for p in (weight, bias))
    over("column_norm_fwd", x, *parameters, mean, var, y, *over.shape, kind(eps))


def backward(g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any, Any]:
    """(dx, dweight, dbias)."""
    now, kind, n_cols = runtime.current(), wide(x.dtype), weight.size
    dx, dw, db = now.empty(x.shape, x.dtype), *(now.empty(weight.shape, weight.dtype) for _ in range(2))
    over = _Columns(g, x, dx)
    part = now.empty((over.n_split, 2 * n_cols), kind)
    over("column_sums", g, x, mean, var, part, *over.shape, kind(eps))
    sums = split_sum(part, now.empty((2 * n_cols,), kind))
    over("column_norm_vjp", g, x, weight, mean, var, sums, dx, dw, db, *over.shape, kind(eps))
    return dx, dw, db
