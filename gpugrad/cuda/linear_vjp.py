"""Launchers of kernels/linear_vjp.cu: all gradients of a linear layer with its activation, and column sums."""

import math
from typing import Any

import numpy as np

from . import autotune, epilogue, runtime
from .activations import STRUCTS, Activation, activation
from .gemm import gemm, on_device
from .kernel import MAX_GRID_Y, NULL, TYPES, blocks_for, launch, type_name
from .outer import alike, is_tall, ours_first, outer_split, packed, split_sum, splits, wide

FILE = "linear_vjp.cu"
THREADS, ROWS_AT_ONCE = 256, 32
_TILES = ((2, 2), (4, 4), (4, 8), (8, 4), (8, 8))  # in units of 16 outputs and 16 inputs
INSTANCES = (
    *(f"{kernel}<{t}>" for kernel in ("linear_delta", "bias_rows") for t in TYPES),
    *(f"linear_vjp_tall<{t}, {m}, {n}>" for t in TYPES for m, n in _TILES if t != "double" or max(m, n) < 8),
)


def as_rows(a: Any) -> Any:
    """(..., n) as one matrix, a view."""
    return a if a is None or a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def column_grid(n_rows: int, n_columns: int, itemsize: int, in_packs: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """(grid, block) where a thread owns a run of columns and rows by stride."""
    n_runs = n_columns * itemsize // 16 if in_packs else n_columns
    w = min(THREADS, 1 << (n_runs - 1).bit_length())
    columns = blocks_for(n_runs, w)
    most = min(MAX_GRID_Y, max(1, runtime.current().limits().n_sm * 8 // columns))
    return (columns, blocks_for(n_rows, THREADS // w, most)), (w, THREADS // w)


def named(name: str, options: tuple[tuple[str, Any], ...]) -> Activation | None:
    """The activation of these options, None where the kernels have none."""
    return activation(name, **dict(options))


def linear_vjp(
    g: Any,
    v: Any = None,
    x: Any = None,
    w: Any = None,
    scale: Any = None,
    *,
    activation: str,
    options: tuple[tuple[str, Any], ...],
    bias: bool,
) -> Any:
    """Primitive linear_vjp: dx where w is given, dw where x is, db where `bias`, from g and v = y or z."""
    act = named(activation, options)
    if act is None or not alike(g, v, x, w) or not g.ndim or (v is None and act.struct != "Identity"):
        return NotImplemented
    lead, n_out = g.shape[:-1], g.shape[-1]
    n_in = x.shape[-1] if x is not None and x.ndim else w.shape[-1] if w is not None and w.ndim == 2 else 1
    expected = ((v, g.shape), (x, (*lead, n_in)), (w, (n_out, n_in)))
    if not g.size or not n_in or any(a is not None and a.shape != shape for a, shape in expected):
        return NotImplemented
    factor = _factor(scale, g.dtype)
    if factor is None:
        return NotImplemented
    g, v, x = as_rows(g), as_rows(v), as_rows(x)
    wanted = w is not None, x is not None, bias
    candidates = {}
    if x is not None and is_tall(len(g), n_out, n_in) and (tile := _tile(g.dtype, n_out, n_in, w is not None)):
        candidates["one kernel"] = lambda: _tall(g, v, x, w, factor, act, tile)
    products = {"cuBLAS + kernel": lambda: _by_products(g, v, x, w, factor, act, bias)}
    candidates = {**candidates, **products} if ours_first(g.dtype, n_out, n_in) else {**products, **candidates}
    if x is not None and bias and factor == (1.0, None):
        candidates["cuBLASLt"] = lambda: _by_epilogue(g, v, x, w, act)
    name = " ".join(("linear_vjp", *(d for d, on in zip(("dx", "dw", "db"), wanted, strict=True) if on)))
    matrices = [a for a in (x, w) if a is not None]
    n_bytes = g.nbytes * (1 + (v is not None)) + sum(a.nbytes for a in matrices)
    n_bytes += (len(g) * (w is not None) + n_out * (x is not None)) * n_in * g.dtype.itemsize
    work = autotune.Work(2.0 * len(matrices) * len(g) * n_out * n_in, n_bytes)
    found = autotune.run(name, (len(g), n_out, n_in), g.dtype, candidates, work)
    if found is NotImplemented:
        return NotImplemented
    dx, dw, db = found
    dx = None if dx is None else dx.reshape(*lead, n_in)
    return tuple(d for d, on in zip((dx, dw, db), wanted, strict=True) if on)


def sum_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Primitive sum_to, where it is the sum over all axes but the last: the gradient of a bias."""
    if not on_device(x) or not alike(x) or x.ndim < 2 or not x.size or tuple(shape) != x.shape[-1:]:
        return NotImplemented
    return _delta(as_rows(x), None, Activation("Identity"), (1.0, None), True)[1]


def _factor(scale: Any, dtype: Any) -> tuple[float, Any] | None:
    """(scale as a number, where it lies on the device), one of them 1 or None; None for what does not serve."""
    if not on_device(scale):
        return (1.0 if scale is None else float(scale)), None
    serves = scale.size == 1 and scale.dtype == wide(dtype)
    return (1.0, scale) if serves else None


def _tile(dtype: Any, n_out: int, n_in: int, with_dx: bool) -> tuple[int, int, int] | None:
    """(M, N, bytes of shared memory) of the kernel that does all at once; None where dW does not fit into registers."""
    for m, n in _TILES:
        fits = n_out <= 16 * m and n_in <= 16 * n and (dtype != np.float64 or max(m, n) < 8)
        n_bytes = _tall_bytes(dtype, m, n, with_dx)
        if fits:
            return (m, n, n_bytes) if n_bytes <= runtime.current().limits().shared_bytes else None
    return None


def _tall_bytes(dtype: Any, m: int, n: int, with_dx: bool) -> int:
    rows_of_w = 16 * m if with_dx else 0
    n_values = ROWS_AT_ONCE * (16 * m + 4) + (ROWS_AT_ONCE + rows_of_w) * (16 * n + 4)
    return n_values * np.dtype(wide(dtype)).itemsize


def _tall(
    g: Any, v: Any, x: Any, w: Any, factor: tuple[float, Any], act: Activation, tile: tuple[int, int, int]
) -> tuple[Any, Any, Any]:
    (n_rows, n_out), n_in, (m, n, n_bytes) = g.shape, x.shape[1], tile
    now, kind = runtime.current(), wide(g.dtype)
    blocks = now.limits().n_sm * max(1, min(4, now.limits().shared_bytes // n_bytes))
    rows_each = blocks_for(n_rows, blocks * ROWS_AT_ONCE) * ROWS_AT_ONCE
    n_split = blocks_for(n_rows, rows_each)
    part = now.empty((n_split, n_out * n_in + n_out), kind)
    dx = None if w is None else now.empty((n_rows, n_in), g.dtype)
    arrays = (g, g if v is None else v, x, NULL if w is None else w, NULL if dx is None else dx, part)
    in_packs = packed(*(a for a in (g, v, x, w, dx) if a is not None), widths=(n_out, n_in))
    launch(
        FILE,
        f"linear_vjp_tall<{type_name(g.dtype)}, {m}, {n}>",
        (n_split,),
        (THREADS,),
        (
            *arrays,
            np.int64(n_rows),
            np.int64(rows_each),
            np.int32(n_out),
            np.int32(n_in),
            *_act_args(act, kind, in_packs),
        ),
        n_bytes,
    )
    dw, db = now.empty((n_out, n_in), g.dtype), now.empty((n_out,), g.dtype)
    split_sum(part, dw, db, scale=factor[0], scale_at=factor[1])
    return dx, dw, db


def _act_args(act: Activation, kind: Any, in_packs: bool) -> tuple[Any, ...]:
    return np.int32(STRUCTS.index(act.struct)), kind(act.p), kind(act.q), np.int32(in_packs)


def _by_products(g: Any, v: Any, x: Any, w: Any, factor: tuple[float, Any], act: Activation, bias: bool) -> Any:
    """delta and db in one pass, then a product for each of dx and dw."""
    delta, db = _delta(g, v, act, factor, bias)
    dx = None if w is None else gemm(delta, w)
    if x is None:
        dw = None
    elif is_tall(len(g), g.shape[1], x.shape[1]) and ours_first(g.dtype, g.shape[1], x.shape[1]):
        dw = outer_split(delta, x, scale=factor[0], scale_at=factor[1])
    else:
        dw = gemm(delta.T, x, alpha=factor[0] if factor[1] is None else factor[1])
    return NotImplemented if dx is NotImplemented or dw is NotImplemented else (dx, dw, db)


def _by_epilogue(g: Any, v: Any, x: Any, w: Any, act: Activation) -> Any:
    """delta in one pass, then dw and db by one product, and dx by another."""
    delta, _ = _delta(g, v, act, (1.0, None), False)
    dx, both = (None if w is None else gemm(delta, w)), epilogue.weight_and_bias_grad(delta, x)
    return NotImplemented if dx is NotImplemented or both is NotImplemented else (dx, *both)


def _delta(g: Any, v: Any, act: Activation, factor: tuple[float, Any], bias: bool) -> tuple[Any, Any]:
    """(g phi'(v), scale * its column sums or None); delta is g itself for the identity."""
    now, kind, (n_rows, n_out) = runtime.current(), wide(g.dtype), g.shape
    same = act.struct == "Identity"
    if same and not bias:
        return g, None
    delta = None if same else now.empty(g.shape, g.dtype)
    in_packs = packed(*(a for a in (g, v, delta) if a is not None), widths=(n_out,))
    (columns, _), block = column_grid(n_rows, n_out, g.dtype.itemsize, in_packs)
    n_split, rows_each = splits(n_rows, block[1], columns)
    part = now.empty((n_split, n_out), kind) if bias else None
    launch(
        FILE,
        f"linear_delta<{type_name(g.dtype)}>",
        (columns, n_split),
        block,
        (
            *(g, g if v is None else v, NULL if delta is None else delta, NULL if part is None else part),
            *(np.int64(n_rows), np.int64(rows_each), np.int32(n_out), *_act_args(act, kind, in_packs)),
        ),
    )
    db = split_sum(part, now.empty((n_out,), g.dtype), scale=factor[0], scale_at=factor[1]) if bias else None
    return (g if delta is None else delta), db
