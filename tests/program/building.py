"""Random functions for tests: a list of numbers becomes a function of a few arrays, built of operations that fit."""

import numpy as np

from gpugrad import ops

SHAPES = [(3, 4), (4,), (4, 3), (), (3, 1), (2, 3, 4)]

UNARY = [
    ops.tanh,
    ops.sigmoid,
    ops.relu,
    ops.square,
    ops.abs,
    lambda x: ops.exp(-ops.abs(x)),
    lambda x: ops.log(ops.abs(x) + 1.0),
    lambda x: ops.softplus(x),
    lambda x: ops.gelu(x),
    lambda x: ops.silu(x),
    lambda x: ops.elu(x),
    lambda x: ops.leaky_relu(x),
    lambda x: ops.clip(x, -0.5, 0.5),
    lambda x: ops.power(x, 2),
    lambda x: ops.power(x, 3),
    lambda x: -x,
    lambda x: 2.0 * x - 1,
    lambda x: 1.0 / (ops.abs(x) + 2.0),
    lambda x: ops.where(x > 0, x, 0.5 * x),
    lambda x: ops.astype(x, "float64"),
    lambda x: ops.ones_like(x) + x,
    lambda x: x.sum() if x.ndim else x,
    lambda x: x.mean(axis=0) if x.ndim else x,
    lambda x: ops.sum(x, axis=-1, keepdims=True) if x.ndim else x,
    lambda x: ops.max(x, axis=-1) if x.ndim else x,
    lambda x: ops.var(x, axis=0) if x.ndim else x,
    lambda x: ops.softmax(x) if x.ndim else x,
    lambda x: ops.log_softmax(x) if x.ndim else x,
    lambda x: ops.logsumexp(x) if x.ndim else x,
    lambda x: ops.transpose(x) if x.ndim else x,
    lambda x: ops.reshape(x, -1),
    lambda x: ops.reshape(x, (1, *x.shape)),
    lambda x: x[0] if x.ndim else x,
    lambda x: x[..., ::-1] if x.ndim else x,
    lambda x: x[..., :2] if x.ndim else x,
    lambda x: ops.take(x, np.array([1, 0, 1]), axis=0) if x.ndim and x.shape[0] > 1 else x,
    lambda x: ops.cumsum(x, axis=0) if x.ndim else x,
    lambda x: ops.sort(x, axis=-1) if x.ndim else x,
    lambda x: ops.norm(x),
    lambda x: ops.layer_norm(x) if x.ndim and x.shape[-1] > 1 else x,
]

BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (ops.abs(b) + 1.0),
    ops.maximum,
    ops.minimum,
    lambda a, b: ops.where(a > b, a, b),
    ops.matmul,
    lambda a, b: ops.concatenate([a, b], axis=0),
    ops.outer,
    ops.hypot,
]


def build(choices):
    """The function of a list of (operation, first operand, second operand), and the shapes of its arguments."""

    def f(*args):
        pool = list(args)
        for which, i, j in choices:
            a, b = pool[i % len(pool)], pool[j % len(pool)]
            y = _applied(which, a, b)
            if y is not None and y.size <= 4096:
                pool.append(y)
        return tuple(pool[len(args) :])

    return f


def _applied(which, a, b):
    if which < len(UNARY):
        return UNARY[which](a)
    try:
        return BINARY[(which - len(UNARY)) % len(BINARY)](a, b)
    except ValueError:
        return None  # shapes that do not fit: the same in every run


def total(f):
    """f made scalar-valued."""
    return lambda *args: sum((ops.mean(ops.tanh(y)) for y in f(*args)), start=ops.sum(args[0]) * 0.1)


def arguments(seed, dtype):
    rng = np.random.default_rng(seed)
    return tuple(np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES)
