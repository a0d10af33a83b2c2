"""Running sums, products and maxima, differences and slopes: zeros, ties, NaN, dtypes, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gpugrad.testing import gradcheck

nan = np.nan


def gradient(f, x):
    return gg.grad(lambda x: f(x).sum())(np.asarray(x, float)).tolist()


# --- cumulative


def test_cumprod_with_one_zero():
    """y = a, ab, abc, abcd with b = 0."""
    x = [2.0, 0.0, 3.0, 4.0]
    assert gradient(ops.cumprod, x) == [1.0, 2.0 + 6.0 + 24.0, 0.0, 0.0]
    assert gg.jvp(ops.cumprod, (np.array(x),), (np.ones(4),))[1].tolist() == [1.0, 2.0, 6.0, 24.0]


def test_cumprod_with_two_zeros():
    """y = a, ab, abc, abcd with b = d = 0: d abcd / db = acd = 0."""
    x = [2.0, 0.0, 3.0, 0.0]
    assert gradient(ops.cumprod, x) == [1.0, 2.0 + 6.0, 0.0, 0.0]
    hessian = gg.hessian(lambda x: ops.cumprod(x)[3])(np.array(x))
    assert hessian[1, 3] == hessian[3, 1] == 6.0 and np.count_nonzero(hessian) == 2


@pytest.mark.parametrize("n", [1, 2, 3, 8, 17])
def test_cumprod_with_zeros_of_every_length(n):
    x = np.random.default_rng(n).uniform(-1.5, 1.5, (2, n))
    x[:, ::3] = 0.0
    assert gradcheck(lambda x: ops.cumprod(x, axis=1), x, order=2)


def test_cummax_of_equals_and_nan():
    assert gradient(ops.cummax, [1.0, 3.0, 3.0, 2.0, 4.0]) == [1.0, 3.0, 0.0, 0.0, 1.0]
    np.testing.assert_array_equal(ops.cummax(np.array([1.0, nan, 5.0, nan])), [1.0, nan, nan, nan])
    x = np.random.default_rng(0).integers(0, 9, (3, 50, 2)).astype(float)
    np.testing.assert_array_equal(ops.cummax(x, 1), np.maximum.accumulate(x, 1))
    assert ops.cummax(np.array([3, 1, 4])).dtype == np.int64


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32"])
def test_dtypes_of_scans_are_numpys(dtype):
    x = np.array([[1, 0, 1], [1, 1, 1]]).astype(dtype)
    for name in ("cumsum", "cumprod"):
        got, want = getattr(ops, name)(x, axis=1), getattr(np, name)(x, axis=1)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_two_byte_floats_add_up_in_float32():
    x = np.ones(5000, np.float16)
    assert ops.cumsum(x)[-1] == np.float16(5000.0)


def test_what_scans_refuse():
    with pytest.raises(ShapeError, match="cumsum: axis 2 is out of range"):
        ops.cumsum(np.ones((2, 2)), axis=2)
    with pytest.raises(ShapeError, match="cumprod: axis 0 is out of range"):
        ops.cumprod(np.float64(1.0), axis=0)
    with pytest.raises(ArgumentError, match="cumulative_sum: axis is missing"):
        ops.cumulative_sum(np.ones((2, 2)))


# --- differences


def test_diff_of_bools_of_nothing_and_no_times():
    assert ops.diff(np.array([True, False, False])).tolist() == [True, False]
    assert ops.diff(np.ones(0)).shape == ops.diff(np.ones(1), n=3).shape == (0,)
    assert gradient(lambda x: ops.diff(x, n=0) * 2, [1.0, 2.0]) == [2.0, 2.0]
    with pytest.raises(ShapeError, match="diff: axis -1"):
        ops.diff(3.0)
    with pytest.raises(ArgumentError, match="n is -1"):
        ops.diff([1.0], n=-1)


def test_diff_sends_gradients_to_what_it_is_given_at_the_ends():
    first, last = gg.grad(lambda a, b: (ops.diff([1.0, 2.0], prepend=a, append=b) ** 2).sum(), (0, 1))(0.0, 5.0)
    assert (float(first), float(last)) == (-2.0, 6.0)


def test_ediff1d_refuses_ends_of_a_wider_kind():
    assert ops.ediff1d([1, 2, 4], to_end=9).tolist() == [1, 2, 9]
    with pytest.raises(DTypeError, match="to_end has dtype float64"):
        ops.ediff1d([1, 2], to_end=0.5)


def test_gradient_of_a_square_is_exact_with_edge_order_2():
    x = np.array([0.0, 1.0, 3.0, 4.5, 5.0])
    np.testing.assert_allclose(ops.gradient(x**2, x, edge_order=2), 2 * x, atol=1e-12)
    assert ops.gradient(np.arange(3)).dtype == np.float64
    assert ops.gradient(np.float32([1, 2, 4]), x[:3]).dtype == np.float32
    assert ops.gradient(np.float64(1.0)) == ()


def test_what_gradient_refuses():
    f = np.ones((2, 3))
    for wrong, error, words in [
        (lambda: ops.gradient(f, edge_order=3), ArgumentError, "edge_order is 3"),
        (lambda: ops.gradient(f, edge_order=2), ShapeError, "axis 0 has 2 points; expected at least 3"),
        (lambda: ops.gradient(f, 1.0, 2.0, 3.0), ArgumentTypeError, "got 3 spacings for 2 axes"),
        (lambda: ops.gradient(f, np.ones(3)), ArgumentTypeError, "got 1 spacings"),
        (lambda: ops.gradient(f, np.ones(2), axis=1), ShapeError, r"shape \(2,\) for axis 1 of length 3"),
    ]:
        with pytest.raises(error, match=words):
            wrong()


def test_trapezoid_by_hand():
    assert gradient(lambda y: ops.trapezoid(y, dx=2.0), [1.0, 5.0, 2.0]) == [1.0, 2.0, 1.0]
    assert gradient(lambda x: ops.trapezoid([1.0, 5.0, 2.0], x), [0.0, 1.0, 3.0]) == [-3.0, -0.5, 3.5]
    assert ops.trapezoid(np.ones(0)) == 0.0
    with pytest.raises(ShapeError, match="trapezoid: axis -1"):
        ops.trapezoid(3.0)
