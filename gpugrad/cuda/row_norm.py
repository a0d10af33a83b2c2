"""Launchers of kernels/row_norm.cu: the norm of each row, as of layers, and its gradients."""

from typing import Any

import numpy as np

from . import runtime
from .kernel import NULL, TYPES, blocks_for, launch, type_name
from .outer import packed, split_sum, wide

FILE = "row_norm.cu"
THREADS, BLOCKS_PER_SM = 256, 4
_OWN_BYTES = 256  # of shared memory, that row_norm_vjp declares itself
INSTANCES = tuple(f"{kernel}<{t}, {w}>" for kernel in ("row_norm_fwd", "row_norm_vjp") for t in TYPES for w in (1, 8))


def forward(x: Any, weight: Any, bias: Any, y: Any, mean: Any, var: Any, eps: float) -> None:
    """Write y, mean and var of the rows of x, of which there are mean.size."""
    n_rows, n_cols = mean.size, x.size // mean.size
    warps = 1 if n_cols <= 1024 else 8
    launch(
        FILE,
        f"row_norm_fwd<{type_name(x.dtype)}, {warps}>",
        (blocks_for(n_rows, 8 // warps),),
        (THREADS,),
        (
            *(x, NULL if weight is None else weight, NULL if bias is None else bias, y, mean, var),
            *(np.int64(n_rows), np.int32(n_cols), wide(x.dtype)(eps), np.int32(packed(x, y, widths=(n_cols,)))),
        ),
    )


def backward(g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float) -> Any:
    """(dx, dweight, dbias), NotImplemented where a row's two sums do not fit into shared memory."""
    now, kind, n_rows, n_cols = runtime.current(), wide(x.dtype), mean.size, weight.size
    n_bytes = 2 * n_cols * np.dtype(kind).itemsize
    warps = 1 if 8 * n_bytes <= 49152 else 8
    n_bytes *= 8 // warps
    if n_bytes > now.limits().shared_bytes - _OWN_BYTES:
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
