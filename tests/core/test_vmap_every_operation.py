"""vmap of every line of every spec table, and of its derivatives, equals a loop over the examples."""

import contextlib
import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core import batch
from tests.ops.spec import all_specs
from tests.ops.test_array_batching import as_tuple, assert_same_as_loop, value_and_pull

SPECS = [s for s in all_specs() if s.moving and s.op.__name__ != "unique"]  # whose result has no fixed shape
SLOW = {"lstsq"}  # whose residuals may be there for one example and not for another

every = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
differentiable = pytest.mark.parametrize("spec", [s for s in SPECS if s.differentiable], ids=lambda s: s.id)


@contextlib.contextmanager
def one_by_one():
    """A scope that collects the names of the primitives that are run example by example."""
    names, modules = set(), (batch, ops.index_batch, ops.random)
    before = batch.example_by_example

    def noted(p, *rest):
        names.add(p.name)
        return before(p, *rest)

    for module in modules:
        module.example_by_example = noted
    try:
        yield names
    finally:
        for module in modules:
            module.example_by_example = before


def stacked(spec, *n):
    """Batches of each moving input, with leading axes n."""
    draws = [spec.draw(seed=i) for i in range(int(np.prod(n)))]
    return [np.stack([d[i] for d in draws]).reshape(*n, *draws[0][i].shape) for i in spec.moving]


def functions(spec):
    """The operation, and where it has derivatives its pullback and its tangent, as functions of the moving inputs."""
    value, pull = value_and_pull(spec, len(spec.moving))
    if not spec.differentiable:
        return [value]
    return [value, pull, lambda *xs: gg.jvp(value, xs, tuple(x * 0.5 for x in xs))[1]]


def mixtures(n):
    """Which inputs are mapped: every subset, or all and each alone where there are many inputs."""
    if n < 4:
        return [axes for axes in itertools.product((0, None), repeat=n) if 0 in axes]
    return [(0,) * n, *(tuple(0 if i == k else None for i in range(n)) for k in range(n))]


@every
def test_a_batch_is_its_examples(spec):
    xs = stacked(spec, 2)
    with one_by_one() as names:
        for axes in mixtures(len(xs)):
            inputs = [x if axis == 0 else x[0] for x, axis in zip(xs, axes, strict=True)]
            for f in functions(spec):
                assert_same_as_loop(f, inputs, axes)
    assert names <= SLOW


def assert_table(got, rows):
    for k, y in enumerate(as_tuple(got)):
        expected = np.stack([np.stack([as_tuple(cell)[k] for cell in row]) for row in rows])
        np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-9, atol=1e-9)


@every
def test_two_batch_axes(spec):
    """Both on every input, and one on the first and one on the last."""
    xs = stacked(spec, 2, 2)
    n = len(xs)
    for f in functions(spec):
        assert_table(gg.vmap(gg.vmap(f))(*xs), [[f(*(x[i, j] for x in xs)) for j in range(2)] for i in range(2)])
        if n > 1:
            first, middle, last = xs[0][:, 0], [x[0, 0] for x in xs[1:-1]], xs[-1][0]
            across = gg.vmap(gg.vmap(f, (*[None] * (n - 1), 0)), (0, *[None] * (n - 1)))
            rows = [[f(first[i], *middle, last[j]) for j in range(2)] for i in range(2)]
            assert_table(across(first, *middle, last), rows)


@differentiable
def test_derivatives_of_a_batch(spec):
    """Both modes over vmap, and the second derivative inside it."""
    xs = stacked(spec, 2)
    value, pull, _ = functions(spec)

    def by_loop(*xs):
        rows = [as_tuple(value(*(x[i] for x in xs))) for i in range(2)]
        return tuple(ops.stack(list(column)) for column in zip(*rows, strict=True))

    def total(f):
        return lambda *xs: sum((y * np.arange(1.0, y.size + 1).reshape(y.shape)).sum() for y in as_tuple(f(*xs)))

    numbers = tuple(range(len(xs)))
    pairs = [(gg.grad(total(gg.vmap(value)), numbers)(*xs), gg.grad(total(by_loop), numbers)(*xs))]
    halves = [x * 0.5 for x in xs]
    pairs.append((gg.jvp(gg.vmap(value), xs, halves)[1], gg.jvp(by_loop, xs, halves)[1]))
    for got, expected in pairs:
        for y, e in zip(as_tuple(got), as_tuple(expected), strict=True):
            np.testing.assert_allclose(np.asarray(y), np.asarray(e), rtol=1e-9, atol=1e-9)
    if spec.order > 1:
        assert_same_as_loop(lambda *xs: gg.jvp(pull, xs, tuple(x * 0.5 for x in xs))[1], xs, (0,) * len(xs))


@pytest.mark.parametrize("method", ["max", "min"])
@pytest.mark.parametrize("axes", [axes for axes in itertools.product((0, None), repeat=3) if 0 in axes])
def test_extremes_at_places_that_differ_by_example(method, axes):
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(2, 4)), rng.normal(size=(2, 3)), np.array([[0, 2, 2], [1, 1, 3]])]
    inputs = [x if axis == 0 else x[0] for x, axis in zip(given, axes, strict=True)]

    def f(x, v, i):
        return getattr(ops.at(x)[i], method)(v) * np.arange(1.0, 5.0)

    for g in (f, lambda x, v, i: gg.grad(lambda x, v: f(x, v, i).sum(), (0, 1))(x, v)):
        with one_by_one() as names:
            assert_same_as_loop(g, inputs, axes)
        assert not names
