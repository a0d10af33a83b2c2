"""The rules of graphs, sharing, chains and updates (C12 to C22), each a test with the numbers worked by hand.

Vectors are single samples as in the books, column vectors there; a batch is (N, n), a weight (n_out, n_in).
Sources: PML = Murphy, Probabilistic Machine Learning; FCV = Torralba, Isola and Freeman, Foundations of Computer
Vision; FML = the slides "24 Backpropagation" of Foundations of Machine Learning.
"""

import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from tests.calculus.values import close, exactly, leaf

LN2, LN5 = math.log(2.0), math.log(5.0)

# --- C12: directed acyclic graphs (PML 13.3.4, FCV 14.37-46)


def test_c12_a_nodes_adjoint_is_the_sum_over_its_children():
    # f(x1, x2) = x2 e^x1 sqrt(x1 + x2 e^x1) in seven nodes, at x1 = 0, x2 = 4:
    # x3 = e^x1 = 1, x4 = x2 x3 = 4, x5 = x1 + x4 = 4, x6 = sqrt(x5) = 2, x7 = x4 x6 = 8; backwards, a_i = dx7/dx_i:
    # a7 = 1, a6 = x4 = 4, a5 = a6 / (2 x6) = 1, a4 = a5 + a7 x6 = 3 (two children),
    # a3 = a4 x2 = 12, a2 = a4 x3 = 3, a1 = a5 + a3 e^x1 = 13 (two children)
    x1, x2 = leaf(0.0), leaf(4.0)
    x3 = ops.exp(x1)
    x4 = x2 * x3
    x5 = x1 + x4
    x6 = ops.sqrt(x5)
    x7 = x4 * x6
    for node in (x3, x4, x5, x6, x7):
        node.retain_grad()
    x7.backward()
    assert [float(x) for x in (x1, x2, x3, x4, x5, x6, x7)] == [0, 4, 1, 4, 4, 2, 8]
    assert [float(x.grad) for x in (x1, x2, x3, x4, x5, x6, x7)] == [13, 3, 12, 3, 1, 4, 1]


def test_c12_merge_concatenates_and_its_backward_splits():
    a, b, c = leaf([1.0, 2.0]), leaf([3.0]), leaf([4.0, 5.0, 6.0])
    ops.concatenate([a, b, c]).backward(np.arange(6.0))
    assert [t.grad.tolist() for t in (a, b, c)] == [[0, 1], [2], [3, 4, 5]]


def test_c12_branch_copies_and_its_backward_adds():
    # x goes three ways, 2x, x^2 and x + x, and their sum is weighed with u = [1, 10]: u (2 + 2x + 2)
    x = leaf([1.0, 5.0])
    ways = (2.0 * x, x * x, x + x)
    (ways[0] + ways[1] + ways[2]).backward(np.array([1.0, 10.0]))
    exactly(x.grad, [6.0, 140.0])


# --- C13: parameter sharing (FCV 14.8, FML)


def test_c13_a_weight_used_in_two_places_adds_both_gradients():
    # phi1: z1 = w1 x, phi2: z2 = w2 z1, phi3: z3 = w1 z2 at x = 2, w1 = 3, w2 = 5: z1 = 6, z2 = 30, z3 = 90
    # dz3/dw1 = z2 (at phi3) + w1 w2 x (at phi1) = 30 + 30; dz3/dw2 = w1 z1 = 18; dz3/dx = w1 w2 w1 = 45
    x, w1, w2 = leaf(2.0), leaf(3.0), leaf(5.0)
    z3 = w1 * (w2 * (w1 * x))
    z3.backward()
    assert [float(t) for t in (z3, w1.grad, w2.grad, x.grad)] == [90, 60, 18, 45]
    apart = gg.grad(lambda first, third: third * (5.0 * (first * 2.0)), (0, 1))(3.0, 3.0)
    assert [float(g) for g in apart] == [30, 30]


def test_c13_tied_matrices():
    # y = W^T (W x) with W = [[1, 2], [3, 4]], x = [1, 1]: h = W x = [3, 7], y = [3 + 21, 6 + 28]; u = [1, 0]:
    # (W u) x^T = [[1, 1], [3, 3]] at the encoder, h u^T = [[3, 0], [7, 0]] at the decoder
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0])
    y = ops.matmul(w.T, ops.matmul(w, x))
    y.backward(np.array([1.0, 0.0]))
    exactly(y, [24.0, 34.0])
    exactly(w.grad, [[4.0, 1.0], [10.0, 3.0]])


def test_c13_a_layer_used_twice_is_one_parameter():
    # relu(W relu(W x)) with W = [[2]], x = 3: 12, d/dW = 2 W x = 12
    layer = nn.Linear(1, 1, bias=False, dtype="float64")
    model = nn.Sequential(layer, nn.ReLU(), layer)
    layer.weight.data[...] = 2.0
    assert len(list(model.parameters())) == 1
    y = model(np.array([[3.0]]))
    y.backward()
    assert float(y) == 12.0 and float(layer.weight.grad) == 12.0


# --- C16: define-by-run (PML 13.3.4)


def squared_until_large(x):
    """-x below 0; else x squared again and again until it is at least 100."""
    if x < 0:
        return -x
    while x < 100:
        x = x * x
    return x


@pytest.mark.parametrize(
    ("x", "value", "slope", "n_nodes"),
    [
        (-3.0, 3.0, -1.0, 1),
        (2.0, 256.0, 1024.0, 3),  # ((x^2)^2)^2 = x^8: 8 * 2^7
        (5.0, 625.0, 500.0, 2),  # (x^2)^2 = x^4: 4 * 5^3
        (200.0, 200.0, 1.0, 0),
    ],
)
def test_c16_the_graph_is_what_ran(x, value, slope, n_nodes):
    assert float(gg.grad(squared_until_large)(x)) == slope
    assert float(gg.jvp(squared_until_large, (x,), (1.0,))[1]) == slope
    t = leaf(x)
    y = squared_until_large(t)
    seen, stack = set(), [y.node]
    while stack:
        node = stack.pop()
        seen.add(id(node))
        stack += [p for p in node[1] if type(p) is tuple]
    y.backward()
    assert float(y) == value and float(t.grad) == slope
    assert len(seen) - 1 == n_nodes  # without the leaf


# --- C19: chain rules and gates (FML)


@pytest.mark.parametrize(
    ("x", "slope"),
    [(0.0, 0.0), (math.sqrt(math.pi), -2 * math.sqrt(math.pi)), (math.sqrt(math.pi / 2), 0.0)],
)
def test_c19_the_scalar_chain_rule(x, slope):
    # d e^{sin(x^2)} / dx = e^{sin(x^2)} cos(x^2) 2x; at sqrt(pi): e^0 (-1) 2 sqrt(pi); at sqrt(pi/2): e^1 0 2x
    def f(x):
        return ops.exp(ops.sin(x * x))

    close(gg.grad(f)(x), slope, atol=1e-14)
    close(gg.jvp(f, (x,), (1.0,))[1], slope, atol=1e-14)


def test_c19_the_distributed_chain_rule():
    # L = u v with u = t^2, v = 3t at t = 2: dL/dt = v 2t + u 3 = 24 + 12
    t = leaf(2.0)
    u, v = t * t, 3.0 * t
    (u * v).backward()
    assert float(t.grad) == 36.0


def test_c19_a_small_circuit():
    # f = x y + z, L = (f - t)^2 with x = -2, y = 5, z = -4, t = -4: f = -14, L = 100, dL/df = 2 (f - t) = -20;
    # the add gate hands -20 to z and to the product, which swaps: dL/dx = -20 y = -100, dL/dy = -20 x = 40
    x, y, z, t = leaf(-2.0), leaf(5.0), leaf(-4.0), leaf(-4.0)
    f = x * y + z
    loss = (f - t) ** 2
    f.retain_grad()
    loss.backward()
    assert float(f) == -14 and float(loss) == 100
    assert [float(v.grad) for v in (f, x, y, z, t)] == [-20, -100, 40, -20, 20]


def test_c19_gates_add_distributes_multiply_swaps_max_routes():
    a, b, u = np.array([1.0, 7.0]), np.array([5.0, 2.0]), np.array([10.0, 100.0])
    for gate, da, db in ((ops.add, u, u), (ops.multiply, u * b, u * a), (ops.maximum, [0.0, 100.0], [10.0, 0.0])):
        got = gg.vjp(gate, a, b)[1](u)
        exactly(got[0], da)
        exactly(got[1], db)


# --- C22: the update (FCV 14.9, FML)


def test_c22_theta_minus_eta_times_the_gradient():
    # the linear layer of C7 with u = [1, 2], eta = 1/2: W - u x^T / 2 and b - u / 2
    w, b, x = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), leaf([10.0, 20.0]), np.array([1.0, 0.0, -1.0])
    optimizer = optim.SGD([w, b], lr=0.5)
    ops.linear(x, w, b).backward(np.array([1.0, 2.0]))
    optimizer.step()
    exactly(w, [[0.5, 2.0, 3.5], [3.0, 5.0, 7.0]])
    exactly(b, [9.5, 19.0])
    optimizer.zero_grad()
    assert w.grad is None or not np.asarray(w.grad).any()
    assert w.is_leaf and w.requires_grad


def test_c22_two_steps_on_a_parabola():
    # J = theta^2, eta = 1/4: theta <- theta - 2 theta / 4 = theta / 2
    theta = leaf([8.0])
    optimizer = optim.SGD([theta], lr=0.25)
    for expected in (4.0, 2.0):
        optimizer.zero_grad()
        (theta * theta).backward()
        optimizer.step()
        assert theta.tolist() == [expected]
