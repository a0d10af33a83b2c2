"""hessian, hvp, linearize and elementwise_grad: values, containers, dtypes, transforms around them."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import GradientError
from tests.core.vectors import RNG, W, X, Y, same

# --- Hessians


def scalar(x, y):
    return (ops.tanh(ops.linear(x, W)) * y).sum() ** 2 + ops.exp(x[0] * y[1])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_hessian_is_symmetric_and_torchs():
    torch = pytest.importorskip("torch")
    h = gg.hessian(scalar, (0, 1))(X, Y)
    same(h[0][0], h[0][0].T)
    same(h[0][1], h[1][0].T)
    w = torch.tensor(W)
    expected = torch.func.hessian(
        lambda x, y: (torch.tanh(w @ x) * y).sum() ** 2 + torch.exp(x[0] * y[1]), argnums=(0, 1)
    )(torch.tensor(X), torch.tensor(Y))
    for i in range(2):
        for j in range(2):
            same(h[i][j], expected[i][j].numpy())


@pytest.mark.parametrize("chunk_size", [None, 1])
def test_the_hessian_through_a_rule_without_a_forward_one(chunk_size):
    @gg.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3.0 * g * x * x,))
    with pytest.raises(GradientError, match=r"cube has no forward rule; .*hessian\(f, mode='reverse'\).* \* v\).sum"):
        gg.hessian(lambda x: cube(x).sum())(X)
    f = lambda x: (cube(x) * ops.sin(x[0])).sum()  # noqa: E731
    plain = lambda x: (x**3 * ops.sin(x[0])).sum()  # noqa: E731
    same(gg.hessian(f, chunk_size=chunk_size, mode="reverse")(X), gg.hessian(plain)(X))
    v = np.array([1.0, -2.0, 0.5])
    same(gg.grad(lambda x: (gg.grad(f)(x) * v).sum())(X), gg.hvp(plain, (X,), (v,)))


def test_hessian_of_containers():
    h = gg.hessian(lambda p: (p["a"] ** 2).sum() * p["b"])({"a": X, "b": 2.0})
    same(h["a"]["a"], 4 * np.eye(3))
    same(h["a"]["b"], 2 * X)
    same(h["b"]["a"], 2 * X)
    same(h["b"]["b"], 0.0)


def test_hvp_is_the_hessian_times_the_vector():
    u, v = RNG.normal(size=3), RNG.normal(size=2)
    h = gg.hessian(scalar, (0, 1))(X, Y)
    got = gg.hvp(scalar, (X, Y), (u, v))
    same(got[0], h[0][0] @ u + h[0][1] @ v)
    same(got[1], h[1][0] @ u + h[1][1] @ v)
    same(gg.hvp(lambda x: scalar(x, Y), (X,), (u,)), h[0][0] @ u)


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def test_rosenbrock_in_a_thousand_dimensions():
    x, v = np.random.default_rng(0).normal(size=(2, 1000))
    np.testing.assert_allclose(rosenbrock(x), rosen(x), rtol=1e-12)
    same(gg.grad(rosenbrock)(x), rosen_der(x), rtol=1e-10)
    same(gg.hvp(rosenbrock, (x,), (v,)), rosen_hess_prod(x, v), rtol=1e-9)
    same(gg.hessian(rosenbrock)(x[:100]), rosen_hess(x[:100]), rtol=1e-10)


# --- linearize and elementwise_grad


def test_linearize_runs_the_function_once():
    calls = []

    def f(x, y):
        calls.append(1)
        return {"product": x * y.sum(), "sum": y.sum() ** 2}

    value, push = gg.linearize(f, X, Y)
    for u, v in [(np.ones(3), np.zeros(2)), (X, Y), (np.zeros(3), Y)]:
        expected = gg.jvp(lambda *a: f(*a), (X, Y), (u, v))
        calls.pop()
        got = push(u, v)
        for key in ("product", "sum"):
            same(value[key], expected[0][key])
            same(got[key], expected[1][key])
    assert len(calls) == 1


def test_the_map_of_linearize_can_be_mapped_and_differentiated():
    _, push = gg.linearize(lambda x: ops.tanh(ops.linear(x, W)), X)
    j = gg.jacobian(lambda x: ops.tanh(ops.linear(x, W)))(X)
    same(gg.vmap(push, out_axes=1)(np.eye(3)), j)
    same(gg.jacobian(push)(np.zeros(3)), j)
    same(gg.grad(lambda t: (push(t) * Y).sum())(X), Y @ j)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linearize_inside_transforms(dtype):
    f = lambda x: gg.linearize(ops.sin, x)[1](ops.cos(x)).sum()  # noqa: E731
    x = X.astype(dtype)
    same(gg.grad(f)(x), -2 * np.cos(X) * np.sin(X), rtol=1e-5)
    same(gg.vmap(f)(np.stack([x, -x])), [(np.cos(X) ** 2).sum()] * 2, rtol=1e-5)


def test_elementwise_grad():
    same(gg.elementwise_grad(ops.sin)(X), np.cos(X))
    same(gg.elementwise_grad(lambda x, y: x * y, 1)(X, 2 * X), X)
    same(gg.elementwise_grad(gg.elementwise_grad(ops.sin))(X), -np.sin(X))
    same(gg.elementwise_grad(lambda x: x * x)(3.0), 6.0)


def test_sin_to_order_ten():
    f = ops.sin
    for order in range(1, 11):
        f = gg.elementwise_grad(f)
        same(f(X), np.sin(X + order * np.pi / 2))


# --- forward over reverse of a network, against PyTorch


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_forward_over_reverse_of_a_network_is_torchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    params = [rng.normal(size=s) for s in ((5, 4), (5,), (3, 5), (3,))]
    vs = [rng.normal(size=p.shape) for p in params]
    x, labels = rng.normal(size=(7, 4)), rng.integers(0, 3, 7)

    def loss(w1, b1, w2, b2):
        return nn.cross_entropy(ops.linear(ops.tanh(ops.linear(x, w1, b1)), w2, b2), labels)

    def torch_loss(w1, b1, w2, b2):
        h = torch.tanh(torch.nn.functional.linear(torch.tensor(x), w1, b1))
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(h, w2, b2), torch.tensor(labels))

    tensors = tuple(map(torch.tensor, params))
    argnums = tuple(range(4))
    for g, e in zip(gg.grad(loss, argnums)(*params), torch.func.grad(torch_loss, argnums)(*tensors), strict=True):
        same(g, e.numpy())
    _, expected = torch.func.jvp(torch.func.grad(torch_loss, argnums), tensors, tuple(map(torch.tensor, vs)))
    for got, e in zip(gg.hvp(loss, params, vs), expected, strict=True):
        same(got, e.numpy())
    h, expected = gg.hessian(loss, 2)(*params), torch.func.hessian(torch_loss, 2)(*tensors)
    same(h, expected.numpy())


def test_aux_of_second_derivatives_and_of_linearize():
    x, v = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    f = lambda x: ((x**3).sum(), x * 2)  # noqa: E731
    H, aux = gg.hessian(f, has_aux=True, chunk_size=1)(x)
    Hv, aux_too = gg.hvp(f, (x,), (v,), has_aux=True)
    np.testing.assert_allclose(H, np.diag(6 * x))
    np.testing.assert_allclose(Hv, 6 * x * v)
    y, push, third = gg.linearize(f, x, has_aux=True)
    assert (y, push(v)) == (9.0, (3 * x**2 * v).sum())
    for a in (aux, aux_too, third):
        np.testing.assert_array_equal(a, 2 * x)
