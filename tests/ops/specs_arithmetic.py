"""Specs of gpugrad/ops/arithmetic.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

AWAY = ((0.3, 0.9), (1.0, 1.3))  # a / b stays between whole numbers

SPECS = [
    Spec(ops.add, ((3, 4), (3, 4)), np.add),
    Spec(ops.add, ((3, 1), (4,)), np.add),
    Spec(ops.add, ((), (2, 3)), np.add),
    Spec(ops.add, ((), ()), np.add),
    Spec(ops.add, ((0, 3), (3,)), np.add),
    Spec(ops.subtract, ((2, 3), (3,)), np.subtract),
    Spec(ops.subtract, ((), ()), np.subtract),
    Spec(ops.subtract, ((0, 1), (3,)), np.subtract),
    Spec(ops.multiply, ((2, 1, 3), (4, 1)), np.multiply),
    Spec(ops.multiply, ((), (0, 3)), np.multiply),
    Spec(ops.multiply, ((), ()), np.multiply),
    Spec(ops.divide, ((3,), (2, 3)), np.divide, domain=((-2.0, 2.0), (0.5, 2.0))),
    Spec(ops.divide, ((), (0, 3)), np.divide, domain=((-2.0, 2.0), (0.5, 2.0))),
    Spec(ops.divide, ((2, 3), ()), np.divide, domain=((-2.0, 2.0), (-2.0, -0.5))),
    Spec(ops.remainder, ((2, 3), (3,)), np.remainder, domain=AWAY),
    Spec(ops.remainder, ((), ()), np.remainder, domain=((-0.9, -0.3), (1.0, 1.3))),
    Spec(ops.remainder, ((0, 3), ()), np.remainder, domain=AWAY),
    Spec(ops.floor_divide, ((2, 3), (3,)), np.floor_divide, domain=AWAY, differentiable=False),
    Spec(ops.floor_divide, ((), (0, 3)), np.floor_divide, domain=AWAY, differentiable=False),
    Spec(ops.negative, ((3, 2),), np.negative),
    Spec(ops.negative, ((),), np.negative),
    Spec(ops.negative, ((0, 3),), np.negative),
    Spec(ops.positive, ((3, 2),), np.positive),
    Spec(ops.positive, ((),), np.positive),
    Spec(ops.absolute, ((3, 4),), np.absolute, kinks=(0.0,)),
    Spec(ops.absolute, ((),), np.absolute, kinks=(0.0,)),
    Spec(ops.absolute, ((0, 3),), np.absolute),
    Spec(ops.sign, ((3, 4),), np.sign, differentiable=False),
    Spec(ops.sign, ((),), np.sign, differentiable=False),
]
