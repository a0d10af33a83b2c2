"""softmax and its kin for logits of any size and at infinity; norms at the zero vector."""

import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ShapeError

inf, nan = np.inf, np.nan


def gradient(f, x, weights=1.0, dtype=np.float64):
    leaf = gg.Tensor(np.asarray(x, dtype), requires_grad=True)
    y = f(leaf)
    y.backward(np.broadcast_to(np.asarray(weights, dtype), y.shape))
    return leaf.grad.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand(dtype):
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    third = dtype(1 / 3)
    assert ops.softmax(x).tolist() == [[1.0, 0.0, 0.0], [third] * 3]
    np.testing.assert_allclose(ops.log_softmax(x), [[0.0, -1e4, -2e4], [-math.log(3)] * 3], rtol=1e-6)
    np.testing.assert_allclose(ops.logsumexp(x), [1e4, -1e4 + math.log(3)], rtol=1e-7)
    assert gradient(ops.logsumexp, x, dtype=dtype) == [[1.0, 0.0, 0.0], [third] * 3]  # not exp(x - y), for y is rounded
    assert np.isfinite(gradient(ops.log_softmax, x, weights=[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]], dtype=dtype)).all()


def test_nothing_but_minus_infinity():
    """No weight to share: logsumexp is -inf, softmax 0, their gradients 0, and nothing warns (warnings are errors)."""
    x = [[-inf, -inf], [-inf, 0.0]]
    assert ops.logsumexp(np.array(x)).tolist() == [-inf, 0.0]
    assert gradient(ops.logsumexp, x) == [[0.0, 0.0], [0.0, 1.0]]
    _, t = gg.jvp(ops.logsumexp, (np.array(x),), (np.ones((2, 2)),))
    assert np.asarray(t).tolist() == [0.0, 1.0]
    assert gradient(ops.logsumexp, x, dtype=np.float16) == [[0.0, 0.0], [0.0, 1.0]]
    assert ops.logsumexp(np.zeros((2, 0))).tolist() == [-inf, -inf]
    assert ops.softmax(np.array(x)).tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert ops.log_softmax(np.array(x)).tolist() == [[-inf, -inf], [-inf, 0.0]]
    for f in (ops.softmax, ops.log_softmax):
        assert np.array_equal(
            gradient(f, x, weights=[[1.0, 2.0], [0.0, 3.0]])[0], [0.0, 0.0] if f is ops.softmax else [1.0, 2.0]
        )


def test_plus_infinity_takes_all():
    x = [[inf, 1.0, 1e4], [inf, 0.0, inf]]
    assert ops.softmax(np.array(x)).tolist() == [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]
    assert ops.logsumexp(np.array(x)).tolist() == [inf, inf]
    assert gradient(ops.logsumexp, x) == [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]
    assert gradient(ops.softmax, x) == [[0.0] * 3] * 2
    assert ops.log_softmax(np.array(x))[:, 0].tolist() == [0.0, -math.log(2)]


def test_minus_infinity_is_a_mask():
    x = [0.0, -inf, 0.0]
    assert ops.softmax(np.array(x)).tolist() == [0.5, 0.0, 0.5]
    assert ops.log_softmax(np.array(x)).tolist() == [-math.log(2), -inf, -math.log(2)]
    assert gradient(ops.softmax, x, weights=[1.0, 7.0, 0.0]) == [0.25, 0.0, -0.25]
    assert gradient(ops.log_softmax, x, weights=[1.0, 0.0, 0.0]) == [0.5, 0.0, -0.5]


def test_nan_stays_nan():
    x = np.array([nan, 1.0])
    assert np.isnan(ops.softmax(x)).all() and np.isnan(ops.log_softmax(x)).all() and np.isnan(ops.logsumexp(x))


def test_softmax_by_hand():
    """exp of log 1, log 2 and log 5 are the shares 1/8, 2/8, 5/8; the Jacobian is diag(p) - p p^T."""
    x, p = np.log([1.0, 2.0, 5.0]), np.array([1, 2, 5]) / 8
    np.testing.assert_allclose(ops.softmax(x), p, rtol=1e-15)
    np.testing.assert_allclose(gg.jacobian(ops.softmax)(x), np.diag(p) - np.outer(p, p), atol=1e-16)
    np.testing.assert_allclose(gg.jacobian(ops.log_softmax)(x), np.eye(3) - p, atol=1e-15)
    np.testing.assert_allclose(gg.grad(ops.logsumexp)(x), p, rtol=1e-15)
    np.testing.assert_allclose(gg.hessian(ops.logsumexp)(x), np.diag(p) - np.outer(p, p), atol=1e-16)


def test_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(ops.softmax(x, axis=(0, -1)).sum(axis=(0, 2)), 1.0)
    np.testing.assert_allclose(ops.softmax(x, axis=None).sum(), 1.0)
    assert ops.logsumexp(x).shape == (2, 3) and ops.logsumexp(x, axis=None, keepdims=True).shape == (1, 1, 1)
    with pytest.raises(ShapeError, match="softmax: axis 3 is out of range"):
        ops.softmax(x, axis=3)
    assert ops.softmax(np.array([1, 2])).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_byte_floats_are_rounded_once(dtype):
    pytest.importorskip("ml_dtypes")
    x = gg.Tensor(np.linspace(-4, 4, 40).reshape(4, 10)).astype(dtype)
    for f in (ops.softmax, ops.log_softmax, ops.logsumexp, lambda x: ops.norm(x, axis=1)):
        want = f(x.astype("float32").numpy())
        np.testing.assert_array_equal(f(x).numpy(), want.astype(x.dtype))


def test_norms_of_the_zero_vector():
    zero = [[0.0, 0.0], [3.0, -4.0]]
    np.testing.assert_allclose(gradient(lambda x: ops.norm(x, axis=1), zero), [[0.0, 0.0], [0.6, -0.8]], rtol=1e-15)
    assert gradient(lambda x: ops.norm(x, 1, axis=1), zero) == [[0.0, 0.0], [1.0, -1.0]]
    assert gradient(lambda x: ops.norm(x, inf, axis=1), zero) == [[0.0, 0.0], [0.0, -1.0]]
    assert float(gg.jvp(ops.norm, (np.zeros(3),), (np.ones(3),))[1]) == 0.0
    assert gradient(lambda x: ops.norm(x, inf), [2.0, -2.0, 1.0]) == [0.5, -0.5, 0.0]


def test_norms_of_integers_and_unknown_orders():
    x = np.array([[100, 100], [3, 4]], np.int8)  # whose squares overflow int8
    for order in (None, 1, 2, inf):
        np.testing.assert_array_equal(ops.norm(x, order, axis=1), np.linalg.vector_norm(x, ord=order or 2, axis=1))
    with pytest.raises(ArgumentError, match="norm: ord is 3; expected None, 1, 2 or inf"):
        ops.norm(x, 3)
