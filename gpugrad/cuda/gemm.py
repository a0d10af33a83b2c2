"""Matrix products by cuBLAS, of row-major views as they lie: a transposed view becomes an op flag, nothing is copied.

cuBLAS has matrices in columns, where a row-major (m, n) matrix is its own transpose; so c = a b is computed as
c^T = b^T a^T.  Sums are in float32 (float64 for float64), in TF32 only where `matmul_precision` says so.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from . import cublas, runtime
from .cublas import COMPUTE_F32, COMPUTE_F64, COMPUTE_TF32, DATA_TYPES, Operand
from .precision import current_precision

_LARGEST = 2**31 - 1  # cuBLAS counts in 32 bits
_MOST_CALLS = 64  # leading axes that no single stride describes are walked in so many calls at most


class Lying(NamedTuple):
    """How a (rows, columns) view lies in memory: as it is (N) or transposed (T), and its leading dimension."""

    op: int
    ld: int


def gemm(a: Any, b: Any, out: Any = None, *, alpha: Any = 1.0, beta: float = 0.0, dtype: Any = None) -> Any:
    """alpha a b + beta out for views a (m, k), b (k, n): into `out`, or into a new array of `dtype` (default: a's).

    alpha: a number, or an array of one element on the device (float32; float64 for float64 operands), and beta 0 or 1.
    Returns NotImplemented for other ranks, dtypes that differ or have no kernel, and views without a unit stride.
    """
    if getattr(a, "ndim", 0) != 2 or getattr(b, "ndim", 0) != 2:
        return NotImplemented
    return gemm_batched(a, b, out, alpha=alpha, beta=beta, dtype=dtype)


def gemm_batched(a: Any, b: Any, out: Any = None, *, alpha: Any = 1.0, beta: float = 0.0, dtype: Any = None) -> Any:
    """alpha a b + beta out for each matrix of a (..., m, k), b (..., k, n), leading axes broadcast; else as `gemm`."""
    if not (on_device(a) and on_device(b)) or a.dtype != b.dtype or a.dtype.name not in DATA_TYPES:
        return NotImplemented
    shape = product_shape(a.shape, b.shape)
    if on_device(alpha) and (alpha.size != 1 or alpha.dtype != (np.float64 if a.dtype == np.float64 else np.float32)):
        return NotImplemented
    if shape is None or max(*a.shape[-2:], *b.shape[-2:]) > _LARGEST:
        return NotImplemented
    a_lies, b_lies = lies(a), lies(b)
    if a.size and b.size and any(x is None or x.ld > _LARGEST for x in (a_lies, b_lies)):
        return NotImplemented
    if out is None:
        out, beta = runtime.current().empty(shape, a.dtype if dtype is None else dtype), 0.0
    elif out.shape != shape or not out.flags.c_contiguous:
        return NotImplemented
    if not out.size:
        return out
    if not a.shape[-1]:
        return _without_products(out, beta)
    calls = walk(shape[:-2], *(lead_strides(x, shape[:-2]) for x in (a, b, out)))
    if len(calls) > _MOST_CALLS or calls[0].n_matrices > _LARGEST:
        return NotImplemented
    _multiply(a, b, out, a_lies, b_lies, calls, alpha, beta)
    return out


def on_device(x: Any) -> bool:
    """True for arrays of the device, not for numbers and NumPy's arrays and scalars."""
    return hasattr(getattr(x, "data", None), "ptr")


def product_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a b, leading axes broadcast; None where they do not fit."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        return None
    try:
        return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
    except ValueError:
        return None


def lies(x: Any) -> Lying | None:
    """How the matrices of a view (..., rows, columns) lie, seen in columns; None where neither axis has unit stride."""
    n_rows, n_columns = x.shape[-2:]
    by_row, by_column = (s // x.dtype.itemsize for s in x.strides[-2:])
    if n_columns == 1 or by_column == 1:  # rows without gaps between elements: in columns, its transpose as it lies
        ld = n_columns if n_rows == 1 else by_row
        if ld >= max(1, n_columns):
            return Lying(cublas.N, ld)
    if n_rows == 1 or by_row == 1:
        ld = n_rows if n_columns == 1 else by_column
        if ld >= max(1, n_rows):
            return Lying(cublas.T, ld)
    return None


def lead_strides(x: Any, lead: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one matrix to the next along each of the leading axes `lead`, 0 where x is broadcast."""
    own = (1,) * (len(lead) - x.ndim + 2) + x.shape[:-2]
    strides = (0,) * (len(lead) - x.ndim + 2) + x.strides[:-2]
    return tuple(0 if n == 1 else s // x.dtype.itemsize for n, s in zip(own, strides, strict=True))


def merged(lead: tuple[int, ...], *strides: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """The leading axes as (length, stride of each operand), neighbours made one where every operand's strides allow."""
    axes: list[tuple[int, tuple[int, ...]]] = []
    for n, steps in zip(lead, zip(*strides, strict=True), strict=True):
        if n == 1:
            continue
        if axes and axes[-1][1] == tuple(n * s for s in steps):  # one step of the outer axis is a whole inner one
            axes[-1] = (axes[-1][0] * n, steps)
        else:
            axes.append((n, steps))
    return axes


class Call(NamedTuple):
    """One strided batch: where it begins in each of (a, b, out), in elements, its strides, its number of matrices."""

    begins: tuple[int, ...]
    strides: tuple[int, ...]
    n_matrices: int


def walk(lead: tuple[int, ...], *strides: tuple[int, ...]) -> list[Call]:
    """The strided batches that together are all matrices of the leading axes, as few as their strides allow."""
    axes = merged(lead, *strides)
    if not axes:
        return [Call((0,) * len(strides), (0,) * len(strides), 1)]
    longest = max(range(len(axes)), key=lambda i: axes[i][0])
    n, steps = axes.pop(longest)
    if math.prod(n for n, _ in axes) > _MOST_CALLS:
        return [Call((), (), 0)] * (_MOST_CALLS + 1)
    begins = [
        tuple(sum(i * step[j] for i, (_, step) in zip(index, axes, strict=True)) for j in range(len(strides)))
        for index in np.ndindex(*(n for n, _ in axes))
    ]
    return [Call(begin, steps, n) for begin in begins]


def _multiply(a: Any, b: Any, out: Any, a_lies: Any, b_lies: Any, calls: list[Call], alpha: Any, beta: float) -> None:
    m, k, n, size = a.shape[-2], a.shape[-1], b.shape[-1], a.dtype.itemsize
    kind, out_kind = DATA_TYPES[a.dtype.name], DATA_TYPES[out.dtype.name]
    handle, stream = cublas.handle()
    for (a_at, b_at, out_at), (a_step, b_step, out_step), n_matrices in calls:
        handle.gemm(
            (n, m, k, n_matrices),
            Operand(b.data.ptr + b_at * size, kind, b_lies.op, b_lies.ld, b_step),
            Operand(a.data.ptr + a_at * size, kind, a_lies.op, a_lies.ld, a_step),
            Operand(out.data.ptr + out_at * out.dtype.itemsize, out_kind, cublas.N, n, out_step),
            compute_type(a.dtype),
            alpha,
            beta,
            stream,
        )


def compute_type(dtype: Any) -> int:
    """cublasComputeType_t of operands of a dtype, as `matmul_precision` says."""
    if dtype == np.float64:
        return COMPUTE_F64
    return COMPUTE_TF32 if dtype == np.float32 and current_precision() == "tf32" else COMPUTE_F32


def _without_products(out: Any, beta: float) -> Any:
    """beta out: what is left where the depth is 0 and beta is 0 or 1."""
    if not beta:
        runtime.current().copy(out, runtime.current().zeros(out.shape, out.dtype))
    return out
