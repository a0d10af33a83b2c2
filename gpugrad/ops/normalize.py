"""Normalisation: values brought to mean 0 and variance 1 over some axes, and the layer and batch forms of it."""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import primitive
from ..errors import ShapeError


@primitive(family="reduce", saves="y", several=True)
def standardize(xp: Any, x: Any, *, axis: tuple[int, ...], eps: float) -> Any:
    """((x - mean) / sqrt(var + eps), mean, var), with mean and (biased) variance of x over `axis`, kept as 1s.

    Mean and variance of 2-byte floats are float32: in float16 a variance would soon be too large, or 0.
    """
    wide = x.astype(np.float32) if is_narrow(x.dtype) else x
    mean = wide.mean(axis=axis, keepdims=True)
    d = wide - mean
    var = (d * d).mean(axis=axis, keepdims=True)
    return (d / xp.sqrt(var + eps)).astype(x.dtype, copy=False), mean, var


@standardize.vjp_all
def _(F, g, y, x, *, axis, eps):
    (g_z, g_mean, g_var), (z, _, var) = g, y
    std, n, dx = F.sqrt(var + eps), _count(z, axis), None
    if g_z is not None:
        g_z = F.astype(g_z, dtype=var.dtype)
        dx = (g_z - _mean(F, g_z, axis) - z * _mean(F, g_z * z, axis)) / std
    if g_mean is not None:
        dx = _plus(dx, F.broadcast_to(g_mean / n, shape=z.shape))
    if g_var is not None:
        dx = _plus(dx, g_var * std * z * (2.0 / n))
    return (dx,)


@standardize.jvp
def _(F, t, y, x, *, axis, eps):
    z, _, var = y
    std, t = F.sqrt(var + eps), F.astype(t, dtype=var.dtype)
    t_mean, along = _mean(F, t, axis), _mean(F, t * z, axis)
    return (t - t_mean - z * along) / std, t_mean, 2.0 * std * along


def _count(x: Any, axis: tuple[int, ...]) -> int:
    return math.prod(x.shape[i] for i in axis)


def _mean(F: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return F.sum(x, axis=axis, keepdims=True) / _count(x, axis)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a + b


def layer_norm(x: Any, weight: Any = None, bias: Any = None, n_axes: int = 1, eps: float = 1e-5) -> Any:
    """weight (x - mean) / sqrt(var + eps) + bias, with mean and variance of each sample over its last n_axes axes.

    x (..., *shape) with n_axes axes in shape; weight and bias have that shape, or are None.  Raises ShapeError.
    Source: Ba, Kiros and Hinton, Layer normalization, 2016.
    """
    if not 1 <= n_axes <= x.ndim:
        raise ShapeError(f"layer_norm: x has shape {x.shape}; expected at least {n_axes} axes to normalise over")
    behind = tuple(x.shape[x.ndim - n_axes :])
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and tuple(parameter.shape) != behind:
            raise ShapeError(f"layer_norm: {name} has shape {parameter.shape}; expected {behind}, the last axes of x")
    z, _, _ = standardize(x, axis=tuple(range(x.ndim - n_axes, x.ndim)), eps=eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """(y, mean, var) with y = weight (x - mean) / sqrt(var + eps) + bias, where mean and variance are each channel's.

    x (N, C, ...); weight, bias, mean and (biased) var (C,).  The samples of a batch depend on each other here: the
    gradient of the mean loss is not the mean of per-sample gradients.  Raises ShapeError.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: x has shape {x.shape}; expected (N, C) or (N, C, ...)")
    z, mean, var = standardize(x, axis=(0, *range(2, x.ndim)), eps=eps)
    return scale_channels(z, weight, bias), mean.reshape(-1), var.reshape(-1)


def scale_channels(x: Any, weight: Any, bias: Any) -> Any:
    """weight x + bias for x (N, C, ...) and weight, bias (C,) or None.  Raises ShapeError."""
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and tuple(parameter.shape) != (x.shape[1],):
            raise ShapeError(f"batch_norm: {name} has shape {parameter.shape}; x has {x.shape[1]} channels (axis 1)")
    column = (-1, *(1,) * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(column)
    return x if bias is None else x + bias.reshape(column)


__all__ = ["batch_norm", "layer_norm", "scale_channels"]
