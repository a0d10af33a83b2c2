"""C17: a compiled function gives what the function gives, and compiled transforms what transforms give.

Bit for bit by the executors that keep the order of operations, "numpy" (the default here) and "list".
Source: PML = Murphy, Probabilistic Machine Learning, 13.3.4.
"""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops
from gpugrad.core.tree import flatten


@pytest.fixture(autouse=True)
def executor_that_keeps_the_order(monkeypatch):
    monkeypatch.setenv("GPUGRAD_EXECUTOR", "numpy")


RNG = np.random.default_rng(17)
X, V, W = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3))


def f(x):
    return (ops.tanh(x @ W) * ops.sigmoid(x)).sum(axis=0)


def scalar(x):
    return ops.logsumexp(f(x)) + (x * x).mean()


TRANSFORMS = {
    "forward": (f, (X,)),
    "grad": (gg.grad(scalar), (X,)),
    "value_and_grad": (gg.value_and_grad(scalar), (X,)),
    "grad_of_grad": (gg.grad(lambda x: (gg.grad(scalar)(x) * V).sum()), (X,)),
    "jvp": (lambda x, v: gg.jvp(f, (x,), (v,)), (X, V)),
    "vjp": (lambda x, u: gg.vjp(f, x)[1](u), (X, V[0])),
    "vmap": (gg.vmap(scalar), (np.stack([X, V]),)),
    "vmap_of_grad": (gg.vmap(gg.grad(scalar)), (np.stack([X, V]),)),
    "jacobian": (gg.jacobian(f), (X,)),
    "jacfwd": (gg.jacfwd(f), (X,)),
    "jacrev": (gg.jacrev(f), (X,)),
    "hessian": (gg.hessian(scalar), (X[0:1],)),
    "hvp": (lambda x, v: gg.hvp(scalar, (x,), (v,)), (X, V)),
    "linearize": (lambda x, v: gg.linearize(f, x)[1](v), (X, V)),
    "checkpoint": (gg.grad(lambda x: gg.checkpoint(scalar)(x)), (X,)),
    "per_sample_grad": (lambda x: gg.per_sample_grad(lambda w, row: ops.tanh(row @ w).sum())(W, x), (X,)),
}


def assert_equal_trees(a, b):
    a, b = flatten(a)[0], flatten(b)[0]
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert type(x) is type(y) and x.dtype == y.dtype
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.mark.parametrize("executor", ["numpy", "list"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_c17_compile_of_a_transform(name, dtype, executor):
    g, args = TRANSFORMS[name]
    args = tuple(a.astype(dtype) for a in args)
    compiled = gg.compile(g, executor=executor)
    for scale in (1.0, 0.5, -2.0):
        moved = tuple(a * np.dtype(dtype).type(scale) for a in args)
        assert_equal_trees(compiled(*moved), g(*moved))
    assert compiled.n_traces == 1


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jvp", "vmap", "jacobian", "hvp", "hessian"])
def test_c17_transform_of_a_compiled_function(name):
    transform = {
        "grad": lambda h: gg.grad(h)(X),
        "value_and_grad": lambda h: gg.value_and_grad(h)(X),
        "jvp": lambda h: gg.jvp(h, (X,), (V,)),
        "vmap": lambda h: gg.vmap(h)(np.stack([X, V])),
        "jacobian": lambda h: gg.jacobian(h)(X),
        "hvp": lambda h: gg.hvp(h, (X,), (V,)),
        "hessian": lambda h: gg.hessian(h)(X[0:1]),
    }[name]
    assert_equal_trees(transform(gg.compile(scalar)), transform(scalar))


def test_c17_backward_through_a_tensor_of_outside():
    w = Tensor(W, requires_grad=True)

    def step(x):
        loss = ops.tanh(x @ w).sum()
        loss.backward()
        return loss

    compiled = gg.compile(step)
    for x in (X, V, X + V):
        w.grad = None
        expected = step(x).item(), w.grad.numpy().copy()
        w.grad = None
        got = compiled(x).item(), w.grad.numpy().copy()
        assert got[0] == expected[0]
        np.testing.assert_array_equal(got[1], expected[1])


def test_c17_a_module_as_argument_and_its_gradient():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    x = X.astype("f4")
    g = gg.grad(lambda model, x: (model(x) ** 2).mean())
    compiled = gg.compile(g)
    with gg.no_grad():
        for _ in range(3):
            expected, got = g(model, x), compiled(model, x)
            for a, b in zip(expected.parameters(), got.parameters(), strict=True):
                np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    assert compiled.n_traces == 1


def test_c17_double_backward():
    w = Tensor(W, requires_grad=True)

    def penalty(x):
        x = Tensor(x, requires_grad=True)
        (ops.tanh(x @ w) ** 2).sum().backward(create_graph=True)
        w.grad = None
        (x.grad * x.grad).sum().backward()
        return w.grad * 1.0

    compiled = gg.compile(penalty)
    for x in (X, V, X):
        w.grad = None
        expected = penalty(x).detach().numpy()
        w.grad = None
        np.testing.assert_array_equal(compiled(x).detach().numpy(), expected)


def test_c17_data_batch_identity_of_compiled_gradients():
    """The gradient of the mean over a batch is the mean of the gradients over its parts."""
    g = gg.compile(gg.grad(lambda w, x: ops.tanh(x @ w).mean()))
    whole, parts = g(W, X), (g(W, X[:2]) + g(W, X[2:])) / 2
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-15)
