"""erf and erfc against the C library, at thousands of points, in arrays small and large."""

import math

import numpy as np
import pytest

from gpugrad import ops
from gpugrad.ops import erf_rational


def units(got, want):
    """The largest error in units of the last place of `want`."""
    want = np.asarray(want)
    return float(
        (np.abs(got.astype(np.float64) - want) / np.spacing(np.abs(want).astype(got.dtype)).astype(np.float64)).max()
    )


def points(low, high):
    """Even, dense about 0 and the seams, and tiny."""
    tiny = 10.0 ** np.linspace(-300, -1, 600)
    seams = np.concatenate([c + np.linspace(-1e-6, 1e-6, 101) for c in (0.46875, 4.0, 6.0)])
    both = np.concatenate([np.linspace(-1, 1, 4001), tiny, -tiny, seams, -seams])
    return np.concatenate([np.linspace(low, high, 12001), both])


def test_erf_in_float64():
    x = points(-7.0, 7.0)
    assert units(ops.erf(x), [math.erf(v) for v in x]) <= 5


def test_erfc_in_float64_also_in_the_tail():
    x = points(-7.0, 26.5)
    want = np.array([math.erfc(v) for v in x])
    assert units(ops.erfc(x), want) <= 12
    assert ops.erfc(np.full(300, 100.0)).max() == 0.0


def test_in_float32():
    x = points(-6.0, 6.0).astype(np.float32)
    x = x[np.abs(x) > 1e-30]
    y = ops.erf(x)
    assert y.dtype == np.float32 and np.abs(y).max() == 1.0
    assert units(y, [math.erf(v) for v in x.tolist()]) <= 8
    assert units(ops.erfc(x), [math.erfc(v) for v in x.tolist()]) <= 1


@pytest.mark.parametrize("n", [1, 256, 257, 3 * erf_rational._BLOCK + 7])
def test_every_size_and_the_ends(n):
    x = np.resize([-np.inf, -1e300, -0.0, 1e-320, 1e300, np.inf, np.nan], n)
    y, z = ops.erf(x), ops.erfc(x)
    np.testing.assert_array_equal(y[:7], [-1.0, -1.0, -0.0, math.erf(1e-320), 1.0, 1.0, np.nan][:n])
    np.testing.assert_array_equal(z[:7], [2.0, 2.0, 1.0, 1.0, 0.0, 0.0, np.nan][:n])
    assert np.signbit(y[2:3]).all()
    np.testing.assert_array_equal(y, np.resize(y[:7], n))


def test_shapes_layouts_and_other_dtypes():
    x = np.linspace(-3, 3, 600).reshape(20, 30)
    np.testing.assert_array_equal(ops.erf(x.T), ops.erf(x).T)
    np.testing.assert_array_equal(ops.erf(x[:, ::2]), ops.erf(x)[:, ::2])
    assert ops.erf(0.5) == math.erf(0.5) and ops.erf(np.array([1, 2])).dtype == np.float64
    assert ops.erf(np.zeros((0, 3))).shape == (0, 3)
    assert ops.erf(x.astype(np.float16)).dtype == np.float16
