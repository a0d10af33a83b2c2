"""jacobian, jacfwd, jacrev, hessian, hvp, linearize, elementwise_grad: shapes, containers, chunks, dtypes, errors."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tests.core.counting import vectors_carried

MODES = ("forward", "reverse", "auto")
modes = pytest.mark.parametrize("mode", MODES)
RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=3), RNG.normal(size=2), RNG.normal(size=(2, 3))


class Pair(NamedTuple):
    first: object
    second: object


def same(got, expected, rtol=1e-12):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    assert np.asarray(got).shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-12)


# --- shapes: y.shape + x.shape, as JAX's


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(shapes, shapes, st.integers(1, 7))
def test_the_shape_is_that_of_y_then_that_of_x(x_shape, y_shape, chunk_size):
    rng = np.random.default_rng(0)
    n, m = (int(np.prod(s)) for s in (x_shape, y_shape))
    a, x = rng.normal(size=(m, n)), rng.normal(size=x_shape)

    def f(x):
        return ops.reshape(a @ ops.sin(ops.reshape(x, (n,))), y_shape)

    expected = (a * np.cos(x.reshape(1, n))).reshape(y_shape + x_shape)
    for mode in MODES:
        same(gg.jacobian(f, mode=mode)(x), expected)
        same(gg.jacobian(f, mode=mode, chunk_size=chunk_size)(x), expected)


@modes
def test_numbers_have_jacobians_without_axes(mode):
    same(gg.jacobian(lambda x: x * x, mode=mode)(3.0), 6.0)
    same(gg.jacobian(lambda x: x * Y, mode=mode)(3.0), Y)
    same(gg.jacobian(lambda x: (x * x).sum(), mode=mode)(X), 2 * X)


# --- arguments and containers


@modes
@pytest.mark.parametrize("argnums", [0, 1, -1, (0,), (0, 1), (1, 0), [1, 0]])
def test_argnums(mode, argnums):
    by_number = [W * Y[:, None], np.diag(W @ X)]
    got = gg.jacobian(lambda x, y: y * ops.linear(x, W), argnums, mode)(X, Y)
    if isinstance(argnums, int):
        return same(got, by_number[argnums])
    assert isinstance(got, tuple) and len(got) == len(argnums)
    for g, i in zip(got, argnums, strict=True):
        same(g, by_number[i])


@modes
def test_the_structure_is_that_of_y_with_that_of_x_at_each_leaf(mode):
    def f(tree, scale):
        x, (y,) = tree["x"], tree["y"]
        return Pair({"product": ops.outer(x, y) * scale}, [x.sum()])

    j = gg.jacobian(f, mode=mode)({"y": [Y], "x": X}, 2.0)
    assert isinstance(j, Pair) and list(j.first["product"]) == ["y", "x"]
    same(j.first["product"]["x"], 2.0 * np.einsum("ik,j->ijk", np.eye(3), Y))
    same(j.first["product"]["y"][0], 2.0 * np.einsum("i,jk->ijk", X, np.eye(2)))
    same(j.second[0]["x"], np.ones(3))
    same(j.second[0]["y"][0], np.zeros(2))


@modes
def test_the_jacobian_of_a_module_is_a_module_of_jacobians(mode):
    model = nn.Linear(3, 2, dtype="float64", rng=0)
    with gg.no_grad():
        j = gg.jacobian(lambda m: m(X), mode=mode)(model)
    assert isinstance(j, nn.Linear)
    same(j.weight, np.einsum("ik,l->ikl", np.eye(2), X))
    same(j.bias, np.eye(2))


@modes
def test_keyword_arguments_pass_through(mode):
    same(gg.jacobian(lambda x, power: x**power, mode=mode)(X, power=2), np.diag(2 * X))


@modes
def test_outputs_that_do_not_depend_on_x(mode):
    j = gg.jacobian(lambda x: (Y, x * 2.0, 3.0), mode=mode)(X)
    same(j[0], np.zeros((2, 3)))
    same(j[1], 2 * np.eye(3))
    same(j[2], np.zeros(3))


def test_tensors_in_tensors_out():
    assert type(gg.jacobian(ops.sin)(X)) is np.ndarray
    assert type(gg.jacobian(ops.sin)(gg.Tensor(X))) is gg.Tensor


@modes
def test_backward_through_a_jacobian(mode):
    x = gg.Tensor(X, requires_grad=True)
    (gg.jacobian(lambda x: x**3, mode=mode)(x) ** 2).sum().backward()  # sum of (3 x^2)^2
    same(x.grad, 36 * X**3)


# --- dtypes


@modes
@pytest.mark.parametrize(
    ("x_dtype", "w_dtype"), [("float32", "float64"), ("float64", "float32"), ("float16", "float32")]
)
def test_the_dtype_is_that_of_the_vectors_carried(mode, x_dtype, w_dtype):
    # forward mode gives tangents of y, reverse mode cotangents of x: as in JAX
    x, w = X.astype(x_dtype), W.astype(w_dtype)
    j = gg.jacobian(lambda x: ops.matmul(w, x), mode=mode)(x)
    assert j.dtype == (np.result_type(w, x) if mode == "forward" else x.dtype)
    same(j, W, rtol=3e-3 if x_dtype == "float16" else 1e-6)


# --- which vectors travel


@given(st.integers(1, 9), st.integers(1, 9))
def test_auto_pushes_the_fewer(n, m):
    a = np.random.default_rng(0).normal(size=(m, n))
    with vectors_carried() as carried:
        same(gg.jacobian(lambda x: ops.linear(x, a))(np.ones(n)), a)
    assert carried == {"forward": [n] if n < m else [], "reverse": [] if n < m else [m]}


@pytest.mark.parametrize(("mode", "total"), [("forward", 7), ("reverse", 5)])
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5, 7, 100])
def test_chunks_carry_every_vector_once(mode, total, chunk_size):
    a = np.random.default_rng(0).normal(size=(5, 7))
    with vectors_carried() as carried:
        same(gg.jacobian(lambda x: ops.tanh(ops.linear(x, a)), mode=mode, chunk_size=chunk_size)(np.zeros(7)), a)
    sizes = carried[mode]
    assert sum(sizes) == total and max(sizes) <= chunk_size and len(sizes) == -(-total // chunk_size)


def test_vectors_of_several_arrays_are_counted_together():
    with vectors_carried() as carried:
        gg.jacobian(lambda x, y: ops.concatenate([x, y, x * y.sum()]), (0, 1), chunk_size=3)(X, Y)  # n = 5, m = 8
    assert carried == {"forward": [3, 2], "reverse": []}


def test_by_default_a_chunk_has_128_mib_of_basis_vectors(monkeypatch):
    assert gg.core.jacobian.CHUNK_BYTES == 128 * 2**20
    monkeypatch.setattr(gg.core.jacobian, "CHUNK_BYTES", 8 * 7 * 3)  # three vectors of seven float64
    with vectors_carried() as carried:
        gg.jacobian(ops.sin, mode="forward")(np.ones(7))
    assert carried["forward"] == [3, 3, 1]


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


# --- errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gg.jacobian(ops.sin, mode="backward"), ArgumentError, "mode is 'backward'; expected 'auto'"),
        (lambda: gg.jacobian(ops.sin, 1)(X), ArgumentError, "jacobian: argnums 1 is out of range"),
        (lambda: gg.jacobian(ops.sin, chunk_size=0)(X), ArgumentError, "jacobian: chunk_size is 0"),
        (lambda: gg.jacobian(ops.sin, chunk_size=-2)(X), ArgumentError, "jacobian: chunk_size is -2"),
        (lambda: gg.jacobian(ops.sin)(np.arange(3)), DTypeError, "an input has dtype int64"),
        (lambda: gg.jacobian(ops.sin, mode="forward")(np.arange(3)), DTypeError, "an input has dtype int64"),
        (lambda: gg.jacobian(lambda x: x > 0.0)(X), DTypeError, "an output has dtype bool"),
        (lambda: gg.jacobian(lambda x: x > 0.0, mode="forward")(X), DTypeError, "an output has dtype bool"),
        (lambda: gg.jacobian(lambda x: (x, ops.argmax(x)))(X), DTypeError, "an output has dtype int64"),
        (lambda: gg.hessian(lambda x: x * x)(X), ShapeError, r"returned an array of shape \(3,\)"),
        (lambda: gg.hessian(ops.sum, 1)(X), ArgumentError, "argnums 1 is out of range"),
        (lambda: gg.hvp(ops.sum, (X,), (Y,)), ShapeError, r"shape \(2,\); expected \(3,\)"),
        (lambda: gg.linearize(ops.sin, X)[1](Y), ShapeError, r"shape \(2,\); expected \(3,\)"),
        (lambda: gg.elementwise_grad(ops.sin, 2)(X), ArgumentError, "elementwise_grad: argnums 2"),
        (lambda: gg.elementwise_grad(ops.sum)(X), ShapeError, r"elementwise_grad: .* \(\) .* \(3,\)"),
    ],
)
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_custom_reverse_rule_has_no_forward_mode():
    @gg.custom_vjp
    def f(x):
        return x * 2.0

    f.defvjp(lambda x: (x * 2.0, None), lambda _, g: (2.0 * g,))
    same(gg.jacobian(f, mode="reverse")(X), 2 * np.eye(3))
    with pytest.raises(GradientError, match="f has no forward rule"):
        gg.jacobian(f, mode="forward")(X)


def test_the_wrappers_keep_the_name():
    def loss(x):
        """Doc."""
        return x

    for transform in (gg.jacobian, gg.jacfwd, gg.jacrev, gg.hessian, gg.elementwise_grad, gg.per_sample_grad):
        assert transform(loss).__name__ == "loss" and transform(loss).__doc__ == "Doc."


@pytest.mark.parametrize("transform", [gg.jacobian, gg.jacfwd, gg.jacrev])
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_aux_comes_beside_the_jacobian(transform, chunk_size):
    x = np.array([1.0, 2.0, 3.0])
    J, aux = transform(lambda x: (x * x, {"twice": 2 * x, "name": "a"}), chunk_size=chunk_size, has_aux=True)(x)
    np.testing.assert_array_equal(J, np.diag(2 * x))
    np.testing.assert_array_equal(aux["twice"], 2 * x)
    assert type(aux["twice"]) is np.ndarray and aux["name"] == "a"


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
