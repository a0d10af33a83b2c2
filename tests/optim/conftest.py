"""Parameters with gradients of one's choice."""

import numpy as np
import pytest

from gpugrad import Tensor


def parameters(*shapes, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return [Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in shapes]


def give(params, grads):
    for p, g in zip(params, grads, strict=True):
        p.grad = None if g is None else Tensor(np.asarray(g, p.dtype))


@pytest.fixture(name="parameters")
def _parameters():
    """parameters(*shapes, dtype="float64", seed=0): leaves with normal values."""
    return parameters


@pytest.fixture(name="give")
def _give():
    """give(params, grads): set `.grad` of each, None included."""
    return give
