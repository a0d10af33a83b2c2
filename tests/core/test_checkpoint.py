"""checkpoint: the same values and derivatives of both orders in both modes, of which only the inputs are kept (C20)."""

import copy
import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import GradientError
from gpugrad.testing import gradcheck

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 3))


def block(x, w):
    return ops.tanh(ops.linear(ops.tanh(ops.linear(x, w)), w)) * x


def close(got, expected):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-12, atol=1e-14)


def test_both_modes_to_order_two():
    kept = gg.checkpoint(block)
    assert gradcheck(kept, X, W, order=2)
    close(kept(X, W), block(X, W))
    for transform, point in (
        (lambda f: gg.grad(lambda w: f(X, w).sum()), W),
        (lambda f: lambda w: gg.jvp(f, (X, w), (X, w))[1], W),
        (lambda f: gg.hessian(lambda w: (f(X, w) ** 2).sum()), W),
        (lambda f: gg.grad(gg.grad(lambda s: (f(X * s, W) ** 2).sum())), 1.3),
        (lambda f: lambda w: gg.hvp(lambda w: (f(X, w) ** 2).sum(), (w,), (w,)), W),
        (lambda f: lambda w: gg.jacobian(f, 1, "forward")(X, w), W),
        (lambda f: lambda w: gg.jacobian(f, 1, "reverse")(X, w), W),
        (lambda f: lambda w: gg.linearize(lambda w: f(X, w), w)[1](w), W),
        (lambda f: lambda w: gg.vmap(f, (0, None))(X, w), W),
        (lambda f: lambda w: gg.vmap(gg.grad(lambda x: f(x, w).sum()))(X), W),
        (lambda f: lambda w: gg.grad(lambda w: gg.vmap(f, (0, None))(X, w).sum())(w), W),
    ):
        close(transform(kept)(point), transform(block)(point))


def test_backward_and_create_graph():
    results = []
    for f in (block, gg.checkpoint(block)):
        x, w = gg.Tensor(X, requires_grad=True), gg.Tensor(W, requires_grad=True)
        (f(x, w) ** 2).sum().backward(create_graph=True)
        first, w.grad = w.grad, None
        (first * first).sum().backward()
        results.append((first.detach().numpy(), w.grad.detach().numpy()))
    for a, b in zip(*results, strict=True):
        close(b, a)


def test_a_checkpoint_inside_a_checkpoint():
    inner = gg.checkpoint(block)
    outer = gg.checkpoint(lambda x, w: inner(inner(x, w), w))
    plain = lambda x, w: block(block(x, w), w)  # noqa: E731
    close(gg.grad(lambda w: outer(X, w).sum())(W), gg.grad(lambda w: plain(X, w).sum())(W))
    assert gradcheck(outer, X[:2], W, order=2)


def test_the_function_runs_once_forward_and_once_more_backward():
    calls = []

    def f(x):
        calls.append(1)
        return ops.sin(x)

    x = gg.Tensor(X, requires_grad=True)
    y = gg.checkpoint(f)(x)
    assert len(calls) == 1
    y.backward(np.ones_like(X))
    assert len(calls) == 2
    close(x.grad, np.cos(X))


# --- containers, arguments that are no arrays, integers


def test_containers_in_and_out():
    f = gg.checkpoint(lambda tree, how, power=2: {"y": [tree["a"] ** power, getattr(ops, how)(tree["b"][0])]})
    tree = {"a": X, "b": (W, None)}
    y, pull = gg.vjp(lambda t: f(t, "sin", power=3), tree)
    close(y["y"][0], X**3)
    (g,) = pull({"y": [np.ones_like(X), np.ones_like(W)]})
    close(g["a"], 3 * X**2)
    close(g["b"][0], np.cos(W))
    assert g["b"][1] is None


def test_integers_and_outputs_without_a_gradient():
    def f(x, i):
        return x[i] * x, ops.argmax(x), 3

    kept = gg.checkpoint(f)
    got = gg.grad(lambda x: kept(x, np.array([1, 0, 2]))[0].sum())(X[0])
    close(got, gg.grad(lambda x: f(x, np.array([1, 0, 2]))[0].sum())(X[0]))
    assert kept(X[0], 1)[1] == X[0].argmax() and kept(X[0], 1)[2] == 3


def test_arrays_in_arrays_out():
    assert type(gg.checkpoint(ops.sin)(X)) is np.ndarray


def test_a_single_output_that_is_not_used():
    f = gg.checkpoint(lambda x: (x * 2.0, x * 3.0))
    close(gg.grad(lambda x: f(x)[1].sum())(X), np.full_like(X, 3.0))


def test_under_no_grad_nothing_is_kept():
    x = gg.Tensor(X, requires_grad=True)
    with gg.no_grad():
        assert not gg.checkpoint(ops.sin)(x).requires_grad


# --- modules and dropout


def stack(width, depth, dropout=0.0):
    layers = [
        nn.Sequential(nn.Linear(width, width, dtype="float64", rng=i), nn.Tanh(), nn.Dropout(dropout))
        for i in range(depth)
    ]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_stack_of_layers_each_a_checkpoint(dropout):
    results = []
    call = gg.checkpoint(lambda layer, x: layer(x))
    fresh = stack(3, 4, dropout)
    for kept in (False, True):
        model = copy.deepcopy(fresh)
        for _ in range(2):
            x = X
            for layer in model.children():
                x = call(layer, x) if kept else layer(x)
            (x**2).sum().backward()
        results.append([p.grad.numpy() for p in model.parameters()] + [b.numpy() for b in model.buffers()])
    for a, b in zip(*results, strict=True):
        close(b, a)


def test_a_module_is_refused_as_a_closure():
    layer = nn.Linear(3, 3, dtype="float64")
    with pytest.raises(GradientError, match=r"checkpoint: the function uses a tensor .* pass it \(or its Module\)"):
        gg.checkpoint(lambda x: layer(x))(X)
    w = gg.Tensor(W, requires_grad=True)
    with pytest.raises(GradientError, match="not among its arguments"):
        gg.checkpoint(lambda x: (X, x @ w))(X)


@pytest.mark.parametrize(
    "derivative",
    [
        gg.grad,
        lambda f: gg.jacobian(f, mode="forward"),
        lambda f: lambda w: gg.vmap(f)(np.stack([w, w])),
        lambda f: lambda w: gg.grad(lambda s: f(w * s))(1.0),
        lambda f: lambda w: gg.hvp(f, (w,), (w,)),
    ],
)
def test_a_value_of_a_transform_around_it_is_refused_as_a_closure(derivative):
    def outer(w):
        return gg.checkpoint(lambda x: ops.linear(x, w))(X).sum()

    with pytest.raises(GradientError, match="a value of a transform around it"):
        derivative(outer)(W)


# --- memory


def peak(run):
    run()  # what is set up once
    tracemalloc.start()
    run()
    bytes_ = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return bytes_


@pytest.mark.parametrize("way", ["backward", "grad"])
def test_peak_memory_of_a_deep_net(way):
    depth, n = 64, 20_000

    def segment(x):
        for _ in range(8):
            x = ops.sin(x) * 1.5
        return x

    def net(x, call):
        for _ in range(depth // 8):
            x = call(x)
        return x.sum()

    def run(call):
        if way == "grad":
            return gg.grad(lambda x: net(x, call))(np.ones(n))
        x = gg.Tensor(np.ones(n), requires_grad=True)
        net(x, call).backward()
        return x.grad

    kept = gg.checkpoint(segment)
    close(run(kept), run(segment))
    assert peak(lambda: run(kept)) < 0.35 * peak(lambda: run(segment))


def test_memory_report_counts_the_inputs_alone():
    x = gg.Tensor(np.ones(1000), requires_grad=True)
    f = lambda x: ops.exp(ops.sin(ops.cos(x * 2.0)))  # noqa: E731
    assert gg.memory_report(f(x)).total_bytes >= 3 * 8000
    assert gg.memory_report(gg.checkpoint(f)(x)).total_bytes <= 8000
