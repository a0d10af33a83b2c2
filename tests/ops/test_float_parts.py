"""Degrees and radians: NumPy's own values, to the bit, in every dtype."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops

DTYPES = ["float16", "float32", "float64", "int32"]


@pytest.mark.parametrize("name", ["deg2rad", "rad2deg"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_degrees_and_radians_are_numpys(name, dtype):
    x = (np.random.default_rng(0).normal(size=1000) * 100).astype(dtype)
    got, expected = getattr(ops, name)(x), getattr(np, name)(x)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    assert getattr(ops, name)(90.0) == getattr(np, name)(90.0)


@pytest.mark.parametrize("name", ["deg2rad", "rad2deg"])
def test_the_gradient_is_the_factor(name):
    for dtype in ("float32", "float64"):
        g = gg.grad(lambda x: getattr(ops, name)(x).sum())(np.ones(3, dtype))
        assert g.dtype == dtype
        np.testing.assert_array_equal(g, getattr(np, name)(np.ones(3, dtype)))
