"""Specs of gpugrad/ops/normalize.py."""

import numpy as np

from gpugrad import ops
from gpugrad.ops.normalize import normalize, normalize_vjp
from gpugrad.ops.standardize import standardize
from tests.ops.spec import Spec


def standardized(x, axis, eps):
    wide = x.astype(np.float64)
    mean, var = wide.mean(axis=axis, keepdims=True), wide.var(axis=axis, keepdims=True)
    statistics = np.promote_types(x.dtype, np.float32)
    return ((wide - mean) / np.sqrt(var + eps)).astype(x.dtype), mean.astype(statistics), var.astype(statistics)


def layer_norm(x, weight=None, bias=None, n_axes=1, eps=1e-5):
    y, _, _ = standardized(x.astype(np.float64), tuple(range(x.ndim - n_axes, x.ndim)), eps)
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias).astype(x.dtype)


def batch_norm(x, weight, bias, eps=1e-5):
    axis = (0, *range(2, x.ndim))
    _, mean, var = standardized(x, axis, eps)
    y, _, _ = standardized(x.astype(np.float64), axis, eps)
    column = (-1, *(1,) * (x.ndim - 2))
    return (y * weight.reshape(column) + bias.reshape(column)).astype(x.dtype), mean.reshape(-1), var.reshape(-1)


def normalized(x, weight, bias=None, *, axis, eps):
    z, mean, var = standardized(x, axis, eps)
    z, _, _ = standardized(x.astype(np.float64), axis, eps)
    y = z * weight if bias is None else z * weight + bias
    return y.astype(x.dtype), mean, var


def gradients(g, x, weight, mean, var, *, axis, eps, bias):
    dtype = g.dtype
    g, x, weight, mean, var = (v.astype(np.float64) for v in (g, x, weight, mean, var))
    std = np.sqrt(var + eps)
    u, z = g * weight, (x - mean) / std
    dx = (u - u.mean(axis, keepdims=True) - z * (u * z).mean(axis, keepdims=True)) / std
    others = tuple(i for i in range(g.ndim) if i < g.ndim - weight.ndim or weight.shape[i - g.ndim] == 1)
    found = dx, (g * z).sum(others).reshape(weight.shape), g.sum(others).reshape(weight.shape)
    return tuple(part.astype(dtype) for part in found[: 2 + bias])


SPECS = [
    Spec(standardize, ((4, 3),), standardized, params={"axis": (1,), "eps": 1e-5}),
    Spec(standardize, ((4, 3, 2),), standardized, params={"axis": (0, 2), "eps": 0.1}),
    Spec(ops.layer_norm, ((2, 5),), layer_norm),
    Spec(ops.layer_norm, ((2, 3, 2), (3, 2), (3, 2)), layer_norm, params={"n_axes": 2}),
    Spec(ops.batch_norm, ((5, 3), (3,), (3,)), batch_norm),
    Spec(ops.batch_norm, ((3, 2, 4), (2,), (2,)), batch_norm, params={"eps": 1e-3}),
    Spec(ops.scale_channels, ((2, 3, 2), (3,), (3,)), lambda x, w, b: x * w[:, None] + b[:, None]),
    Spec(normalize, ((4, 3), (3,), (3,)), normalized, params={"axis": (1,), "eps": 1e-5}),
    Spec(normalize, ((4, 3, 2), (3, 1)), normalized, params={"axis": (0, 2), "eps": 0.1}),
    Spec(
        normalize_vjp,
        ((4, 3), (4, 3), (3,), (4, 1), (4, 1)),
        gradients,
        params={"axis": (1,), "eps": 0.1, "bias": True},
        domain=((-2.0, 2.0),) * 4 + ((0.5, 2.0),),
    ),
    Spec(
        normalize_vjp,
        ((4, 3, 2), (4, 3, 2), (3, 1), (1, 3, 1), (1, 3, 1)),
        gradients,
        params={"axis": (0, 2), "eps": 0.1, "bias": False},
        domain=((-2.0, 2.0),) * 4 + ((0.5, 2.0),),
    ),
]
