"""Specs of gpugrad/ops/arithmetic.py."""

import numpy as np

from gpugrad import ops

from tests.ops.spec import Spec

SPECS = [
    Spec(ops.add, ((3, 4), (3, 4)), np.add),
    Spec(ops.add, ((3, 1), (4,)), np.add),
    Spec(ops.subtract, ((2, 3), (3,)), np.subtract),
    Spec(ops.multiply, ((2, 1, 3), (4, 1)), np.multiply),
    Spec(ops.divide, ((3,), (2, 3)), np.divide, domain=((-2.0, 2.0), (0.5, 2.0))),
    Spec(ops.negative, ((3, 2),), np.negative),
]
