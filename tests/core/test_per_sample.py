"""Per-sample gradients equal a loop over samples, and their norms those of the built gradients, with less memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.core.namespace import OPS
from gpugrad.core.tree import flatten
from gpugrad.errors import ArgumentError, ShapeError
from tests.core.counting import operations_counted

N = 6
RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(N, 4)), RNG.integers(0, 3, N)
PARAMS = [RNG.normal(size=s) for s in ((5, 4), (5,), (3, 5), (3,))]


def mlp_loss(w1, b1, w2, b2, x, label):
    return nn.cross_entropy(ops.linear(ops.tanh(ops.linear(x, w1, b1)), w2, b2)[None], label[None])


def close(got, expected):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-11, atol=1e-13)


def check(f, params, *samples):
    """Gradients and norms over all of params, and over each alone, against a loop over the samples."""
    n, size = len(params), len(samples[0])
    for argnums in (tuple(range(n)), *range(n)):
        loop = [gg.grad(f, argnums)(*params, *(s[i] for s in samples)) for i in range(size)]
        built = [
            np.stack([np.asarray(g) for g in column]) for column in zip(*(flatten(g)[0] for g in loop), strict=True)
        ]
        axes = (*[None] * n, *[0] * len(samples))
        got = gg.per_sample_grad(f, argnums, axes)(*params, *samples)
        for g, e in zip(flatten(got)[0], built, strict=True):
            close(g, e)
        norms = gg.per_sample_grad_norm(f, argnums, axes)(*params, *samples)
        close(norms, np.sqrt(sum((g.reshape(size, -1) ** 2).sum(1) for g in built)))


# --- against a loop


def test_a_network():
    check(mlp_loss, PARAMS, X, LABELS)
    both = gg.per_sample_grad(mlp_loss, (0, 1, 2, 3))(*PARAMS, X, LABELS)
    assert [g.shape for g in both] == [(N, *p.shape) for p in PARAMS]


@pytest.mark.parametrize("length", [1, 2, 30])  # norms by the Gram matrix, or by building where that is less work
def test_a_sequence_has_cross_terms(length):
    check(lambda w, b, x: (ops.tanh(ops.linear(x, w, b)) ** 2).sum(), PARAMS[:2], RNG.normal(size=(N, length, 4)))


def test_rows_that_cancel_have_norm_zero():
    # the gradient is (g1 + g2 + g3) x^T with g1 + g2 + g3 = 0: rounding must not make the square negative
    x = np.repeat(RNG.normal(size=(300, 1, 17)), 3, axis=1)
    c = RNG.normal(size=(3, 5)) / 3
    c[2] = -c[0] - c[1]
    f = lambda w, x: (ops.linear(x, w) * c).sum()  # noqa: E731
    norms = gg.per_sample_grad_norm(f)(RNG.normal(size=(5, 17)), x)
    assert (norms >= 0).all() and (norms < 1e-6).all()


def test_two_sequence_axes():
    check(lambda w, b, x: (ops.tanh(ops.linear(x, w, b)) ** 2).sum(), PARAMS[:2], RNG.normal(size=(N, 2, 3, 4)))


def test_a_weight_used_twice_has_cross_terms():
    w = RNG.normal(size=(4, 4))
    check(lambda w, x: ops.linear(ops.tanh(ops.linear(x, w)), w).sum(), [w], X)
    check(lambda w, x: ops.linear(ops.tanh(ops.linear(x, w)), w.T).sum(), [w], X)  # transposed: an autoencoder
    check(lambda w, x: (ops.linear(x, w) * ops.linear(2.0 * x, w)).sum(), [w], X)
    check(lambda w, x: ops.linear(x, w).sum() + (w**2).sum() + ops.linear(x, w[:2]).sum() ** 2, [w], X)


@given(st.integers(1, 3), st.integers(1, 3), st.lists(st.integers(1, 3), max_size=2), st.booleans(), st.integers(0, 9))
def test_linear_layers_of_any_shape(n_in, n_out, lead, tied, seed):
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=(n_out, n_in)), rng.normal(size=n_out)]

    def f(w, b, x):
        y = ops.tanh(ops.linear(x, w, b))
        return (y * y).sum() + (ops.linear(x * x, w).sum() if tied else 0.0)

    check(f, params, rng.normal(size=(3, *lead, n_in)))


def test_weights_that_go_through_other_operations_first():
    check(lambda w, x: ops.linear(x, ops.tanh(w) * 2.0).sum() ** 2, [PARAMS[0]], X)  # no factors, built
    check(lambda w, x: ops.linear(x, w.T).sum() ** 2, [PARAMS[0].T.copy()], X)
    check(lambda w, s, x: ops.linear(x, w * s).sum() ** 2, [PARAMS[0], np.float64(1.5)], X)
    check(lambda w, x: ops.linear(x, ops.concatenate([w, 2.0 * w])).sum() ** 2, [PARAMS[0]], X)


def test_parameters_outside_linear_layers():
    embed = RNG.normal(size=(3, 4))
    check(lambda e, w, x, i: (ops.linear(ops.getitem(e, i) + x, w) ** 2).sum(), [embed, PARAMS[0]], X, LABELS)
    check(lambda g, x: (ops.softmax(x) * g).sum() ** 2, [X[0]], X)
    check(lambda w, x: ((w @ x) ** 2).sum(), [PARAMS[0]], X)


def test_a_parameter_that_does_not_matter():
    check(lambda w, u, x: ops.linear(x, w).sum() ** 2, [PARAMS[0], PARAMS[1]], X)
    norms = gg.per_sample_grad_norm(lambda w, x: x.sum() * 1.0)(PARAMS[0], X)
    close(norms, np.zeros(N))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(dtype):
    params = [p.astype(dtype) for p in PARAMS]
    assert gg.per_sample_grad(mlp_loss, (0, 1, 2, 3))(*params, X.astype(dtype), LABELS)[2].dtype == dtype
    assert gg.per_sample_grad_norm(mlp_loss, (0, 1, 2, 3))(*params, X.astype(dtype), LABELS).dtype == dtype


def test_in_axes():
    got = gg.per_sample_grad(mlp_loss, 0, (None, None, None, None, 1, 0))(*PARAMS, X.T, LABELS)
    close(got, gg.per_sample_grad(mlp_loss, (0, 1, 2, 3))(*PARAMS, X, LABELS)[0])


def test_a_dictionary_of_parameters():
    params = dict(zip("abcd", PARAMS, strict=True))
    f = lambda p, x, t: mlp_loss(*p.values(), x, t)  # noqa: E731
    got = gg.per_sample_grad(f)(params, X, LABELS)
    assert list(got) == list("abcd")
    close(got["c"], gg.per_sample_grad(mlp_loss, (0, 1, 2, 3))(*PARAMS, X, LABELS)[2])
    close(
        gg.per_sample_grad_norm(f)(params, X, LABELS),
        gg.per_sample_grad_norm(mlp_loss, (0, 1, 2, 3))(*PARAMS, X, LABELS),
    )


def test_weights_and_samples_of_other_dtypes():
    w = PARAMS[0].astype("float32")
    f = lambda w, x: (ops.linear(x, w) ** 2).sum()  # noqa: E731
    built = gg.per_sample_grad(f)(w, X)
    assert built.dtype == "float32"
    norms = gg.per_sample_grad_norm(f)(w, X)
    np.testing.assert_allclose(norms, np.sqrt((built.astype("float64") ** 2).sum((1, 2))), rtol=1e-6)


def test_weights_cut_out_of_one_array():
    whole = RNG.normal(size=(6, 4))

    def f(whole, x):
        a, b = ops.split(whole, 2)
        return (ops.linear(x, a) * ops.linear(x, b)).sum()

    check(f, [whole], X)


def test_hooks_and_anomaly_mode_meet_ordinary_values():
    seen = []

    def f(w, x):
        w.register_hook(lambda g: seen.append(g.shape) or g * 3.0)
        return ops.linear(x, w).sum()

    with gg.detect_anomaly():
        norms = gg.per_sample_grad_norm(f)(PARAMS[0], X)
    close(norms, 3 * np.sqrt(5) * np.linalg.norm(X, axis=1))
    assert seen == [(5, 4)]


# --- a model as the argument


def model_loss(model, x, label):
    return nn.cross_entropy(model(x[None]), label[None])


@pytest.mark.parametrize("norm", [None, "layer"])
def test_a_model(norm):
    model = nn.MLP([4, 5, 5, 3], activation="tanh", dtype="float64", norm=norm)
    with gg.no_grad():
        each = gg.per_sample_grad(model_loss)(model, X, LABELS)
        norms = gg.per_sample_grad_norm(model_loss)(model, X, LABELS)
    assert isinstance(each, nn.MLP)
    squares = np.zeros(N)
    for i in range(N):
        model.zero_grad()
        model_loss(model, X[i], LABELS[i]).backward()
        for g, p in zip(each.parameters(), model.parameters(), strict=True):
            close(g.numpy()[i], p.grad.numpy())
            squares[i] += (p.grad.numpy() ** 2).sum()
    close(norms.numpy(), np.sqrt(squares))


def test_a_model_with_tied_layers():
    model = nn.Sequential(nn.Linear(4, 4, dtype="float64", rng=0), nn.Tanh(), nn.Linear(4, 4, dtype="float64", rng=1))
    model[2].weight = model[0].weight
    with gg.no_grad():
        each = flatten(gg.per_sample_grad(lambda m, x: m(x).sum() ** 2)(model, X))[0]
        norms = gg.per_sample_grad_norm(lambda m, x: m(x).sum() ** 2)(model, X)
    close(norms.numpy(), np.sqrt(sum((g.numpy().reshape(N, -1) ** 2).sum(1) for g in each)))


# --- what the norms do not build


@pytest.mark.parametrize("length", [None, 3])
def test_the_norm_of_a_weight_gradient_is_taken_from_its_factors(monkeypatch, length):
    seen, before = [], OPS.outer_norm2
    monkeypatch.setattr(OPS, "outer_norm2", lambda g, x: seen.append((g.shape, x.shape)) or before(g, x))
    x = RNG.normal(size=(N, 4) if length is None else (N, length, 4))
    gg.per_sample_grad_norm(lambda w, x: ops.tanh(ops.linear(x, w)).sum())(PARAMS[0], x)
    assert seen[0] == ((length or 1, 5), (length or 1, 4))


def counts_of(of, n):
    model = nn.MLP([8, 8, 8, 8, 3], dtype="float64")
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(n, 8)), rng.integers(0, 3, n)
    with gg.no_grad(), operations_counted() as calls:
        of(model, x, labels)
    return calls


def test_norms_take_little_more_work_than_one_gradient_of_the_batch():
    norms = counts_of(gg.per_sample_grad_norm(model_loss), 16)
    batch = counts_of(gg.grad(lambda m, x, t: nn.cross_entropy(m(x), t)), 16)
    assert norms["linear"] == batch["linear"] == 4 + 3  # layers forward; the cotangents of all inputs but the first
    assert (batch["outer_sum"], norms["outer_sum"], norms["outer_norm2"]) == (4, 0, 4)
    assert norms.total() <= 1.5 * batch.total()


@pytest.mark.parametrize("of", [gg.per_sample_grad, gg.per_sample_grad_norm])
def test_all_samples_run_in_one_sweep(of):
    assert counts_of(of(model_loss), 2) == counts_of(of(model_loss), 40)


def peak(call):
    tracemalloc.start()
    call()
    bytes_ = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return bytes_


def test_norms_take_far_less_memory_than_the_gradients():
    n, width = 64, 64
    rng = np.random.default_rng(0)
    ws, x = [rng.normal(size=(width, width)) for _ in range(3)], rng.normal(size=(n, width))

    def f(a, b, c, x):
        return (ops.linear(ops.tanh(ops.linear(ops.tanh(ops.linear(x, a)), b)), c) ** 2).sum()

    gradients = peak(lambda: gg.per_sample_grad(f, (0, 1, 2))(*ws, x))
    norms = peak(lambda: gg.per_sample_grad_norm(f, (0, 1, 2))(*ws, x))
    assert gradients > 3 * n * width * width * 8
    assert norms < gradients / 10


# --- inside other transforms, and errors


def test_norms_can_be_differentiated():
    # ||d/dw (w . x)^2|| = 2 |w . x| |x|: its gradient for w is 2 sign(w . x) x |x|
    w = X[0]
    got = gg.grad(lambda w: gg.per_sample_grad_norm(lambda w, x: (w @ x) ** 2)(w, X[1:]).sum())(w)
    rows = X[1:]
    close(got, (2 * np.sign(rows @ w)[:, None] * rows * np.linalg.norm(rows, axis=1)[:, None]).sum(0))
    v = PARAMS[0]
    f = lambda v: gg.per_sample_grad_norm(lambda v, x: (ops.linear(x, v) ** 2).sum())(v, X).sum()  # noqa: E731
    t = RNG.normal(size=v.shape)
    close((gg.grad(f)(v) * t).sum(), gg.jvp(f, (v,), (t,))[1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(lambda w, x: w * x)(X[0], X), ShapeError, r"returned an array of shape \(4,\).*one number"),
        (lambda f: f(lambda w, x: (w * x).sum(), 2)(X[0], X), ArgumentError, "argnums 2 is out of range"),
        (lambda f: f(lambda w: w.sum())(X[0]), ArgumentError, "in_axes maps no argument"),
        (lambda f: f(lambda w, x, y: (w * x * y).sum())(X[0], X, X[:2]), ShapeError, r"lengths \[6, 2\]"),
    ],
)
@pytest.mark.parametrize("transform", [gg.per_sample_grad, gg.per_sample_grad_norm])
def test_what_is_wrong_is_named(transform, call, error, message):
    with pytest.raises(error, match=message):
        call(transform)
