"""Gradients of each sample (C11), of the data (C14), and of the backward pass itself (C15).

Sources: FCV = Torralba, Isola and Freeman, Foundations of Computer Vision, chapter 14.
"""

import itertools
import re
import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops

RNG = np.random.default_rng(14)


def close(got, expected, rtol=1e-12):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=rtol, atol=1e-13)


# --- C11: per-sample gradients and their norms (FCV 14.5)

X, T = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3))
W, B = RNG.normal(size=(3, 4)), RNG.normal(size=3)


def half_square(w, b, x, t):
    """1/2 |w x + b - t|^2 of one sample: g = w x + b - t, dW = g x^T, db = g."""
    r = ops.linear(x, w, b) - t
    return 0.5 * (r * r).sum()


def test_c11_the_gradient_of_each_sample_is_an_outer_product():
    dw, db = gg.per_sample_grad(half_square, (0, 1))(W, B, X, T)
    g = X @ W.T + B - T
    close(dw, np.einsum("ni,nj->nij", g, X))
    close(db, g)


def test_c11_the_norms_are_products_of_norms():
    g = ((X @ W.T + B - T) ** 2).sum(1)
    x = (X**2).sum(1)
    both = gg.per_sample_grad_norm(half_square, (0, 1), (None, None, 0, 0))
    close(both(W, B, X, T), np.sqrt(g * x + g))
    close(gg.per_sample_grad_norm(half_square, 0, (None, None, 0, 0))(W, B, X, T), np.sqrt(g * x))
    close(gg.per_sample_grad_norm(half_square, 1, (None, None, 0, 0))(W, B, X, T), np.sqrt(g))


def test_c11_tied_weights_and_sequences_have_cross_terms():
    w, s = RNG.normal(size=(4, 4)), RNG.normal(size=(6, 2, 4))

    def tied(w, x):
        return (ops.linear(ops.tanh(ops.linear(x, w)), w) ** 2).sum()

    def untied(first, second, x):
        return (ops.linear(ops.tanh(ops.linear(x, first)), second) ** 2).sum()

    for x in (X, s):
        loop = np.stack([gg.grad(tied)(w, row) for row in x])
        norms = np.sqrt((loop**2).sum((1, 2)))
        close(gg.per_sample_grad(tied)(w, x), loop)
        close(gg.per_sample_grad_norm(tied)(w, x), norms)
        apart = gg.per_sample_grad_norm(untied, (0, 1))(w, w, x)  # the same without the cross terms of the two uses
        assert np.abs(apart / norms - 1).max() > 0.05


def test_c11_the_gradients_and_norms_of_a_network_are_those_of_a_loop():
    w2, b2 = RNG.normal(size=(3, 3)), RNG.normal(size=3)

    def loss(w, b, w2, b2, x, t):
        return half_square(w2, b2, ops.tanh(ops.linear(x, w, b)), t)

    loop = [gg.grad(loss, (0, 1, 2, 3))(W, B, w2, b2, x, t) for x, t in zip(X, T, strict=True)]
    built = [np.stack(column) for column in zip(*loop, strict=True)]
    for got, expected in zip(gg.per_sample_grad(loss, (0, 1, 2, 3))(W, B, w2, b2, X, T), built, strict=True):
        close(got, expected)
    norms = np.sqrt(sum((g.reshape(len(X), -1) ** 2).sum(1) for g in built))
    close(gg.per_sample_grad_norm(loss, (0, 1, 2, 3))(W, B, w2, b2, X, T), norms)


@pytest.mark.parametrize(("rows", "m", "n"), [(3, 12, 16), (5, 3, 4)], ids=["few rows, by Gram", "many rows, built"])
def test_c11_a_sequence_has_cross_terms_between_its_rows(rows, m, n):
    # dW = sum_r g_r x_r^T and db = sum_r g_r: squares sum_rs (g_r . g_s)(x_r . x_s) and sum_rs g_r . g_s
    w, b = RNG.normal(size=(m, n)), RNG.normal(size=m)
    x, t = 1.0 + RNG.normal(size=(6, rows, n)), RNG.normal(size=(6, rows, m))  # rows that are not orthogonal
    g = x @ w.T + b - t
    of_g, of_x = (np.einsum("nri,nsi->nrs", a, a) for a in (g, x))
    norms = gg.per_sample_grad_norm(half_square, 0, (None, None, 0, 0))(w, b, x, t)
    close(norms, np.sqrt((of_g * of_x).sum((1, 2))))
    close(gg.per_sample_grad_norm(half_square, 1, (None, None, 0, 0))(w, b, x, t), np.sqrt(of_g.sum((1, 2))))
    without = np.sqrt(((g**2).sum(2) * (x**2).sum(2)).sum(1))
    assert np.abs(without / norms - 1).max() > 0.05


@pytest.mark.parametrize("rows", [(), (2,)])
def test_c11_the_norms_build_no_gradient(rows):
    # the gradients of 32 samples are 32 matrices of 64 x 64, 1 MiB
    n = 64
    w, x, t = RNG.normal(size=(n, n)), RNG.normal(size=(32, *rows, n)), RNG.normal(size=(32, *rows, n))
    norms = gg.per_sample_grad_norm(half_square, 0, (None, None, 0, 0))
    norms(w, np.zeros(n), x, t)
    tracemalloc.start()
    norms(w, np.zeros(n), x, t)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * w.nbytes / 3


def test_c11_the_mean_of_the_samples_is_the_gradient_of_the_mean():
    dw = gg.per_sample_grad(half_square, 0, (None, None, 0, 0))(W, B, X, T)
    close(dw.mean(0), gg.grad(lambda w: gg.vmap(half_square, (None, None, 0, 0))(w, B, X, T).mean())(W))


# --- C14: gradients with respect to the data (FCV 14.9)


def test_c14_the_gradient_of_the_data_is_the_cotangent_times_the_weight():
    # dx = W^T g for each sample, and no sample has a part in another's
    dx = gg.grad(lambda x: gg.vmap(half_square, (None, None, 0, 0))(W, B, x, T).sum())(X)
    close(dx, (X @ W.T + B - T) @ W)


def test_c14_input_ascent_excites_a_unit():
    model = nn.MLP([8, 16, 5], activation="tanh", dtype="float64").eval().requires_grad_(False)

    def unit(x):
        return model(x[None])[0, 3] - 0.01 * (x * x).sum()

    x, values = np.zeros(8), []
    for _ in range(50):
        value, g = gg.value_and_grad(unit)(x)
        values.append(float(np.asarray(value)))
        x = x + 0.05 * np.asarray(g)
    assert all(b > a for a, b in itertools.pairwise(values))  # small steps never go down
    assert values[-1] > values[0] + 0.2


# --- C15: the backward pass is itself a network (FCV 14.6.5)


def f(x):
    return ops.tanh(ops.linear(x, W, B)) ** 2


def test_c15_the_backward_pass_is_linear_in_the_cotangent():
    _, pull = gg.vjp(f, X[0])
    u, v = RNG.normal(size=(2, 3))
    close(pull(2.0 * u - 3.0 * v)[0], 2.0 * pull(u)[0] - 3.0 * pull(v)[0])
    close(pull(np.zeros(3))[0], np.zeros(4))


def test_c15_it_is_the_transpose_of_the_forward_derivative():
    _, pull = gg.vjp(f, X[0])
    j = gg.jacobian(f)(X[0])
    close(gg.jacobian(lambda u: pull(u)[0])(np.zeros(3)), j.T)
    _, back_again = gg.vjp(lambda u: pull(u)[0], np.zeros(3))  # the transpose of the transpose pushes forward
    v = RNG.normal(size=4)
    close(back_again(v)[0], j @ v)


@pytest.mark.parametrize("way", ["grad", "backward"])
def test_c15_it_is_differentiated_again_and_again(way):
    # x^4 - x e^x: first 4x^3 - (1 + x) e^x, second 12x^2 - (2 + x) e^x, third 24x - (3 + x) e^x
    def g(x):
        return x**4 - x * ops.exp(x)

    e = np.exp(0.5)
    expected = [4 * 0.125 - 1.5 * e, 12 * 0.25 - 2.5 * e, 24 * 0.5 - 3.5 * e]
    if way == "grad":
        for want in expected:
            g = gg.grad(g)
            close(g(0.5), want)
        return
    x = gg.Tensor(0.5, requires_grad=True)
    y = g(x)
    for want in expected:
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        close(y, want)
    x.grad = None  # nothing is left of the graphs


def test_c15_forward_and_backward_in_one_drawing_with_two_kinds_of_path():
    x, w = gg.Tensor(X, requires_grad=True), gg.Tensor(W, requires_grad=True)
    drawing = gg.graph((ops.tanh(ops.linear(x, w)) ** 2).sum(), {"w": w}, data={"x": x})
    text, dot = str(drawing), drawing.dot()
    for name in ("linear", "tanh", "sum"):
        assert f"{name}(" in text and f"{name}^T(" in text
    assert "[x.grad]" in text and "[w.grad]" in text
    # forward x -> linear <- w, backward the same edges turned round: those of w in one colour, those of x in another
    ink = dict(re.findall(r"^ *([fb]\d+ -> [fb]\d+) \[color=\"(#\w+)\"", dot, re.MULTILINE))
    numbers = {name: re.search(rf"^v(\d+) = {name}\b", text, re.MULTILINE)[1] for name in ("x", "w", "linear")}
    of_x, of_w = ({ink[f"{half}{numbers[name]} -> {half}{numbers['linear']}"] for half in "fb"} for name in ("x", "w"))
    assert len(of_x) == len(of_w) == 1 and of_x != of_w
