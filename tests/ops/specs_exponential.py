"""Specs of gpugrad/ops/exponential.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

SHAPES = ((2, 3), (), (0, 3))
POSITIVE = (0.4, 3.0)


def share(a, b):
    y = 1 / (1 + np.exp(np.asarray(b, float) - np.asarray(a, float)))
    return np.asarray(y).astype(np.result_type(a, b))


SPECS = [
    *(Spec(ops.exp, (shape,), np.exp, order=3) for shape in SHAPES),
    *(Spec(ops.exp2, (shape,), np.exp2) for shape in SHAPES),
    *(Spec(ops.expm1, (shape,), np.expm1) for shape in SHAPES),
    *(Spec(ops.log, (shape,), np.log, domain=POSITIVE, order=3) for shape in SHAPES),
    *(Spec(ops.log2, (shape,), np.log2, domain=POSITIVE) for shape in SHAPES),
    *(Spec(ops.log10, (shape,), np.log10, domain=POSITIVE) for shape in SHAPES),
    *(Spec(ops.log1p, (shape,), np.log1p, domain=(-0.5, 2.0)) for shape in SHAPES),
    Spec(ops.logaddexp, ((2, 3), (3,)), np.logaddexp),
    Spec(ops.logaddexp, ((2, 1), (3,)), np.logaddexp),
    Spec(ops.logaddexp, ((), ()), np.logaddexp),
    Spec(ops.logaddexp, ((0, 3), ()), np.logaddexp),
    Spec(ops.exp_share, ((2, 3), (2, 1)), share),
    Spec(ops.exp_share, ((), ()), share),
]
