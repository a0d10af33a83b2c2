"""Compositions of vmap, grad, vjp, jvp, jacobian and checkpoint in every order equal the same with Python loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import ops

W = np.random.default_rng(1).normal(size=(3, 3))
BASES = {
    "dense": lambda x: ops.tanh(ops.linear(x, W, W[0])),
    "softmax": lambda x: ops.softmax(x) * x,
    "scalar": lambda x: (x * x).sum() * ops.exp(-x[0]),
    "sorted": lambda x: ops.sort(x * x) * x,
    "picked": lambda x: ops.sin(x)[np.array([2, 0, 0, 1])] * x.mean(),
    "outer": lambda x: ops.outer(x, ops.cumsum(x)),
    "chosen": lambda x: ops.where(x > 0.1, x * x * x, ops.sigmoid(x)) @ x,
    "constant": lambda x: W[0] * 2.0,
}


def weights(y):
    """Fixed numbers of a shape."""
    return np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape)


def by_loop(f, in_axis, out_axis):
    """vmap as a loop."""

    def of(x):
        parts = [x[(slice(None),) * (in_axis % x.ndim) + (i,)] for i in range(x.shape[in_axis])]
        return ops.stack([gg.core.transform.as_value(f(part)) for part in parts], axis=out_axis)

    return of


def jacobian_by_loop(f):
    """The Jacobian from one tangent after the other."""

    def of(x):
        basis = np.eye(x.size).reshape(x.size, *x.shape)
        y = f(x)
        columns = ops.stack([gg.jvp(f, (x,), (e,))[1] for e in basis], axis=-1)
        return ops.reshape(columns, (*y.shape, *x.shape))

    return of


def gradient(f):
    return gg.grad(lambda x: (f(x) * weights(f(x))).sum())


def pushed(f):
    return lambda x: gg.jvp(f, (x,), (ops.sin(x) + 0.5,))[1]


def pulled(f):
    def of(x):
        y, pull = gg.vjp(f, x)
        return pull(ops.cos(y))[0]

    return of


def times_outside(f):
    """f of another variable, times what is outside: confused perturbations would show."""
    return lambda x: f(x * 1.0) * x.sum()


SAME = {"grad": gradient, "jvp": pushed, "vjp": pulled, "closure": times_outside, "checkpoint": gg.checkpoint}
JACOBIANS = {f"jacobian {mode}": mode for mode in ("forward", "reverse", "auto")}
MAPS = {f"vmap {i} {o}": (i, o) for i, o in itertools.product((0, -1), repeat=2)}
STEPS = [*SAME, *JACOBIANS, *MAPS]


def composed(base, steps):
    """(the composition, the same with loops, the shape of its input); steps are applied from the inside out."""
    fast = slow = BASES[base]
    shape = [3]
    for step in steps:
        if step in SAME:
            fast, slow = SAME[step](fast), (slow if step == "checkpoint" else SAME[step](slow))
        elif step in JACOBIANS:
            fast, slow = gg.jacobian(fast, mode=JACOBIANS[step], chunk_size=4), jacobian_by_loop(slow)
        else:
            in_axis, out_axis = MAPS[step]
            fast, slow = gg.vmap(fast, in_axis, out_axis), by_loop(slow, in_axis, out_axis)
            shape.insert(len(shape) if in_axis else 0, 2)
    return fast, slow, tuple(shape)


def check(base, steps, seed=0):
    fast, slow, shape = composed(base, steps)
    x = np.random.default_rng(seed).normal(size=shape)
    got, expected = np.asarray(fast(x)), np.asarray(slow(x))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10 * max(1.0, np.abs(expected).max()))


@given(st.sampled_from(sorted(BASES)), st.lists(st.sampled_from(STEPS), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=150)
def test_any_composition(base, steps, seed):
    if sum(step in JACOBIANS for step in steps) > 2:
        return  # too large
    check(base, steps, seed)


ORDERS = list(itertools.permutations(["vmap -1 0", "grad", "jvp", "jacobian reverse"], 3))


@pytest.mark.parametrize("steps", ORDERS, ids="-".join)
@pytest.mark.parametrize("base", ["dense", "picked"])
def test_every_order_of_three(base, steps):
    check(base, steps)


@pytest.mark.parametrize("around", ["grad", "jvp", "vjp", "jacobian forward", "jacobian reverse", "vmap 0 -1"])
@pytest.mark.parametrize("inside", ["grad", "jvp", "vjp", "jacobian forward", "jacobian reverse", "vmap -1 0"])
def test_every_pair_with_a_map_between(around, inside):
    check("softmax", [inside, "vmap 0 0", around])


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_maps_inside_maps(depth):
    x = np.random.default_rng(0).normal(size=(2,) * depth + (3,))
    f = BASES["dense"]
    for _ in range(depth):
        f = gg.vmap(f)
    np.testing.assert_allclose(f(x), np.tanh(x @ W.T + W[0]), rtol=1e-12)


def test_two_maps_over_two_arguments_give_every_pair():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3))
    all_pairs = gg.vmap(gg.vmap(lambda x, y: ((x - y) ** 2).sum(), (None, 0)), (0, None))
    np.testing.assert_allclose(all_pairs(a, b), ((a[:, None] - b) ** 2).sum(-1), rtol=1e-12)
    g = gg.vmap(gg.vmap(gg.grad(lambda x, y: ((x - y) ** 2).sum()), (None, 0)), (0, None))
    np.testing.assert_allclose(g(a, b), 2 * (a[:, None] - b), rtol=1e-12)


def test_perturbations_of_maps_are_not_confused():
    # d/dx sum_i [x * d/dy (x y c_i) at y = 1] = d/dx x^2 sum c = 2 x sum c
    c = np.array([1.0, 2.0, 4.0])
    for outer in (gg.grad, lambda f: lambda x: gg.jvp(f, (x,), (1.0,))[1]):
        f = lambda x: gg.vmap(lambda ci: x * gg.grad(lambda y: x * y * ci)(1.0))(c).sum()  # noqa: E731
        np.testing.assert_allclose(outer(f)(3.0), 42.0)
    # an outer map seen by an inner one: a table of products, not a diagonal
    table = gg.vmap(lambda x: gg.vmap(lambda y: x * y)(c))(c)
    np.testing.assert_allclose(table, np.outer(c, c))
