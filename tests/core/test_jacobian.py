"""jacobian, jacfwd, jacrev: shapes, containers, chunks, dtypes; errors, also of second derivatives."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tests.core.counting import vectors_carried
from tests.core.vectors import W, X, Y, same

MODES = ("forward", "reverse", "auto")
modes = pytest.mark.parametrize("mode", MODES)


class Pair(NamedTuple):
    first: object
    second: object


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
