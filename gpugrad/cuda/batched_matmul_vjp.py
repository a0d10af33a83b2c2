"""Launchers of kernels/batched_matmul_vjp.cu, and which products go to cuBLAS instead: matmul and both its gradients.

Transposes are views with other strides, or op flags; nothing is transposed in memory and nothing is computed wider than
the registers.  A gradient of a broadcast operand is summed where it is computed.
"""

import math
from typing import Any

import numpy as np

from . import autotune, runtime
from .gemm import gemm, gemm_batched, lead_strides, merged, on_device, product_shape
from .kernel import NULL, TYPES, blocks_for, c_contiguous, launch, type_name
from .outer import outer_each, outer_sum, split_sum, wide

FILE = "batched_matmul_vjp.cu"
THREADS = 256
SMALL = 32  # the largest side of the matrices that our kernels take
_MOST_EACH, _BLOCKS_PER_SM = 8, 4
_MOST_LOOP = _FARTHEST = 2**30  # what the kernels count in 32 bits: a loop, elements to the next row or column
INSTANCES = tuple(
    f"{kernel}<{t}, {r}>" for kernel in ("matmul_vjp_small", "matmul_small") for t in TYPES for r in (1, 4)
)
_STRIDES = np.dtype([("outer", "i8"), ("inner", "i8"), ("loop", "i8"), ("row", "i4"), ("column", "i4")])


def matmul(a: Any, b: Any) -> Any:
    """Primitive matmul: a (..., m, k), b (..., k, n) -> (..., m, n), leading axes broadcast; either may be 1-D."""
    if not _served(a, b) or a.ndim + b.ndim < 3 or not min(a.ndim, b.ndim):
        return NotImplemented
    if a.ndim == 1:
        y = _product(a[None, :], b)
        return y if y is NotImplemented else y.reshape(*y.shape[:-2], y.shape[-1])
    if b.ndim == 1:
        y = _product(a, b[:, None])
        return y if y is NotImplemented else y.reshape(y.shape[:-1])
    return _product(a, b)


def _served(*arrays: Any) -> bool:
    first = arrays[0]
    return all(map(on_device, arrays)) and all(
        a.dtype == first.dtype and type_name(a.dtype) is not None for a in arrays
    )


def _product(a: Any, b: Any) -> Any:
    shape = product_shape(a.shape, b.shape)
    if shape is None:
        return NotImplemented
    if a.ndim > 2 and b.ndim == 2 and c_contiguous(a):
        y = gemm(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b)
        return y if y is NotImplemented else y.reshape(shape)
    if len(shape) > 2 and a.shape[:-2] == b.shape[:-2] and a.shape[-1] == 1 and c_contiguous(a, b):
        n = math.prod(shape[:-2])
        y = outer_each(a.reshape(n, a.shape[-2]), b.reshape(n, b.shape[-1]))
        return y if y is NotImplemented else y.reshape(shape)
    if len(shape) > 2 and (y := _small_sum(a, b, shape)) is not NotImplemented:
        return y
    return gemm_batched(a, b)


def _t(x: Any) -> Any:
    """The last two axes exchanged, a view."""
    return x.swapaxes(-1, -2)


def matmul_vjp(g: Any, a: Any, b: Any) -> Any:
    """Primitive matmul_vjp: (da, db) of the shapes of a and b, from the cotangent g of a b."""
    if not _served(g, a, b) or min(a.ndim, b.ndim) < 2 or product_shape(a.shape, b.shape) != g.shape or not g.size:
        return NotImplemented
    if b.ndim == 2 and (a.ndim == 2 or c_contiguous(a, g)):
        da, db = _of_one_matrix(g, a, b)
    elif a.shape[:-2] == b.shape[:-2]:
        candidates = {"one kernel": lambda: _both_small(g, a, b), "cuBLAS": lambda: _both_large(g, a, b)}
        sizes = math.prod(a.shape[:-2]), *a.shape[-2:], b.shape[-1]
        work = autotune.Work(4.0 * math.prod(sizes), 2 * (a.nbytes + b.nbytes) + g.nbytes)
        both = autotune.run("matmul_vjp", sizes, g.dtype, candidates, work)
        da, db = (NotImplemented, NotImplemented) if both is NotImplemented else both
    else:
        da, db = _sum_of_products(g, _t(b), a.shape), _sum_of_products(_t(a), g, b.shape)
    return NotImplemented if da is NotImplemented or db is NotImplemented else (da, db)


def _of_one_matrix(g: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Both gradients where b is one matrix: all rows of a at once, and one deep product."""
    lead, a, g = a.shape[:-1], *(x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) for x in (a, g))
    da = gemm(g, b.T)
    return (da if da is NotImplemented else da.reshape(*lead, a.shape[-1])), outer_sum(a, g)


def _both_large(g: Any, a: Any, b: Any) -> Any:
    """(da, db) where nothing is broadcast, by cuBLAS."""
    da, db = gemm_batched(g, _t(b)), gemm_batched(_t(a), g)
    return NotImplemented if da is NotImplemented or db is NotImplemented else (da, db)


def _both_small(g: Any, a: Any, b: Any) -> Any:
    """(da, db) by one launch, where nothing is broadcast, the matrices are small and one stride leads through them."""
    (m, k), n, lead = a.shape[-2:], b.shape[-1], a.shape[:-2]
    axes = merged(lead, *(lead_strides(x, lead) for x in (g, a, b))) or [_ONCE]
    if len(axes) > 1 or min(m, k, n) < 1 or max(m, k, n) > SMALL or not _near(g, a, b):
        return NotImplemented
    now, n_products = runtime.current(), axes[0][0]
    da, db = now.empty(a.shape, a.dtype), now.empty(b.shape, b.dtype)
    size = m * (n | 1) + m * (k | 1) + k * (n | 1)
    tile = 4 if max(m, k, n) > 8 else 1
    n_tiles = math.ceil(m / tile) * math.ceil(k / tile) + math.ceil(k / tile) * math.ceil(n / tile)
    each = _each(n_tiles, size, n_products)
    by = [_strides(x, inner=step) for x, step in zip((g, a, b), axes[0][1], strict=True)]
    launch(
        FILE,
        f"matmul_vjp_small<{type_name(g.dtype)}, {tile}>",
        (blocks_for(n_products, each),),
        (THREADS,),
        (g, a, b, da, db, np.int64(n_products), np.int32(each), *by, np.int32(m), np.int32(k), np.int32(n)),
        each * size * np.dtype(wide(g.dtype)).itemsize,
    )
    return da, db


def _each(n_tiles: int, size: int, n_products: int) -> int:
    """Products a block holds: a tile for every thread if there is room in 48 KiB, and blocks for the whole card."""
    n_sm = runtime.current().limits().n_sm
    return max(1, min(_MOST_EACH, THREADS // n_tiles, 49152 // (8 * size), n_products // (n_sm * _BLOCKS_PER_SM)))


def _near(*arrays: Any) -> bool:
    """True where the kernels' strides reach from one row or column to the next."""
    return all(abs(s) <= _FARTHEST * x.dtype.itemsize for x in arrays for s in x.strides[-2:])


def _strides(x: Any, outer: int = 0, inner: int = 0, loop: int = 0) -> Any:
    """The kernels' struct Strides of a view, in elements."""
    row, column = (s // x.dtype.itemsize for s in x.strides[-2:])
    return np.array([(outer, inner, loop, row, column)], _STRIDES)


def _small_sum(p: Any, q: Any, shape: tuple[int, ...]) -> Any:
    """p q of small matrices, summed over the leading axes that `shape` has not, or has as 1."""
    (rows, depth), columns = p.shape[-2:], q.shape[-1]
    lead = np.broadcast_shapes(p.shape[:-2], q.shape[:-2])
    own = (1,) * (len(lead) - len(shape) + 2) + shape[:-2]
    if min(rows, depth, columns) < 1 or max(rows, depth, columns) > SMALL or 0 in lead or not _near(p, q):
        return NotImplemented
    steps = _own_strides(own, rows * columns)
    axes = merged(lead, lead_strides(p, lead), lead_strides(q, lead), steps)
    loops, owns = [a for a in axes if not a[1][2]], [a for a in axes if a[1][2]]
    if len(loops) > 1 or len(owns) > 2 or max((n for n, _ in axes), default=1) > _MOST_LOOP:
        return NotImplemented
    (n_loop, loop), (n_inner, inner), (n_outer, outer) = (
        (*loops, _ONCE)[0],
        (*owns[::-1], _ONCE)[0],
        (*owns[:-1], _ONCE)[0],
    )
    by_p, by_q = (_strides(x, outer[i], inner[i], loop[i]) for i, x in enumerate((p, q)))
    return _launch_small(p, q, shape, (n_outer, n_inner, n_loop), (by_p, by_q), (rows, columns, depth))


_ONCE: tuple[int, tuple[int, ...]] = (1, (0, 0, 0))


def _own_strides(own: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Elements from one result to the next along each leading axis, 0 along those that are summed."""
    strides = []
    for n in reversed(own):
        strides.append(0 if n == 1 else size)
        size *= n
    return tuple(reversed(strides))


def _launch_small(
    p: Any,
    q: Any,
    shape: tuple[int, ...],
    counts: tuple[int, int, int],
    by: tuple[Any, Any],
    sides: tuple[int, int, int],
) -> Any:
    (n_outer, n_inner, n_loop), (rows, columns, depth), now = counts, sides, runtime.current()
    size, n_own = rows * (depth | 1) + depth * (columns | 1) + rows * columns, n_outer * n_inner
    tile = 4 if max(sides) > 8 else 1
    each = _each(math.ceil(rows / tile) * math.ceil(columns / tile), size, n_own)
    blocks = blocks_for(n_own, each)
    n_split = max(1, min(n_loop, now.limits().n_sm * _BLOCKS_PER_SM // blocks))
    loop_each = blocks_for(n_loop, n_split)
    n_split = blocks_for(n_loop, loop_each)
    out, kind = now.empty(shape, p.dtype), wide(p.dtype)
    part = None if n_split == 1 else now.empty((n_split, out.size), kind)
    launch(
        FILE,
        f"matmul_small<{type_name(p.dtype)}, {tile}>",
        (blocks, n_split),
        (THREADS,),
        (
            p,
            q,
            out,
            NULL if part is None else part,
            *map(np.int32, (*counts, loop_each, each)),
            *by,
            *map(np.int32, sides),
        ),
        each * size * np.dtype(kind).itemsize,
    )
    return out if part is None else split_sum(part, out)


def _sum_of_products(p: Any, q: Any, shape: tuple[int, ...]) -> Any:
    """p q summed over the leading axes that `shape` has not, or has as 1: small ones by our kernel, else by cuBLAS."""
    full = product_shape(p.shape, q.shape)
    if (small := _small_sum(p, q, shape)) is not NotImplemented or full is None:
        return small
    if math.prod(full) == math.prod(shape):
        y = gemm_batched(p, q)
        return y if y is NotImplemented else y.reshape(shape)
    if math.prod(shape[:-2]) > 1:
        return NotImplemented  # summed over some axes only: the general forward does that
    parts = gemm_batched(p, q, dtype=wide(p.dtype))
    if parts is NotImplemented:
        return NotImplemented
    return split_sum(parts.reshape(-1, math.prod(shape)), runtime.current().empty(shape, p.dtype))
