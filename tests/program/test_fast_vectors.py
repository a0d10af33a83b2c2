"""Products with vectors, outer products, norms and results that are views, in the executor "fast"."""

import itertools
import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from gpugrad.optim.clip import grad_norm
from gpugrad.program import compile, threads

pytest.importorskip("llvmlite")

SHAPES = [(1, 1), (3, 5), (17, 33), (128, 64), (5, 300), (300, 7), (64, 1)]


def plan(compiled):
    return compiled._entries[0].plan


def check(f, *args, tolerance=2e-6):
    """The same as eager execution gives, twice, in code without a call of NumPy."""
    compiled = compile(f, executor="fast")
    for _ in range(2):
        found, expected = compiled(*args), f(*args)
        for a, b in zip(found, expected, strict=True):
            b = np.asarray(b)
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, abs(b).max()))
    assert plan(compiled).n_python == 0
    return compiled


@pytest.mark.parametrize("m, k", SHAPES)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 5e-6), ("float64", 1e-13)])
def test_products_with_vectors_on_either_side(m, k, dtype, tolerance):
    rng = np.random.default_rng(m)
    a, x, y = (rng.standard_normal(s).astype(dtype) for s in ((m, k), k, m))

    def f(a, x, y):
        t = ops.transpose(a)
        return ops.matmul(a, x), ops.matmul(y, a), ops.matmul(t, y), ops.matmul(x, t), ops.matmul(x, x)

    check(f, a, x, y, tolerance=tolerance)


@pytest.mark.parametrize("shapes", [((7, 1), (1, 5)), ((4, 7, 1), (4, 1, 5)), ((3, 1, 7, 1), (4, 1, 5))])
def test_outer_products_are_multiplied_and_fuse_with_what_follows(shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype("f4") for s in shapes)
    compiled = check(lambda a, b: (ops.tanh(ops.matmul(a, b)) + 1.0, ops.matmul(ops.exp(a), b)), a, b)
    assert "matmul" not in compiled.explain().split("program(")[1]


def test_gradients_of_each_sample_are_written_by_one_native_function():
    rng = np.random.default_rng(0)
    w, v, x = (rng.standard_normal(s).astype("f4") / 3 for s in ((6, 5), (1, 6), (9, 5)))

    def loss(w, v, x):
        return (ops.linear(ops.tanh(ops.linear(x, w)), v) ** 2).sum()

    compiled = check(gg.per_sample_grad(loss, argnums=(0, 1)), w, v, x)
    assert len(plan(compiled).natives) == 1


@pytest.mark.parametrize("make", [gg.jacfwd, gg.jacrev])
def test_jacobians_of_products_with_vectors_are_native(make):
    rng = np.random.default_rng(0)
    a, b, z = rng.standard_normal((11, 7)), rng.standard_normal((5, 11)), rng.standard_normal(7)

    def f(z):
        return ops.tanh(ops.matmul(b, ops.tanh(ops.matmul(a, z))))

    inner = np.tanh(a @ z)
    expected = (1 - np.tanh(b @ inner) ** 2)[:, None] * b @ ((1 - inner**2)[:, None] * a)
    compiled = compile(make(f), executor="fast")
    np.testing.assert_allclose(compiled(z), expected, atol=1e-13)
    assert plan(compiled).n_python == 0


@pytest.mark.parametrize("executor", ["fast", "numpy"])
def test_results_that_are_views_are_new_and_share_nothing(executor):
    def f(x):
        y = ops.exp(x) * 2.0
        z = ops.matmul(x, x)
        return ops.transpose(y), y, ops.reshape(y, (9,)), y[1:], z.T, ops.where(x > 0, x, y), y.sum()

    x = np.random.default_rng(0).standard_normal((3, 3))
    compiled = compile(f, executor=executor)
    first, kept = compiled(x), None
    kept = [a.copy() for a in first]
    second = compiled(x + 1)
    for a, k, b, c in zip(first, kept, second, f(x + 1), strict=True):
        np.testing.assert_array_equal(a, k)
        np.testing.assert_allclose(b, c, rtol=1e-14)
    arrays = [a for a in (*first, *second, x) if isinstance(a, np.ndarray)]
    assert not any(np.may_share_memory(a, b) for a, b in itertools.combinations(arrays, 2))
    assert all(a.flags.writeable for a in arrays)


@pytest.mark.parametrize("dtype, size", [("float32", 1.0), ("float32", 1e-25), ("float32", 1e30), ("float64", 1e100)])
def test_the_norm_of_gradients_is_native_and_summed_in_float64(dtype, size):
    model = nn.MLP([5, 17, 33, 3], dtype=dtype, rng=0)
    rule = optim.SGD(model.parameters(), lr=0.1)

    def f(x, y):
        rule.zero_grad()
        loss = nn.cross_entropy(model(x), y) * size
        loss.backward()
        return loss, grad_norm(model.parameters())

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 5)).astype(dtype), rng.integers(0, 3, 20)
    compiled = compile(f, executor="fast")
    for _ in range(2):
        _, norm = compiled(x, y)
        squares = [(p.grad.numpy().astype("f8") ** 2).sum() for p in model.parameters()]
        np.testing.assert_allclose(norm, np.sqrt(sum(squares)), rtol=1e-14)
    assert plan(compiled).n_python == 0
    np.testing.assert_allclose(norm, f(x, y)[1], rtol=1e-6)


def test_threads_change_no_bit_of_products_with_vectors_and_outer_products():
    rng = np.random.default_rng(0)
    a, x = rng.standard_normal((700, 300)).astype("f4"), rng.standard_normal(300).astype("f4")

    def f(a, x):
        y = ops.matmul(a, x)
        return y, ops.matmul(y, a), ops.matmul(y.reshape(700, 1), x.reshape(1, 300))

    found = []
    for n in (1, 2):
        threads.set_num_threads(n)
        compiled = compile(f, executor="fast")
        found.append([compiled(a, x) for _ in range(2)])
    threads.set_num_threads(None)
    for one, two in zip(found[0][0], found[1][1], strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("dtype", "unit"), [("f4", 2.0**-23), ("f8", 2.0**-52)])
def test_erf_is_right_to_three_units_in_the_last_place(dtype, unit):
    x = np.array([*np.linspace(-7, 7, 20_001), 0.0, -0.0, 1e-30, 0.46875, -0.4687, np.inf, -np.inf, np.nan], dtype)
    compiled = compile(ops.erf, executor="fast")
    expected = np.array([math.erf(v) for v in x.astype("f8")])
    for _ in range(2):
        np.testing.assert_allclose(compiled(x), expected, rtol=3 * unit, atol=0)
        np.testing.assert_array_equal(np.signbit(compiled(x)[:-1]), np.signbit(x[:-1]))
    assert plan(compiled).n_python == 0


@pytest.mark.parametrize("executor", ["fast", "numpy", "list"])
@pytest.mark.parametrize("n", [3, 300, 100_000])
def test_gelu_and_its_gradient_come_down_to_erf(executor, n):
    """Up to 256 elements erf is computed one by one: a program is not to cut arrays into smaller ones."""
    x = np.random.default_rng(0).standard_normal(n).astype("f4")
    compiled = compile(gg.value_and_grad(lambda x: ops.gelu(x).sum()), executor=executor)
    for _ in range(2):
        for found, expected in zip(compiled(x), gg.value_and_grad(lambda x: ops.gelu(x).sum())(x), strict=True):
            if executor == "fast":
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
            else:
                np.testing.assert_array_equal(found, expected)
    assert "gelu" not in compiled.explain().split("program(")[1]
    if executor == "fast":
        assert plan(compiled).n_python == 0
