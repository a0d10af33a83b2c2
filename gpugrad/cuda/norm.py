"""Layer norm over the last axes and batch norm over the samples of (N, C): by rows, or by columns."""

import math
from types import ModuleType
from typing import Any

from . import column_norm, row_norm, runtime
from .gemm import on_device
from .kernel import MOST_COLUMNS
from .outer import alike, wide


def standardize(x: Any, *, axis: tuple[int, ...], eps: float) -> Any:
    """Primitive standardize: (z, mean, var) of x over its last axes, or over the samples of x (N, C)."""
    return normalize(x, None, None, axis=axis, eps=eps)


def normalize(x: Any, weight: Any, bias: Any = None, *, axis: tuple[int, ...], eps: float) -> Any:
    """Primitive normalize: (z weight + bias, mean, var); weight and bias have the shape of the last axes, or (C,)."""
    if not _serves(x, weight, bias) or (kernels := _kernels(x, axis, weight, bias)) is None:
        return NotImplemented
    now = runtime.current()
    y, kept = now.empty(x.shape, x.dtype), tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    mean, var = (now.empty(kept, wide(x.dtype)) for _ in range(2))
    kernels.forward(x, weight, bias, y, mean, var, eps)
    return y, mean, var


def normalize_vjp(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, *, axis: tuple[int, ...], eps: float, bias: bool
) -> Any:
    """Primitive normalize_vjp: (dx, dweight) and, where `bias`, dbias of the shape of weight."""
    if not _serves(g, x, weight) or g.shape != x.shape or (kernels := _kernels(x, axis, weight)) is None:
        return NotImplemented
    kept = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    if not alike(mean, var) or mean.dtype != wide(x.dtype) or mean.shape != kept or var.shape != kept:
        return NotImplemented
    found = kernels.backward(g, x, weight, mean, var, eps)
    return found if found is NotImplemented or bias else found[:2]


def _serves(x: Any, *others: Any) -> bool:
    return on_device(x) and alike(x, *others) and x.size > 0


def _kernels(x: Any, axis: tuple[int, ...], *parameters: Any) -> Any:
    """Who serves: of rows for the last axes, of columns for the first of a matrix; None for anything else."""
    kernels: ModuleType
    if axis == tuple(range(x.ndim - len(axis), x.ndim)) and axis:
        kernels, expected = row_norm, x.shape[x.ndim - len(axis) :]
    elif axis == (0,) and x.ndim == 2:
        kernels, expected = column_norm, x.shape[1:]
    else:
        return None
    fits = math.prod(expected) <= MOST_COLUMNS and all(p is None or p.shape == expected for p in parameters)
    return kernels if fits else None
