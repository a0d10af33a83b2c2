"""Vectors, a matrix, and a comparison that minds the shape, for the tests of whole derivatives."""

import numpy as np

import gpugrad as gg

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=3), RNG.normal(size=2), RNG.normal(size=(2, 3))


def same(got, expected, rtol=1e-12):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    assert np.asarray(got).shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-12)
