"""Normalisation: values brought to mean 0 and variance 1 over some axes, and the layer and batch forms of it.

`normalize` multiplies by a weight and adds a bias in the same pass, on a GPU in the same kernel.
"""

from typing import Any

import numpy as np

from ..core.batch import batch_size
from ..core.namespace import RAW
from ..core.primitive import primitive
from ..errors import ShapeError
from .standardize import count, mean_over, plus, standardize, standardized, widened


@primitive(family="normalize", saves="y x weight bias.shape", cuda="norm.normalize")
def normalize(xp: Any, x: Any, weight: Any, bias: Any = None, *, axis: tuple[int, ...], eps: float) -> Any:
    """(weight (x - mean) / sqrt(var + eps) + bias, mean, var); mean and var as those of standardize.

    weight and bias broadcast to x; bias may be None.
    """
    z, mean, var = standardized(xp, x, axis, eps)
    y = z * widened(weight)
    y = y if bias is None else y + widened(bias)
    parameters = [weight.dtype] if bias is None else [weight.dtype, bias.dtype]
    return y.astype(np.result_type(x.dtype, *parameters), copy=False), mean, var


@normalize.vjp_all
def _(F, g, y, x, weight, bias, *, axis, eps):
    (g_y, g_mean, g_var), (_, mean, var) = g, y
    dx, dw, db = None, None, None
    if g_y is not None:
        dx, dw, *rest = F.normalize_vjp(g_y, x, weight, mean, var, axis=axis, eps=eps, bias=bias is not None)
        db = rest[0] if rest else None
    if g_mean is not None:
        dx = plus(dx, F.broadcast_to(g_mean / count(x, axis), shape=x.shape))
    if g_var is not None:
        dx = plus(dx, g_var * (x - mean) * (2.0 / count(x, axis)))
    return dx, dw, db


@normalize.jvp
def _(F, tx, tw, tb, y, x, weight, bias, *, axis, eps):
    _, mean, var = y
    std = F.sqrt(var + eps)
    z, t, t_mean, t_var = (F.astype(x, dtype=var.dtype) - mean) / std, None, None, None
    if tx is not None:
        tx = F.astype(tx, dtype=var.dtype)
        t_mean, along = mean_over(F, tx, axis), mean_over(F, tx * z, axis)
        t, t_var = (tx - t_mean - z * along) / std * weight, 2.0 * std * along
    t = t if tw is None else plus(t, z * tw)
    return t if tb is None else plus(t, F.broadcast_to(tb, shape=x.shape)), t_mean, t_var


@normalize.batch
def _(F, batched, x, weight, bias=None, *, axis, eps):
    n, (of_x, of_w, of_b) = batch_size(batched, [x, weight, bias]), (*batched, False)[:3]
    x = x if of_x else F.broadcast_to(x, shape=(n, *x.shape))
    weight, bias = (p if p is None else _each(F, p, own, n, len(x.shape)) for p, own in ((weight, of_w), (bias, of_b)))
    return F.normalize(x, weight, bias, axis=tuple(i + 1 for i in axis), eps=eps)


def _each(F: Any, parameter: Any, batched: bool, n: int, rank: int) -> Any:
    """A parameter for each example, with 1s behind the batch axis up to `rank` axes."""
    shape = tuple(parameter.shape)[batched:]
    ranked = F.reshape(parameter, shape=(n if batched else 1, *(1,) * (rank - 1 - len(shape)), *shape))
    return ranked if batched else F.broadcast_to(ranked, shape=(n, *ranked.shape[1:]))


@primitive(family="normalize", saves="y g x weight mean var", cuda="norm.normalize_vjp")
def normalize_vjp(
    xp: Any, g: Any, x: Any, weight: Any, mean: Any, var: Any, *, axis: tuple[int, ...], eps: float, bias: bool
) -> Any:
    """(dx, dweight) and, where `bias`, dbias of `normalize` from the cotangent g of its first output.

    dx = (u - mean(u) - z mean(u z)) / sqrt(var + eps) with u = g weight, means over `axis`, and
    z = (x - mean) / sqrt(var + eps); dweight and dbias are g z and g, summed to the shape of weight.
    """
    F, out = RAW[type(g)], g.dtype
    g, x, weight = widened(g), widened(x), widened(weight)
    std = xp.sqrt(var + eps)
    z = (x - mean) / std
    found = [_project(F, g * weight, z, std, axis), _sum_like(F, g * z, weight)]
    found += [_sum_like(F, g, weight)] if bias else []
    return tuple(part.astype(out, copy=False) for part in found)


def _project(F: Any, u: Any, z: Any, std: Any, axis: tuple[int, ...]) -> Any:
    """What standardize pulls back through: it is its own transpose."""
    return (u - mean_over(F, u, axis) - z * mean_over(F, u * z, axis)) / std


def _bend(F: Any, u: Any, v: Any, z: Any, axis: tuple[int, ...]) -> Any:
    return u * mean_over(F, v * z, axis) + v * mean_over(F, u * z, axis)


def _sum_like(F: Any, y: Any, like: Any) -> Any:
    return F.sum_to(y, shape=tuple(like.shape))


@normalize_vjp.vjp_all
def _(F, h, y, g, x, weight, mean, var, *, axis, eps, bias):
    h_x, h_w, h_b = (*h, None)[:3]
    std = F.sqrt(var + eps)
    z, c_g, c_w, c_z, c_std = (x - mean) / std, None, None, None, None
    if h_x is not None:
        back = _project(F, h_x, z, std, axis)
        c_g, c_w = back * weight, _sum_like(F, back * g, weight)
        c_z, c_std = _bend(F, h_x, g * weight, z, axis) / -std, F.sum(h_x * y[0], axis=axis, keepdims=True) / -std
    if h_w is not None:
        c_g, c_z = plus(c_g, h_w * z), plus(c_z, h_w * g)
    if h_b is not None:
        c_g = plus(c_g, F.broadcast_to(h_b, shape=g.shape))
    if c_z is None:
        return c_g, None, c_w, None, None
    c_x = c_z / std
    c_std = plus(c_std, -F.sum(c_x * z, axis=axis, keepdims=True))
    return c_g, c_x, c_w, -F.sum(c_x, axis=axis, keepdims=True), c_std / (std + std)


@normalize_vjp.jvp
def _(F, tg, tx, tw, t_mean, t_var, y, g, x, weight, mean, var, *, axis, eps, bias):
    std = F.sqrt(var + eps)
    z, t_std = (x - mean) / std, None if t_var is None else t_var / (std + std)
    tz = None if tx is None else tx / std
    tz = tz if t_mean is None else plus(tz, F.broadcast_to(-t_mean / std, shape=x.shape))
    tz = tz if t_std is None else plus(tz, z * t_std / -std)
    tu = None if tg is None else tg * weight
    tu = tu if tw is None else plus(tu, g * tw)
    t_dx = None if tu is None else _project(F, tu, z, std, axis)
    if tz is not None:
        u = g * weight
        t_dx = plus(t_dx, (tz * mean_over(F, u * z, axis) + z * mean_over(F, u * tz, axis)) / -std)
    t_dx = t_dx if t_std is None else plus(t_dx, y[0] * t_std / -std)
    t_dw = None if tg is None else tg * z
    t_dw = t_dw if tz is None else plus(t_dw, g * tz)
    t_db = None if tg is None else _sum_like(F, tg, weight)
    return (t_dx, None if t_dw is None else _sum_like(F, t_dw, weight), t_db)[: 2 + bias]


@normalize_vjp.batch
def _(F, batched, g, x, weight, mean, var, *, axis, eps, bias):
    n = batch_size(batched, [g, x, weight, mean, var])
    shape = (n, *weight.shape[batched[2] :])
    g, x, mean, var = (
        v if mine else F.broadcast_to(v, shape=(n, *v.shape))
        for v, mine in zip((g, x, mean, var), (*batched[:2], *batched[3:]), strict=True)
    )
    weight, axis = _each(F, weight, batched[2], n, len(x.shape)), tuple(i + 1 for i in axis)
    dx, *rest = F.normalize_vjp(g, x, weight, mean, var, axis=axis, eps=eps, bias=bias)
    return (dx, *(F.reshape(part, shape=shape) for part in rest))


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
    axis = tuple(range(x.ndim - n_axes, x.ndim))
    if weight is not None:
        return normalize(x, weight, bias, axis=axis, eps=eps)[0]
    z, _, _ = standardize(x, axis=axis, eps=eps)
    return z if bias is None else z + bias


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """(y, mean, var) with y = weight (x - mean) / sqrt(var + eps) + bias, where mean and variance are each channel's.

    x (N, C, ...); weight, bias, mean and (biased) var (C,).  The samples of a batch depend on each other here: the
    gradient of the mean loss is not the mean of per-sample gradients.  Raises ShapeError.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: x has shape {x.shape}; expected (N, C) or (N, C, ...)")
    axis = (0, *range(2, x.ndim))
    if weight is None:
        z, mean, var = standardize(x, axis=axis, eps=eps)
        y = scale_channels(z, None, bias)
    else:
        _check_channels(x, weight, bias)
        y, mean, var = normalize(x, _column(x, weight), _column(x, bias), axis=axis, eps=eps)
    return y, mean.reshape(-1), var.reshape(-1)


def scale_channels(x: Any, weight: Any, bias: Any) -> Any:
    """weight x + bias for x (N, C, ...) and weight, bias (C,) or None.  Raises ShapeError."""
    _check_channels(x, weight, bias)
    x = x if weight is None else x * _column(x, weight)
    return x if bias is None else x + _column(x, bias)


def _column(x: Any, parameter: Any) -> Any:
    """(C,) as it broadcasts to x (N, C, ...)."""
    return parameter if parameter is None or x.ndim == 2 else parameter.reshape((-1, *(1,) * (x.ndim - 2)))


def _check_channels(x: Any, weight: Any, bias: Any) -> None:
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and tuple(parameter.shape) != (x.shape[1],):
            raise ShapeError(f"batch_norm: {name} has shape {parameter.shape}; x has {x.shape[1]} channels (axis 1)")


__all__ = ["batch_norm", "layer_norm", "scale_channels"]
