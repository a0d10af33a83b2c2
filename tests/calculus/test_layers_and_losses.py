"""The rules of layers and losses (C4 to C9), each a test with the numbers worked by hand.

Vectors are single samples as in the books, column vectors there; a batch is (N, n), a weight (n_out, n_in).
Sources: PML = Murphy, Probabilistic Machine Learning; FCV = Torralba, Isola and Freeman, Foundations of Computer
Vision; FML = the slides "24 Backpropagation" of Foundations of Machine Learning.
"""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import nn, ops
from tests.calculus.values import close, exactly, leaf

LN2, LN5 = math.log(2.0), math.log(5.0)

# --- C4: a scalar loss over layers with parameters (PML 13.3.2)


def test_c4_one_sweep_gives_the_gradient_of_every_parameter(monkeypatch):
    # L = 1/2 |y - W2 relu(W1 x)|^2 with
    x, y = [1.0, 2.0], [3.0, 1.0]
    w1 = [[1.0, 0.0], [1.0, -1.0], [2.0, 1.0]]  # W1 x = [1, -1, 4], h = relu = [1, 0, 4]
    w2 = [[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]  # W2 h = [1, 4], r = W2 h - y = [-2, 3], L = (4 + 9) / 2 = 6.5
    # dL/dW2 = r h^T;  W2^T r = [-2, -4 + 3, 3] = [-2, -1, 3], times [1, 0, 1] gives u1 = [-2, 0, 3];
    # dL/dW1 = u1 x^T;  dL/dx = W1^T u1 = [-2 + 0 + 6, 0 + 0 + 3] = [4, 3]
    by_hand = [[4.0, 3.0], [[-2, -4], [0, 0], [3, 6]], [[-2, 0, -8], [3, 0, 12]]]

    def loss(x, w1, w2):
        r = y - ops.matmul(w2, ops.relu(ops.matmul(w1, x)))
        return 0.5 * (r * r).sum()

    sweeps = []
    real = gg.core.transform.sweep
    monkeypatch.setattr(gg.core.transform, "sweep", lambda *args, **kw: sweeps.append(args) or real(*args, **kw))
    value, grads = gg.value_and_grad(loss, (0, 1, 2))(*map(np.array, (x, w1, w2)))
    assert float(value) == 6.5 and len(sweeps) == 1
    for g, expected in zip(grads, by_hand, strict=True):
        exactly(g, expected)
    leaves = [leaf(v) for v in (x, w1, w2)]
    loss(*leaves).backward()
    for t, expected in zip(leaves, by_hand, strict=True):
        exactly(t.grad, expected)


def test_c4_with_a_smooth_nonlinearity():
    # one unit a layer: L = 1/2 (y - v tanh(w x))^2, x = 1, w = ln 2: tanh(ln 2) = (2 - 1/2)/(2 + 1/2) = 0.6;
    # v = 5, y = 1: r = 5 * 0.6 - 1 = 2, L = 2; dL/dv = r 0.6 = 1.2; dL/dw = r v (1 - 0.36) x = 6.4
    value, (dw, dv) = gg.value_and_grad(lambda w, v: 0.5 * (1.0 - v * ops.tanh(w * 1.0)) ** 2, (0, 1))(LN2, 5.0)
    close(value, 2.0)
    close(dv, 1.2)
    close(dw, 6.4)


# --- C5: cross entropy with logits (PML 13.3.3.1)

LOGITS = np.array([0.0, LN2, LN5])  # softmax is [1, 2, 5] / 8


def test_c5_the_gradient_is_p_minus_y_for_a_class_index():
    # -log p_1 = log 4; p - e_1 = [1/8, 2/8 - 1, 5/8]
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, np.array([1])))(LOGITS[None])
    close(value, math.log(4.0))
    close(g, [[0.125, -0.75, 0.625]])


def test_c5_the_gradient_is_p_minus_y_for_labels_that_sum_to_one():
    # p - y = [1/8 - 1/2, 2/8 - 1/4, 5/8 - 1/4]
    g = gg.grad(lambda z: nn.cross_entropy(z, np.array([[0.5, 0.25, 0.25]])))(LOGITS[None])
    close(g, [[-0.375, 0.0, 0.375]])


def test_c5_labels_of_any_sum_weigh_p():
    # y = [2, 1, 1] sums to 4: 4p - y = [1/2 - 2, 1 - 1, 5/2 - 1]
    g = gg.grad(lambda z: nn.cross_entropy(z, np.array([[2.0, 1.0, 1.0]])))(LOGITS[None])
    close(g, [[-1.5, 0.0, 1.5]])


def test_c5_class_weights_divide_by_the_sum_of_weights():
    # two samples of classes 1 and 2, weights 2 and 4: loss = (2 log 4 + 4 log(8/5)) / 6, gradients
    # 2/6 (p - e_1) and 4/6 (p - e_2) with p - e_2 = [1/8, 2/8, -3/8]
    z, labels, weights = np.stack([LOGITS, LOGITS]), np.array([1, 2]), np.array([1.0, 2.0, 4.0])
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, labels, weight=weights))(z)
    close(value, (2 * math.log(4.0) + 4 * math.log(1.6)) / 6)
    close(g, [[0.125 / 3, -0.25, 0.625 / 3], [0.25 / 3, 0.5 / 3, -0.25]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c5_is_stable_for_huge_logits(dtype):
    # p = [1, 0] to rounding: the loss of class 0 is 0, that of class 1 the distance 2e4; gradients p - y
    z = np.array([[1e4, -1e4]], dtype)
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, np.array([0])))(z)
    assert float(value) == 0.0
    exactly(g, [[0.0, 0.0]])
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, np.array([1])))(z)
    assert float(value) == 2e4 and g.dtype == dtype
    exactly(g, [[1.0, -1.0]])
    # y = [1/4, 3/4]: loss 3/4 * 2e4, p - y = [3/4, -3/4]; and with class weights 1 and 3, 1/4 (.) and 3/4 (.)
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, np.array([[0.25, 0.75]], dtype)))(z)
    assert float(value) == 1.5e4
    exactly(g, [[0.75, -0.75]])
    weights, labels = np.array([1.0, 3.0], dtype), np.array([0, 1])
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, labels, weight=weights))(np.concatenate([z, z]))
    assert float(value) == 1.5e4
    exactly(g, [[0.0, 0.0], [0.75, -0.75]])


@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from(["index", "soft", "any sum"]), st.integers(0, 99))
def test_c5_any_logits_and_labels(n, n_classes, kind, seed):
    # the mean over the batch: (p sum(y) - y) / N
    rng = np.random.default_rng(seed)
    z, labels = 3 * rng.normal(size=(n, n_classes)), rng.integers(0, n_classes, n)
    y = np.eye(n_classes)[labels] if kind == "index" else rng.uniform(size=(n, n_classes))
    y = y / y.sum(1, keepdims=True) if kind == "soft" else y
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    value, g = gg.value_and_grad(lambda z: nn.cross_entropy(z, labels if kind == "index" else y))(z)
    close(value, -(y * np.log(p)).sum() / n, rtol=1e-12, atol=1e-13)
    close(g, (p * y.sum(1, keepdims=True) - y) / n, rtol=1e-12, atol=1e-14)


# --- C6: pointwise nonlinearities (PML 13.3.3.2, FCV 14.30-33)

ELEVEN = 11.0


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (ops.relu, -2.0, 0.0),
        (ops.relu, 0.0, 0.0),  # PML's 1[x > 0]; FCV writes 1 at 0
        (ops.relu, 3.0, 1.0),
        (ops.sigmoid, 0.0, 0.25),  # s (1 - s) with s = 1/2
        (ops.sigmoid, math.log(3.0), 3 / 16),  # s = 3/4
        (ops.tanh, LN2, 0.64),  # 1 - 0.6^2
        (ops.softplus, math.log(3.0), 0.75),  # the sigmoid
        (ops.exp, LN2, 2.0),
        (ops.log, 4.0, 0.25),
        (ops.sqrt, 4.0, 0.25),  # 1 / (2 sqrt 4)
        (ops.sin, 0.0, 1.0),
        (ops.cos, math.pi / 2, -1.0),
        (ops.square, 3.0, 6.0),
        (ops.reciprocal, 2.0, -0.25),
        (ops.abs, -2.0, -1.0),
    ],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_c6_the_cotangent_times_the_slope(f, x, slope):
    _, pull = gg.vjp(f, np.array([x, x]))
    close(pull(np.array([ELEVEN, -1.0]))[0], [ELEVEN * slope, -slope])
    _, t = gg.jvp(f, (np.array([x, x]),), (np.array([ELEVEN, -1.0]),))
    close(t, [ELEVEN * slope, -slope])


def test_c6_each_element_for_itself():
    # relu at [-2, 0, 3] with u = [5, 7, 11]: [0, 0, 11]
    _, pull = gg.vjp(ops.relu, np.array([-2.0, 0.0, 3.0]))
    exactly(pull(np.array([5.0, 7.0, 11.0]))[0], [0.0, 0.0, 11.0])


# --- C7: the linear layer (PML 13.3.3.3, FCV 14.16-29)

W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
BIAS = np.array([10.0, 20.0])


def test_c7_one_sample():
    # x = [1, 0, -1]: z = [1 - 3 + 10, 4 - 6 + 20]; u = [1, 2]: dx = u^T W, dW = u x^T, db = u
    x, u = np.array([1.0, 0.0, -1.0]), np.array([1.0, 2.0])
    z, pull = gg.vjp(ops.linear, x, W, BIAS)
    exactly(z, [8.0, 18.0])
    dx, dw, db = pull(u)
    exactly(dx, [9.0, 12.0, 15.0])
    exactly(dw, [[1, 0, -1], [2, 0, -2]])
    exactly(db, [1.0, 2.0])


def test_c7_a_batch_adds_up():
    # second sample [2, 1, 0] with u = [3, -1]: u x^T = [[6, 3, 0], [-2, -1, 0]], u^T W = [3 - 4, 6 - 5, 9 - 6]
    x, u = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]), np.array([[1.0, 2.0], [3.0, -1.0]])
    z, pull = gg.vjp(ops.linear, x, W, BIAS)
    exactly(z, [[8.0, 18.0], [14.0, 33.0]])
    dx, dw, db = pull(u)
    exactly(dx, [[9, 12, 15], [-1, 1, 3]])
    exactly(dw, [[7, 3, -1], [0, -1, -2]])
    exactly(db, [4.0, 1.0])


def test_c7_the_jacobian_with_respect_to_w_is_never_built():
    # m = n = 256: W has 0.5 MB, its (m, m, n) Jacobian would have 134 MB
    n = 256
    x, w, u = np.ones(n), np.ones((n, n)), np.ones(n)
    tracemalloc.start()
    _, pull = gg.vjp(lambda w: ops.linear(x, w), w)
    pull(u)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * w.nbytes


# --- C8: losses (FCV 14.34-35, PML 13.3.2)

TARGET, PREDICTED = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])
D = np.array([[1.0, 2.0], [2.0, 4.0]])  # the difference


@pytest.mark.parametrize(
    ("loss", "reduction", "value", "gradient"),
    [
        (nn.squared_l2_loss, "none", [5.0, 20.0], 2 * D),  # |d|^2 a sample
        (nn.squared_l2_loss, "sum", 25.0, 2 * D),
        (nn.squared_l2_loss, "mean", 12.5, D),  # over N = 2 samples: 2 d / 2
        (nn.half_squared_l2_loss, "none", [2.5, 10.0], D),
        (nn.half_squared_l2_loss, "sum", 12.5, D),
        (nn.half_squared_l2_loss, "mean", 6.25, D / 2),
        (nn.mse_loss, "none", [[1.0, 4.0], [4.0, 16.0]], 2 * D),
        (nn.mse_loss, "sum", 25.0, 2 * D),
        (nn.mse_loss, "mean", 6.25, D / 2),  # over N n_out = 4 numbers: 2 d / 4
    ],
)
def test_c8_closed_forms(loss, reduction, value, gradient):
    y, pull = gg.vjp(lambda p: loss(p, TARGET, reduction=reduction), PREDICTED)
    exactly(y, value)
    exactly(pull(np.ones_like(y))[0], gradient)


# --- C9: a whole MLP (PML 13.3.3.4, FML summary)

X1 = np.array([1.0, 2.0])
W1 = np.array([[1.0, 0.0], [1.0, -1.0], [0.0, 1.0]])  # x2 = W1 x1 = [1, -1, 2], x3 = relu(x2) = [1, 0, 2]
W2 = np.array([[2.0, 1.0, -1.0], [LN2, 3.0, 0.0], [LN5 - 2.0, 0.0, 1.0]])  # W2 x3 = [0, ln 2, ln 5], p = [1, 2, 5] / 8
U2 = np.array([0.125, 0.25, -0.375])  # p - y for class 2
# W2^T u2 = [2/8 + ln2/4 - 3 (ln5 - 2)/8, ., -1/8 - 3/8]; the middle unit is off: H(x2) = [1, 0, 1]
U1 = np.array([1.0 + LN2 / 4 - 3 * LN5 / 8, 0.0, -0.5])
DW2 = [[0.125, 0.0, 0.25], [0.25, 0.0, 0.5], [-0.375, 0.0, -0.75]]  # u2 x3^T
DW1 = np.array([U1, 2 * U1]).T  # u1 x1^T


def test_c9_hand_derived_gradients_of_an_mlp():
    def loss(w1, w2):
        return nn.cross_entropy(ops.linear(ops.relu(ops.linear(X1[None], w1)), w2), np.array([2]))

    value, (g1, g2) = gg.value_and_grad(loss, (0, 1))(W1, W2)
    close(value, math.log(8 / 5))
    close(g1, DW1)
    close(g2, DW2)


def test_c9_the_same_as_a_model():
    model = nn.Sequential(
        nn.Linear(2, 3, bias=False, dtype="float64"), nn.ReLU(), nn.Linear(3, 3, bias=False, dtype="float64")
    )
    first, second = model.parameters()
    model.load_state_dict(dict(zip(model.state_dict(), (W1, W2), strict=True)))
    nn.cross_entropy(model(X1[None]), np.array([2])).backward()
    close(first.grad, DW1)
    close(second.grad, DW2)


@given(st.integers(1, 5), st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 99))
def test_c9_the_formulas_are_the_engine_for_any_batch_and_size(n, sizes, seed):
    # of the mean over the batch, so u2 = (p - y) / N; biases get the cotangents' sums
    rng = np.random.default_rng(seed)
    n_in, n_hidden, n_out = sizes
    x, labels = rng.normal(size=(n, n_in)), rng.integers(0, n_out, n)
    shapes = (n_hidden, n_in), (n_hidden,), (n_out, n_hidden), (n_out,)
    w1, b1, w2, b2 = parameters = [rng.normal(size=shape) for shape in shapes]

    def loss(w1, b1, w2, b2):
        return nn.cross_entropy(ops.linear(ops.relu(ops.linear(x, w1, b1)), w2, b2), labels)

    x2 = x @ w1.T + b1
    x3 = np.maximum(x2, 0)
    p = np.exp(x3 @ w2.T + b2)
    u2 = (p / p.sum(1, keepdims=True) - np.eye(n_out)[labels]) / n
    u1 = (u2 @ w2) * (x2 > 0)
    got = gg.grad(loss, (0, 1, 2, 3))(*parameters)
    for g, expected in zip(got, (u1.T @ x, u1.sum(0), u2.T @ x3, u2.sum(0)), strict=True):
        close(g, expected, rtol=1e-11, atol=1e-13)
