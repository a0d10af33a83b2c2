"""Functions that put NaN aside: gradients at NaN, slices of nothing else, ties, precision, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ShapeError
from gpugrad.testing import gradcheck

nan, inf = np.nan, np.inf
X = np.array([[1.0, nan, 3.0], [nan, nan, nan], [2.0, 5.0, 2.0]])
REDUCTIONS = ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin")


def gradient(f, x):
    return gg.grad(lambda x: f(x).sum())(np.asarray(x, float)).tolist()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [*REDUCTIONS, "nancumsum", "nancumprod"])
def test_values_with_nan_are_numpys(name):
    for axis in (0, 1, None):
        np.testing.assert_allclose(getattr(ops, name)(X, axis=axis), getattr(np, name)(X, axis=axis), rtol=1e-12)
    for axis in ((0, 1), ()) if name in REDUCTIONS else ():
        np.testing.assert_allclose(getattr(ops, name)(X, axis=axis), getattr(np, name)(X, axis=axis), rtol=1e-12)


def test_gradients_by_hand():
    def row(f):
        return gradient(lambda x: f(x, axis=1), X)

    none = [0.0, 0.0, 0.0]
    assert row(ops.nansum) == [[1.0, 0.0, 1.0], none, [1.0, 1.0, 1.0]]
    assert row(ops.nanprod) == [[3.0, 0.0, 1.0], none, [10.0, 4.0, 10.0]]
    assert row(ops.nanmean)[:2] == [[0.5, 0.0, 0.5], none]
    assert row(ops.nanvar) == [[-1.0, 0.0, 1.0], none, pytest.approx([-2 / 3, 4 / 3, -2 / 3])]
    assert row(ops.nanstd)[:2] == [[-0.5, 0.0, 0.5], none]
    assert row(ops.nanmax) == [[0.0, 0.0, 1.0], none, [0.0, 1.0, 0.0]]
    assert row(ops.nanmin) == [[1.0, 0.0, 0.0], none, [0.5, 0.0, 0.5]]
    assert row(ops.nancumsum) == [[3.0, 0.0, 1.0], none, [3.0, 2.0, 1.0]]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_gradients_beside_nan_by_differences(name):
    gone = np.array([False, True, False, False])

    def f(x):
        return getattr(ops, name)(ops.where(gone, nan, x))

    assert gradcheck(f, np.array([1.0, 0.0, 3.0, 2.5]), order=2)


def test_an_infinity_that_is_the_extremum_gets_all():
    assert gradient(ops.nanmax, [-inf, nan]) == [1.0, 0.0]
    assert ops.nanmax(np.array([-inf, nan])) == -inf and ops.nanmin(np.array([nan, inf])) == inf


def test_variance_of_too_few():
    assert np.isnan(ops.nanvar(np.array([1.0, nan]), ddof=1))
    assert gradient(ops.nanstd, [2.0, nan, 2.0]) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", ["int32", "bool", "float32", "float16"])
def test_dtypes_are_numpys(dtype):
    x = np.array([[3, 0, 1], [2, 5, 1]]).astype(dtype)
    for name in REDUCTIONS:
        if dtype != "bool" or name not in ("nanvar", "nanstd"):
            got, want = getattr(ops, name)(x, axis=1), getattr(np, name)(x, axis=1)
            assert got.dtype == want.dtype, name
            np.testing.assert_allclose(got, want, rtol=1e-3)


def test_two_byte_floats_are_averaged_in_float32():
    x = np.full(5000, 30.0, np.float16)
    x[0] = nan
    assert ops.nanmean(x) == 30.0 and ops.nanmean(x).dtype == np.float16
    assert ops.nanvar(x) == 0.0


def test_nan_to_num():
    x = np.array([nan, inf, -inf, 2.0])
    np.testing.assert_array_equal(ops.nan_to_num(x), np.nan_to_num(x))
    np.testing.assert_array_equal(ops.nan_to_num(x, nan=7, posinf=1), np.nan_to_num(x, nan=7, posinf=1))
    assert gradient(lambda x: 0.5 * ops.nan_to_num(x), x) == [0.0, 0.0, 0.0, 0.5]
    for dtype in ("float16", "bfloat16", "float32"):
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes")
        y = ops.nan_to_num(gg.Tensor(x).astype(dtype))
        assert str(y.dtype) == dtype and np.isfinite(y.numpy().astype(np.float64)).all()
    assert ops.nan_to_num(np.array([1, 2])).dtype == np.int64


def test_what_is_refused():
    for wrong, error, words in [
        (lambda: ops.nanargmax(X, axis=1), ArgumentError, "nanargmax: a slice along axis"),
        (lambda: ops.nanargmin(np.array([nan])), ArgumentError, "all NaN"),
        (lambda: ops.nanargmax(np.ones(0)), ShapeError, "no elements"),
        (lambda: ops.nanmax(np.ones((0, 2))), ShapeError, "nanmax: shape .* no elements along axis 0"),
        (lambda: ops.nanmin(np.ones((0, 2)), axis=0), ShapeError, "nanmin: shape"),
        (lambda: ops.nansum(X, axis=2), ShapeError, "axis 2"),
    ]:
        with pytest.raises(error, match=words):
            wrong()
    assert ops.nanargmax(X[[0, 2]], axis=1).tolist() == [2, 1]
