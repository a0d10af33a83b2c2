"""Random functions for tests: a list of numbers becomes a function of a few arrays, built of operations that fit."""

import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import Tensor, nn, ops, optim
from gpugrad.core.tree import flatten
from gpugrad.ops.random import dropout
from gpugrad.program.passes import PASSES

SHAPES = [(3, 4), (4,), (4, 3), (), (3, 1), (2, 3, 4)]


def to_float32(x):
    return ops.astype(x, "float32")


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
    lambda x: ops.batch_norm(x)[0] if x.ndim > 1 else x,
    lambda x: dropout(x, KEY, np.array(x.size, np.uint64), p=0.4),
    lambda x: nn.cross_entropy(x, labels_for(x), reduction="none") if x.ndim > 1 else x,
    lambda x: nn.cross_entropy(x, labels_for(x)) if x.ndim == 2 else x,
    lambda x: nn.mse_loss(x, 0.5 * x, reduction="none"),
    lambda x: ops.sum(x, axis=(0, -1)) if x.ndim > 1 else x,
    lambda x: ops.mean(x, axis=(0, -1), keepdims=True) if x.ndim > 1 else x,
    lambda x: ops.min(x, axis=0, keepdims=True) if x.ndim else x,
    lambda x: ops.prod(x, axis=-1) if x.ndim else x,
    to_float32,
    lambda x: x + np.float64(0.3),
    lambda x: x * np.linspace(0.5, 1.5, x.shape[-1]) if x.ndim else x,
    lambda x: ops.broadcast_to(x, (2, *x.shape)),
    lambda x: x[:, None] if x.ndim else x,
    lambda x: x[np.arange(len(x))[::-1], 0] if x.ndim > 1 else x,
    lambda x: ops.pad(x, 1) if x.ndim else x,
    lambda x: ops.one_hot(ops.argmax(x, axis=-1), x.shape[-1]) * x if x.ndim > 1 else x,
    lambda x: ops.stack([x, 2.0 * x], axis=-1),
    lambda x: ops.squeeze(ops.expand_dims(x, 0), 0) * 1.5,
    lambda x: written(x, lambda y: operator.iadd(y, 1.5)),
    lambda x: written(x, lambda y: operator.imul(y, x)),
    lambda x: written(x, lambda y: y.__setitem__(0, 0.25)) if x.ndim else x,
    lambda x: written(x, lambda y: y.__setitem__((..., slice(None, None, 2)), 3.0 * x[..., ::2])) if x.ndim else x,
]
TO_FLOAT32 = UNARY.index(to_float32)
KEY = np.array(7, np.uint64)


def labels_for(x):
    """A class for each row, or none for rows of none."""
    return np.arange(int(np.prod(x.shape[:-1]))).reshape(x.shape[:-1]) % x.shape[-1]


def written(x, write):
    """A copy of x after a write in place."""
    y = x * 1.0
    z = write(y)
    return y if z is None else z


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
    lambda a, b: ops.concatenate([b, a, b], axis=-1),
    lambda a, b: ops.linear(a, b),
    lambda a, b: ops.tensordot(a, b, axes=1),
    lambda a, b: ops.where(b, a, 0.5),
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


def training(kind, **options):
    """Steps of an optimizer whose parameters are the first arguments, started anew wherever it is made."""

    def make(f):
        params = [Tensor(a, requires_grad=True) for a in arguments(5, "float32")[:3]]
        optimizer = kind(params, lr=0.01, **options)

        def step(*args):
            optimizer.zero_grad()
            loss = total(f)(*params, *args[3:])
            loss.backward()
            optimizer.step()
            return (loss.detach(), *(p.detach() * 1.0 for p in params))

        return step

    return make


MODES = {
    "forward": lambda f: f,
    "grad": lambda f: gg.grad(total(f), argnums=(0, 1, 2)),
    "value_and_grad": lambda f: gg.value_and_grad(total(f)),
    "hvp": lambda f: lambda *xs: gg.jvp(lambda x: gg.grad(total(f))(x, *xs[1:]), (xs[0],), (xs[0],)),
    "sgd": training(optim.SGD, momentum=0.9),
    "adam": training(optim.Adam),
}
CHOICES = st.lists(
    st.tuples(st.integers(0, len(UNARY) + 3 * len(BINARY) - 1), st.integers(0, 40), st.integers(0, 40)), max_size=12
)
PROGRAMS = {
    "choices": CHOICES,
    "mode": st.sampled_from(sorted(MODES)),
    "subset": st.one_of(st.none(), st.sets(st.sampled_from(sorted(PASSES))).map(tuple)),
    "seed": st.integers(0, 99),
    "dtype": st.sampled_from(["float32", "float64"]),
}


def random_programs(n, **more):
    """A test on n random programs."""
    options = {"deadline": None, "report_multiple_bugs": False, "suppress_health_check": list(HealthCheck)}

    def decorate(test):
        run = settings(max_examples=n, **options)(given(**PROGRAMS | more)(test))
        return pytest.mark.filterwarnings("ignore::RuntimeWarning")(run)

    return decorate


def both(choices, mode, subset, seeds, dtype, executor):
    """For each seed what eager execution gives and what the compiled function does, as arrays, and the arguments."""
    eager, made = MODES[mode](build(choices)), MODES[mode](build(choices))
    compiled = gg.compile(made, passes=subset, executor=executor)
    for seed in seeds:
        args = arguments(seed, dtype)
        with np.errstate(all="ignore"):
            expected, got = (flatten(f(*args))[0] for f in (eager, compiled))
        for a, b in zip(expected, got, strict=True):
            assert (a.shape, a.dtype, type(a)) == (b.shape, b.dtype, type(b))
        yield args, [np.asarray(a) for a in expected], [np.asarray(b) for b in got]
    assert compiled.n_traces <= (2 if mode in ("sgd", "adam") else 1)  # parameters of no gradient count no steps
