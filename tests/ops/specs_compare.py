"""Specs of gpugrad/ops/compare.py: none of these carries a gradient."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

BITS = np.array([[True, False, True], [False, False, True]])
COUNTS = np.array([6, 3, 0])
TWO = (
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
)
ONE = ("logical_not", "isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "rint")

SPECS = [
    *(Spec(getattr(ops, n), ((2, 3), (3,)), getattr(np, n), differentiable=False) for n in TWO),
    *(Spec(getattr(ops, n), ((), ()), getattr(np, n), differentiable=False) for n in TWO),
    *(Spec(getattr(ops, n), ((0, 3), (1,)), getattr(np, n), differentiable=False) for n in TWO),
    *(
        Spec(getattr(ops, n), (shape,), getattr(np, n), differentiable=False)
        for n in ONE
        for shape in ((2, 3), (), (0, 3))
    ),
    *(
        Spec(getattr(ops, n), pair, getattr(np, n), differentiable=False)
        for n in ("bitwise_and", "bitwise_or", "bitwise_xor")
        for pair in ((BITS, BITS[0]), (COUNTS, np.array(5)))
    ),
    Spec(ops.invert, (BITS,), np.invert, differentiable=False),
    Spec(ops.invert, (COUNTS,), np.invert, differentiable=False),
    Spec(ops.round, ((2, 3),), np.round, differentiable=False),
    Spec(ops.round, ((),), np.round, params={"decimals": 1}, differentiable=False),
    Spec(ops.round, ((0, 3),), np.round, params={"decimals": -1}, differentiable=False),
]
