"""Values brought to mean 0 and variance 1 over some axes, without weight and bias."""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import primitive


@primitive(family="reduce", saves="y", several=True, cuda="norm.standardize")
def standardize(xp: Any, x: Any, *, axis: tuple[int, ...], eps: float) -> Any:
    """((x - mean) / sqrt(var + eps), mean, var), with mean and (biased) variance of x over `axis`, kept as 1s.

    Mean and variance of 2-byte floats are float32: in float16 a variance would soon be too large, or 0.
    """
    z, mean, var = standardized(xp, x, axis, eps)
    return z.astype(x.dtype, copy=False), mean, var


def standardized(xp: Any, x: Any, axis: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """What standardize gives, before rounding."""
    wide = widened(x)
    mean = wide.mean(axis=axis, keepdims=True)
    d = wide - mean
    var = (d * d).mean(axis=axis, keepdims=True)
    return d / xp.sqrt(var + eps), mean, var


def widened(x: Any) -> Any:
    """2-byte floats as float32."""
    return x.astype(np.float32) if is_narrow(x.dtype) else x


@standardize.vjp_all
def _(F, g, y, x, *, axis, eps):
    (g_z, g_mean, g_var), (z, _, var) = g, y
    std, n, dx = F.sqrt(var + eps), count(z, axis), None
    if g_z is not None:
        g_z = F.astype(g_z, dtype=var.dtype)
        dx = (g_z - mean_over(F, g_z, axis) - z * mean_over(F, g_z * z, axis)) / std
    if g_mean is not None:
        dx = plus(dx, F.broadcast_to(g_mean / n, shape=z.shape))
    if g_var is not None:
        dx = plus(dx, g_var * std * z * (2.0 / n))
    return (dx,)


@standardize.jvp
def _(F, t, y, x, *, axis, eps):
    z, _, var = y
    std, t = F.sqrt(var + eps), F.astype(t, dtype=var.dtype)
    t_mean, along = mean_over(F, t, axis), mean_over(F, t * z, axis)
    return (t - t_mean - z * along) / std, t_mean, 2.0 * std * along


def count(x: Any, axis: tuple[int, ...]) -> int:
    """How many elements each mean is of."""
    return math.prod(x.shape[i] for i in axis)


def mean_over(F: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The mean over `axis`, kept as 1s."""
    return F.sum(x, axis=axis, keepdims=True) / count(x, axis)


def plus(a: Any, b: Any) -> Any:
    """a + b, None standing for 0."""
    return b if a is None else a + b


__all__: list[str] = []
