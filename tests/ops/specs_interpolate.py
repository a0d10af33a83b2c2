"""Specs of gpugrad/ops/interpolate.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

KNOTS = np.array([-1.0, -0.25, 0.5, 2.0])
INSIDE = np.array([-0.9, 0.1, 1.25])
AWAY = {"domain": (-1.9, 2.9), "kinks": tuple(KNOTS), "narrow": 32.0}

SPECS = [
    Spec(ops.interp, ((2, 4), KNOTS, (4,)), np.interp, **AWAY),
    Spec(ops.interp, ((), KNOTS, (4,)), np.interp, **AWAY),
    Spec(ops.interp, ((3,), KNOTS[:1], (1,)), np.interp, **AWAY),
    Spec(ops.interp, ((6,), KNOTS, (4,)), np.interp, params={"left": -7.0, "right": 7.0}, **AWAY),
    Spec(
        ops.interp, ((6,), KNOTS, (4,)), np.interp, params={"period": 3.5}, **{**AWAY, "kinks": (-1.5, 0.0, 0.5, 2.0)}
    ),
    Spec(ops.interp, ((0,), KNOTS, (4,)), np.interp, **AWAY),
    Spec(ops.interp, (KNOTS, KNOTS, (4,)), np.interp, **AWAY),
]
