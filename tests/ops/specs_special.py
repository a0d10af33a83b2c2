"""Specs of gpugrad/ops/special.py."""

import math

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec


def each(f):
    """f of every element, in x's dtype."""
    return lambda x: np.array([f(v) for v in x.ravel().tolist()], dtype=x.dtype).reshape(x.shape)


SPECS = [
    *(Spec(ops.erf, (shape,), each(math.erf), order=3) for shape in ((2, 3), (), (0, 3))),
    *(Spec(ops.erfc, (shape,), each(math.erfc), order=3) for shape in ((2, 3), (), (0, 3))),
    Spec(ops.erf, ((30, 20),), each(math.erf), domain=(-5.0, 5.0), order=1),
    Spec(ops.erfc, ((30, 20),), each(math.erfc), domain=(-5.0, 5.0), order=1),
]
