"""Specs of gpugrad/ops/activation.py, sigmoid.py and self_gated.py; their gradients are operations too."""

import math

import numpy as np

from gpugrad import ops
from gpugrad.ops.trigonometric import tanh_grad
from tests.ops.spec import Spec

SHAPES = ((3, 4), (), (0, 3))
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
SIGNS = np.array([[1.5, -0.5, 2.0], [-1.0, 0.5, -2.0]])
cdf = np.vectorize(lambda v: 0.5 + 0.5 * math.erf(v / math.sqrt(2)), otypes=[float])


def wide(f):
    """f computed in float64 and rounded to the first argument's dtype."""
    return lambda x, *rest, **params: np.asarray(f(*(np.asarray(v, float) for v in (x, *rest)), **params)).astype(
        x.dtype
    )


def relu(x):
    return np.maximum(x, 0)


def leaky_relu(x, negative_slope=0.01):
    return np.where(x > 0, x, negative_slope * x)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x, beta=1.0):
    return np.log(1 + np.exp(beta * x)) / beta


def gelu(x, approximate="none"):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner)) if approximate == "tanh" else x * cdf(x)


def mish(x):
    return x * np.tanh(softplus(x))


def slope_of(f, h=1e-5):
    """g f'(x) by a difference quotient, fit for a comparison in float32."""
    return lambda g, x, **params: g * (f(x + h, **params) - f(x - h, **params)) / (2 * h)


def all_shapes(op, reference, **more):
    return [Spec(op, (shape,), wide(reference), **more) for shape in SHAPES]


NARROW = {"dtypes": ("float16", "float32")}
SPECS = [
    *all_shapes(ops.relu, relu, kinks=(0.0,)),
    Spec(ops.relu_grad, ((2, 3), SIGNS), lambda g, y: np.where(y > 0, g, 0), dtypes=("float64",)),
    *all_shapes(ops.leaky_relu, leaky_relu, kinks=(0.0,)),
    *all_shapes(ops.leaky_relu, leaky_relu, params={"negative_slope": 0.3}, kinks=(0.0,)),
    *all_shapes(ops.leaky_relu, leaky_relu, params={"negative_slope": 2.0}, kinks=(0.0,)),
    Spec(
        ops.leaky_relu_grad,
        ((2, 3), SIGNS),
        lambda g, x, negative_slope: np.where(x > 0, g, negative_slope * g),
        params={"negative_slope": 0.3},
        dtypes=("float64",),
    ),
    *all_shapes(ops.elu, elu, kinks=(0.0,)),
    *all_shapes(ops.elu, elu, params={"alpha": 0.5}, kinks=(0.0,)),
    *all_shapes(ops.selu, lambda x: SCALE * elu(x, ALPHA), kinks=(0.0,)),
    Spec(
        ops.elu_grad,
        ((2, 3), (2, 3)),
        lambda g, y, alpha, scale: g * np.where(y > 0, scale, y + scale * alpha),
        params={"alpha": 0.5, "scale": 2.0},
        kinks=(0.0,),
    ),
    *all_shapes(ops.hardtanh, hardtanh, kinks=(-1.0, 1.0)),
    Spec(ops.hardtanh, ((3, 4),), wide(hardtanh), params={"min_val": -0.5, "max_val": 0.3}, kinks=(-0.5, 0.3)),
    Spec(
        ops.hardtanh_grad,
        ((2, 3), SIGNS),
        lambda g, y, min_val, max_val: np.where((y > min_val) & (y < max_val), g, 0),
        params={"min_val": -1.0, "max_val": 1.5},
        dtypes=("float64",),
    ),
    *all_shapes(ops.relu6, lambda x: np.clip(x, 0, 6), domain=(-3.0, 9.0), kinks=(0.0, 6.0)),
    *all_shapes(ops.sigmoid, sigmoid, order=3, domain=(-4.0, 4.0)),
    Spec(ops.sigmoid_grad, ((2, 3), (2, 3)), wide(lambda g, y: g * y * (1 - y))),
    Spec(tanh_grad, ((2, 3), (2, 3)), wide(lambda g, y: g * (1 - y * y))),
    *all_shapes(ops.log_sigmoid, lambda x: -softplus(-x), domain=(-4.0, 4.0)),
    *all_shapes(ops.softplus, softplus, domain=(-4.0, 4.0)),
    *all_shapes(ops.softplus, softplus, params={"beta": 2.5}),
    Spec(
        ops.softplus_grad,
        ((2, 3), (2, 3)),
        wide(lambda g, y, beta: g * (1 - np.exp(-beta * y))),
        params={"beta": 1.5},
        domain=((-2.0, 2.0), (0.2, 2.0)),
    ),
    *all_shapes(ops.gelu, gelu, domain=(-3.0, 3.0), order=3),
    *all_shapes(ops.gelu, gelu, params={"approximate": "tanh"}, order=3),
    Spec(ops.gelu_grad, ((2, 3), (2, 3)), wide(slope_of(gelu)), params={"approximate": "none"}, **NARROW),
    Spec(ops.gelu_grad, ((2, 3), (2, 3)), wide(slope_of(gelu)), params={"approximate": "tanh"}, **NARROW),
    *all_shapes(ops.silu, lambda x: x * sigmoid(x), domain=(-4.0, 4.0), order=3),
    Spec(ops.silu_grad, ((2, 3), (2, 3)), wide(slope_of(lambda x: x * sigmoid(x))), **NARROW),
    *all_shapes(ops.mish, mish, domain=(-4.0, 4.0), order=3),
    Spec(ops.mish_grad, ((2, 3), (2, 3)), wide(slope_of(mish)), **NARROW),
]
