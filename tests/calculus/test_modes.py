"""Vectors pushed and pulled, whole Jacobians, layered maps, and what they cost: C1, C2, C3, C18, C20 and C21, by count.

Sources: PML = Murphy, Probabilistic Machine Learning; FML = the slides "24 Backpropagation" of Foundations of Machine
Learning; SE = the Stack Exchange question on the Jacobian of a layered map with respect to its parameters.
"""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.core import tape
from gpugrad.core.namespace import forget_bindings
from tests.core.counting import vectors_carried

RNG = np.random.default_rng(13)
SIZES = (3, 5, 4, 2)
WEIGHTS = [RNG.normal(size=(m, n)) for n, m in itertools.pairwise(SIZES)]
X = RNG.normal(size=3)


def f(x):
    """f3(f2(f1(x))) with f_k(x) = tanh(W_k x)."""
    for w in WEIGHTS:
        x = ops.tanh(ops.linear(x, w))
    return x


def factors():
    """The Jacobians J_k = diag(1 - tanh^2) W_k of the three layers at X, by hand."""
    x, found = X, []
    for w in WEIGHTS:
        x = np.tanh(w @ x)
        found.append((1 - x**2)[:, None] * w)
    return found


J1, J2, J3 = factors()


def close(got, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-14)


class _Counter:
    """Stands where anomaly mode stands: is shown every forward of every primitive."""

    def __init__(self, count):
        self.count, self.total = count, 0

    def instrument(self, p, forward):
        def counted(*args, **params):
            y = forward(*args, **params)
            self.total += self.count(p, args, y)
            return y

        return counted

    def check(self, *_):
        pass

    check_tangent = check


def counted(count, run):
    """The sum of count(primitive, arrays, result) over all that run() computes."""
    counter = _Counter(count)
    tape.watch = counter
    forget_bindings()
    try:
        run()
    finally:
        tape.watch = None
        forget_bindings()
    return counter.total


def elements(p, args, y):
    """How many numbers a primitive makes."""
    return sum(v.size for v in (y if isinstance(y, tuple) else (y,)))


def products(p, args, y):
    """Multiplications in matrix products: of (..., n) and (m, n) for a linear layer, of (..., m) and (..., n) back."""
    if p.name == "linear":
        return args[0].size * args[1].shape[0]
    if p.name == "outer_sum":
        return args[0].size * args[1].shape[-1]
    return y.size * args[0].shape[-1] if p.name == "matmul" else 0


# --- C1: forward mode, from right to left (PML 13.3.1, algorithm 5)


def test_c1_a_tangent_is_pushed_from_right_to_left():
    v = RNG.normal(size=3)
    y, t = gg.jvp(f, (X,), (v,))
    close(y, f(X))
    close(t, J3 @ (J2 @ (J1 @ v)))


def test_c1_a_batch_of_tangents_is_one_sweep():
    vs, calls = RNG.normal(size=(7, 3)), []

    def noted(x):
        calls.append(1)
        return f(x)

    with vectors_carried() as carried:
        ts = gg.vmap(lambda v: gg.core.jacobian.jvp(noted, (X,), (v,))[1])(vs)
    close(ts, vs @ (J3 @ J2 @ J1).T)
    assert len(calls) == 1 and carried == {"forward": [7], "reverse": []}


# --- C2: reverse mode, from left to right (PML 13.3.1, algorithm 6)


def test_c2_a_cotangent_is_pulled_from_left_to_right():
    u = RNG.normal(size=2)
    _, pull = gg.vjp(f, X)
    close(pull(u)[0], ((u @ J3) @ J2) @ J1)


def test_c2_a_batch_of_cotangents_is_one_sweep():
    us = RNG.normal(size=(7, 2))
    with vectors_carried() as carried:
        _, pull = gg.vjp(f, X)
        gs = gg.vmap(pull)(us)[0]
    close(gs, us @ (J3 @ J2 @ J1))
    assert carried == {"forward": [], "reverse": [7]}


def test_c1_c2_one_number_from_both_sides():
    u, v = RNG.normal(size=2), RNG.normal(size=3)
    close(u @ gg.jvp(f, (X,), (v,))[1], gg.vjp(f, X)[1](u)[0] @ v)


# --- C3: the whole Jacobian, by columns or by rows (PML 13.3.1)


def test_c3_both_modes_agree_with_the_product_of_the_layers():
    for mode in ("forward", "reverse", "auto"):
        close(gg.jacobian(f, mode=mode)(X), J3 @ J2 @ J1)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (5, 2), (4, 4), (1, 30), (30, 1), (6, 7), (7, 6)])
def test_c3_auto_pushes_the_fewer_vectors(n, m):
    w = RNG.normal(size=(m, n))
    with vectors_carried() as carried:
        close(gg.jacobian(lambda x: ops.linear(x, w))(np.ones(n)), w)
    assert carried == ({"forward": [n], "reverse": []} if n < m else {"forward": [], "reverse": [m]})


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 100])
@pytest.mark.parametrize(("n", "m"), [(2, 5), (5, 2), (3, 3)])
def test_c3_forward_pushes_a_vector_for_each_input_and_reverse_pulls_one_for_each_output(n, m, chunk_size):
    w = RNG.normal(size=(m, n))
    for mode, number in (("forward", n), ("reverse", m)):
        with vectors_carried() as carried:
            close(gg.jacobian(lambda x: ops.linear(x, w), mode=mode, chunk_size=chunk_size)(np.ones(n)), w)
        size = chunk_size or number
        chunks = [min(size, number - start) for start in range(0, number, size)]
        assert carried == {"forward": [], "reverse": [], mode: chunks}


@pytest.mark.parametrize(("mode", "grows_with_n", "grows_with_m"), [("forward", 1.0, 0.0), ("reverse", 0.0, 1.0)])
def test_c3_the_cost_grows_as_the_theory_says(mode, grows_with_n, grows_with_m):
    """Multiplications of a map R^n -> R^64 -> R^64 -> R^m: in proportion to n (forward) or m (reverse)."""
    k, sizes = 64, (2, 4, 8, 16)

    def cost(n, m):
        ws = [np.ones((k, n)), np.ones((k, k)), np.ones((k, k)), np.ones((m, k))]

        def net(x):
            for w in ws:
                x = ops.tanh(ops.linear(x, w) * 0.01)
            return x

        once = counted(products, lambda: net(np.ones(n)))
        return counted(products, lambda: gg.jacobian(net, mode=mode)(np.ones(n))) - once

    def slope(costs):
        return np.polyfit(np.log(sizes), np.log(costs), 1)[0]

    assert abs(slope([cost(n, 4) for n in sizes]) - grows_with_n) < 0.2
    assert abs(slope([cost(4, m) for m in sizes]) - grows_with_m) < 0.2


# --- C20: reverse mode keeps intermediates, and recomputation trades them for time (FML)


def segment(x):
    for _ in range(8):
        x = ops.sin(x) * 1.25
    return x


def chain(x, part):
    for _ in range(8):
        x = part(x)
    return x


def test_c20_the_memory_held_is_reported_and_a_checkpoint_cuts_it():
    x = gg.Tensor(np.ones(1000), requires_grad=True)
    kept, recomputed = (gg.memory_report(chain(x, part)).total_bytes for part in (segment, gg.checkpoint(segment)))
    assert kept == 8000 * (64 - 1)  # what each sin needs, but for x itself, which is the leaf's
    assert recomputed == 8000 * (8 - 1)  # the input of each segment


def test_c20_peak_bytes_and_runs_with_and_without():
    def sweep(part):
        x = gg.Tensor(np.ones(20_000), requires_grad=True)
        tracemalloc.start()
        chain(x, part).backward(np.ones(20_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return x.grad.numpy(), peak

    runs = []
    plain, peak = sweep(segment)
    again, less = sweep(gg.checkpoint(lambda x: runs.append(1) or segment(x)))
    np.testing.assert_array_equal(again, plain)
    assert less < peak / 2.5
    assert len(runs) == 2 * 8


# --- C21: backward costs twice forward (FML)


@pytest.mark.parametrize("n_layers", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [8, 32])
def test_c21_backward_has_two_products_where_forward_has_one(n_layers, width):
    # g W and g^T x for each layer, but for the first, whose input is data: 2L - 1 products of equal size for L
    model = nn.MLP([width] * (n_layers + 1), activation="relu", dtype="float64")
    x, labels = RNG.normal(size=(16, width)), RNG.integers(0, width, 16)
    losses = []
    forward = counted(products, lambda: losses.append(nn.cross_entropy(model(x), labels)))
    backward = counted(products, losses[0].backward)
    assert forward == n_layers * 16 * width**2
    assert math.isclose(backward / forward, 2 - 1 / n_layers)
