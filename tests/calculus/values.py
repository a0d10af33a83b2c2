"""Leaves, and comparisons of what is on them, for the tests of the rules."""

import numpy as np

import gpugrad as gg


def leaf(values, dtype="float64"):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


def exactly(t, expected):
    assert t is not None
    np.testing.assert_array_equal(np.asarray(t.detach() if isinstance(t, gg.Tensor) else t), expected)


def close(t, expected, rtol=1e-14, atol=1e-15):
    assert t is not None
    values = np.asarray(t.detach() if isinstance(t, gg.Tensor) else t)
    np.testing.assert_allclose(values, expected, rtol=rtol, atol=atol)
