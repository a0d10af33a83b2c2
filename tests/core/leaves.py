"""Leaves, and a comparison, for the tests of `.backward()`."""

import numpy as np

import gpugrad as gg


def leaf(*values, dtype="float64"):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


def same(t, expected):
    assert t is not None
    np.testing.assert_allclose(np.asarray(t.detach()), expected, rtol=1e-12)
