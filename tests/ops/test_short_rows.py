"""The largest and smallest of rows, however short: NumPy's own, to the bit."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.ops.short_rows import extreme


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(300, 1), (300, 7), (9, 20, 32), (40, 33), (3, 4), (1, 600), (600,)])
def test_it_is_numpys(shape, dtype, keepdims, name):
    x = np.random.default_rng(0).normal(scale=3, size=shape).astype(dtype)
    for axis in {(x.ndim - 1,), (0,), tuple(range(x.ndim))}:
        for layout in (x, np.asfortranarray(x), x[::-1]):
            got, expected = extreme(name, layout, axis, keepdims), getattr(layout, name)(axis=axis, keepdims=keepdims)
            assert got.dtype == expected.dtype and got.shape == expected.shape
            np.testing.assert_array_equal(got, expected)


def test_nan_wins_and_gradients_go_to_the_place():
    x = np.random.default_rng(1).normal(size=(100, 5))
    x[3, 2] = np.nan
    assert np.isnan(ops.max(x, axis=1)).nonzero()[0].tolist() == [3]
    x[3, 2] = 9.0
    slope = gg.grad(lambda x: ops.max(x, axis=1).sum())(x)
    np.testing.assert_array_equal(slope, x == x.max(axis=1, keepdims=True))
