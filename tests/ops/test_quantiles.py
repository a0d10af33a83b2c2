"""Quantiles: ties, NaN, infinities, dtypes, agreement with the lattice of sizes and methods, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gpugrad.ops.quantiles import METHODS

nan, inf = np.nan, np.inf


def gradient(f, x):
    return gg.grad(lambda x: f(x).sum())(np.asarray(x, float)).tolist()


def test_median_by_hand():
    assert gradient(ops.median, [3.0, 1.0, 2.0]) == [0.0, 0.0, 1.0]
    assert gradient(ops.median, [3.0, 1.0, 2.0, 7.0]) == [0.5, 0.0, 0.5, 0.0]
    assert gradient(lambda x: ops.quantile(x, 0.25), [0.0, 2.0, 8.0]) == [0.5, 0.5, 0.0]


def test_of_equals_some_get_the_gradient():
    """All that is promised is the sum, and that only elements equal to the result take part."""
    for x in ([1.0, 1.0, 1.0], [0.0, 2.0, 2.0, 2.0, 5.0], [2.0, 2.0, 2.0, 2.0]):
        g = gradient(ops.median, x)
        assert sum(g) == 1.0
        assert all(v == 0 or x[i] == np.median(x) for i, v in enumerate(g))


def test_nan_wins_and_gets_nothing():
    x = np.array([[1.0, nan, 3.0], [3.0, 1.0, 2.0]])
    for f in (lambda x: ops.median(x, axis=1), lambda x: ops.quantile(x, 0.5, axis=1)):
        np.testing.assert_array_equal(f(x), [nan, 2.0])
        assert gradient(f, x) == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_nan_put_aside():
    x = np.array([[1.0, nan, 4.0, 2.0], [nan, nan, nan, nan]])
    np.testing.assert_array_equal(ops.nanmedian(x, axis=1), [2.0, nan])
    assert gradient(lambda x: ops.nanmedian(x, axis=1), x) == [[0.0, 0.0, 0.0, 1.0], [0.0] * 4]
    np.testing.assert_array_equal(ops.nanquantile(x, [0.0, 0.75], axis=1), [[1.0, nan], [3.0, nan]])
    assert ops.nanmedian(np.array([1, 2])).dtype == np.float64


def test_infinities():
    assert ops.median(np.array([-inf, 3.0, inf])) == 3.0
    assert ops.quantile(np.array([0.0, 1.0, inf]), 0.5) == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_every_method_at_every_size(method):
    q = np.linspace(0, 1, 21)
    for n in range(1, 12):
        x = np.random.default_rng(n).permutation(n) ** 2.0
        np.testing.assert_allclose(ops.quantile(x, q, method=method), np.quantile(x, q, method=method), atol=1e-12)
        np.testing.assert_allclose(ops.nanquantile(x, q, method=method), np.quantile(x, q, method=method), atol=1e-12)


# In older releases of NumPy np.quantile([3, 7], 1) is an integer by the interpolating methods too.
SHARE_OF_INTEGERS_IS_INTEGER = np.quantile(np.array([3, 7]), 1, method="weibull").dtype.kind == "i"


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32"])
def test_dtypes_are_numpys(dtype):
    x = np.array([3, 0, 1, 7]).astype(dtype)
    for q in (0.5, 1, np.float32(0.3), np.array([0.5]), [0.0]):
        for method in METHODS:
            got, want = ops.quantile(x, q, method=method), np.quantile(x, q, method=method)
            if not (SHARE_OF_INTEGERS_IS_INTEGER and type(q) is int):
                assert got.dtype == want.dtype, (q, method)
            np.testing.assert_allclose(got, want, rtol=1e-6)
    assert ops.median(np.array([True, False])) == 0.5


def test_many_axes_and_shares():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    q = [[0.1, 0.2, 0.3], [0.4, 0.5, 1.0]]
    for axis, keepdims in ((1, False), ((-1, 0), True), (None, True), (None, False)):
        got = ops.quantile(x, q, axis, keepdims=keepdims)
        np.testing.assert_allclose(got, np.quantile(x, q, axis, keepdims=keepdims), atol=1e-12)


def test_what_is_refused():
    x = np.ones((2, 0))
    for wrong, error, words in [
        (lambda: ops.quantile([1.0], 1.5), ArgumentError, "q has values outside 0 to 1"),
        (lambda: ops.percentile([1.0], nan), ArgumentError, "q has values outside 0 to 100"),
        (lambda: ops.quantile([1.0], 0.5, method="best"), ArgumentError, "expected one of linear"),
        (lambda: ops.quantile([True], 0.5), DTypeError, "dtype bool"),
        (lambda: ops.quantile(x, 0.5, axis=1), ShapeError, "no elements along axis 1"),
        (lambda: ops.median(x, axis=2), ShapeError, "median: axis 2"),
        (lambda: gg.grad(lambda q: ops.quantile([1.0, 2.0], q))(0.5), ArgumentTypeError, "q is part of a recording"),
    ]:
        with pytest.raises(error, match=words):
            wrong()
    assert ops.quantile(x, 0.5, axis=0).shape == (0,)
    assert ops.quantile([1.0, 2.0], gg.Tensor(0.5)) == 1.5
