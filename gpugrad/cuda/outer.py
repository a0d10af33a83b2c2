"""Launchers of kernels/outer.cu: outer products of samples, summed over the batch, each of them, and their norms."""

import math
from typing import Any

import numpy as np

from . import autotune, runtime
from .gemm import gemm, on_device
from .kernel import MAX_GRID_Y, MOST_COLUMNS, NULL, TYPES, aligned, blocks_for, c_contiguous, launch, type_name

FILE = "outer.cu"
THREADS = 256
TALL_ROWS, TALL_WIDTH = 4096, 256  # from so many rows on, and up to this width, the sum over them is split
TWO_BYTE_WIDTH = 32
_ROWS_AT_ONCE, _BLOCKS_PER_SM = 16, 4
INSTANCES = (
    *(f"outer_split<{t}, {m}>" for t in TYPES for m in (2, 4)),
    *(f"{kernel}<{t}>" for kernel in ("split_sum", "outer_each") for t in TYPES),
    *(f"outer_norms<{t}, {w}>" for t in TYPES for w in (1, 8)),
)


def alike(*arrays: Any) -> bool:
    """True for arrays of one storage dtype, in C order without gaps, of rows not too long (None counts as such)."""
    first = arrays[0]
    return (
        all(a is None or (on_device(a) and a.dtype == first.dtype and _countable(a.shape)) for a in arrays)
        and type_name(first.dtype) is not None
        and c_contiguous(*arrays)
    )


def _countable(shape: tuple[int, ...]) -> bool:
    return not shape or shape[-1] <= MOST_COLUMNS


def wide(dtype: Any) -> Any:
    """The NumPy type that the kernels compute in: float64 for float64, else float32."""
    return np.float64 if dtype == np.float64 else np.float32


def packed(*arrays: Any, widths: tuple[int, ...]) -> bool:
    """True where 16-byte accesses serve: aligned arrays whose rows, of these widths, are whole packs."""
    size = 16 // arrays[0].dtype.itemsize
    return aligned(*arrays) and all(n % size == 0 for n in widths)


def is_tall(n_rows: int, *widths: int) -> bool:
    """True where a sum over the rows is split between blocks, as there are too few columns to keep a card busy."""
    return n_rows >= TALL_ROWS and all(0 < n <= TALL_WIDTH for n in widths)


def ours_first(dtype: Any, *widths: int) -> bool:
    """Whether our kernel for tall sums is the default: not for wide ones of 2-byte floats, without tensor cores."""
    return dtype.itemsize > 2 or max(widths) <= TWO_BYTE_WIDTH


def outer_sum(g: Any, x: Any) -> Any:
    """Primitive outer_sum: g (..., m), x (..., n) -> (m, n), the sum over all leading axes."""
    if not (on_device(g) and on_device(x)) or g.shape[:-1] != x.shape[:-1] or not g.ndim:
        return NotImplemented
    (m,), (n,) = g.shape[-1:], x.shape[-1:]
    n_rows = math.prod(g.shape[:-1])
    if g.ndim != 2 and not c_contiguous(g, x):
        return NotImplemented
    rows = [a if a.ndim == 2 else a.reshape(n_rows, a.shape[-1]) for a in (g, x)]
    candidates = {"cuBLAS": lambda: gemm(rows[0].T, rows[1])}
    if is_tall(n_rows, m, n) and alike(g, x):
        ours = {"split over the rows": lambda: outer_split(g, x)}
        candidates = {**ours, **candidates} if ours_first(x.dtype, m, n) else {**candidates, **ours}
        work = autotune.Work(2.0 * n_rows * m * n, g.nbytes + x.nbytes + m * n * x.dtype.itemsize)
        return autotune.run("outer_sum", (n_rows, m, n), x.dtype, candidates, work)
    return candidates["cuBLAS"]()


def outer_split(u: Any, x: Any, weight: Any = None, *, scale: float = 1.0, scale_at: Any = None) -> Any:
    """scale * the sum over rows i of weight_i u_i x_i^T: u (..., m), x (..., n), weight (...) or None -> (m, n).

    scale_at: another factor, one element in device memory, of the dtype computed in.  All arrays `alike`.
    """
    (m,), (n,) = u.shape[-1:], x.shape[-1:]
    n_rows, now, kind = u.size // m, runtime.current(), wide(u.dtype)
    tile = 4 if max(m, n) > 32 else 2
    columns, rows = blocks_for(n, 16 * tile), blocks_for(m, 16 * tile)
    n_split, rows_each = splits(n_rows, _ROWS_AT_ONCE, columns * rows)
    part = now.empty((n_split, m, n), kind)
    shape = np.int64(n_rows), np.int64(rows_each), np.int32(m), np.int32(n)
    launch(
        FILE,
        f"outer_split<{type_name(u.dtype)}, {tile}>",
        (columns, rows, n_split),
        (THREADS,),
        (u, x, NULL if weight is None else weight, part, *shape, np.int32(packed(u, x, widths=(m, n)))),
    )
    return split_sum(part, now.empty((m, n), u.dtype), scale=scale, scale_at=scale_at)


def splits(n_rows: int, at_once: int, n_tiles: int) -> tuple[int, int]:
    """(number of splits, rows of each): enough blocks to fill the card `_BLOCKS_PER_SM` times, whole tiles of rows."""
    wanted = max(1, runtime.current().limits().n_sm * _BLOCKS_PER_SM // n_tiles)
    rows_each = blocks_for(n_rows, wanted * at_once) * at_once
    return blocks_for(n_rows, rows_each), rows_each


def split_sum(part: Any, a: Any, b: Any = None, *, scale: float = 1.0, scale_at: Any = None) -> Any:
    """a, and b behind it, = scale * the sum of part over its first axis, in a fixed order; returns a."""
    n_a, n_b = a.size, 0 if b is None else b.size
    if n_a + n_b:
        launch(
            FILE,
            f"split_sum<{type_name(a.dtype)}>",
            (blocks_for(n_a + n_b, 32),),
            (32, 8),
            (
                *(part, a, np.int64(n_a), NULL if b is None else b, np.int64(n_b), np.int32(part.shape[0])),
                *(wide(a.dtype)(scale), NULL if scale_at is None else scale_at),
            ),
        )
    return a


def outer_each(u: Any, x: Any) -> Any:
    """u_i x_i^T for each sample: u (N, m), x (N, n) -> (N, m, n)."""
    if not alike(u, x) or u.ndim != 2 or x.ndim != 2 or u.shape[0] != x.shape[0]:
        return NotImplemented
    (n_samples, m), n = u.shape, x.shape[1]
    y = runtime.current().empty((n_samples, m, n), u.dtype)
    if y.size:
        in_packs = packed(x, y, widths=(n,))
        n_columns = n * x.dtype.itemsize // 16 if in_packs else n
        w = min(THREADS, 1 << (n_columns - 1).bit_length())
        most = max(1, min(MAX_GRID_Y, runtime.current().limits().n_sm * 8))
        launch(
            FILE,
            f"outer_each<{type_name(u.dtype)}>",
            (blocks_for(n_columns, w), blocks_for(u.size, THREADS // w, most)),
            (w, THREADS // w),
            (u, x, y, np.int64(u.size), np.int32(m), np.int32(n), np.int32(in_packs)),
        )
    return y


def outer_norm2(g: Any, x: Any) -> Any:
    """Primitive outer_norm2: ||g^T x||^2 of g (..., rows, m), x (..., rows, n) -> (...), over pairs of rows.

    Declines where the product itself is less work.
    """
    if not alike(g, x) or g.ndim < 2 or g.shape[:-1] != x.shape[:-1]:
        return NotImplemented
    lead, (rows, m), n = g.shape[:-2], g.shape[-2:], x.shape[-1]
    if rows * (m + n) > m * n and rows > 1:
        return NotImplemented
    y = runtime.current().empty(lead, g.dtype)
    if y.size:
        warps = 1 if rows == 1 else 8
        launch(
            FILE,
            f"outer_norms<{type_name(g.dtype)}, {warps}>",
            (blocks_for(y.size, 8 // warps),),
            (THREADS,),
            (g, x, y, np.int64(y.size), np.int32(rows), np.int32(m), np.int32(n)),
        )
    return y
