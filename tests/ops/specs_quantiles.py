"""Specs of gpugrad/ops/quantiles.py."""

import numpy as np

from gpugrad import ops
from gpugrad.ops.quantiles import METHODS
from tests.ops.spec import Spec

CASES = (
    ((5,), {}),
    ((4,), {}),
    ((3, 4), {"axis": 0}),
    ((2, 3, 2), {"axis": (0, -1)}),
    ((2, 3, 2), {"axis": (2, 1), "keepdims": True}),
    ((), {}),
    ((2, 3), {"axis": ()}),
)
SHARES = (0.3, 0, 1.0, [0.1, 0.9])
HOLES = np.array([[0.0, np.nan, 3.0, 1.0, 7.0], [np.nan, 2.0, np.nan, -1.0, 5.0]])


def lines(op, reference, cases, **more):
    return [Spec(op, (shape,), reference, params=params, distinct=True, **more) for shape, params in cases]


def with_shares(cases, scale=1):
    picked = [(shape, params, SHARES[i % len(SHARES)]) for i, (shape, params) in enumerate(cases)]
    return [(s, {**p, "q": (np.array(q) * scale).tolist()}) for s, p, q in picked]


WAYS = [((6,), {"q": [0.0, 0.1, 1 / 4, 0.5, 0.8, 1.0], "method": method}) for method in METHODS]
ARRAY = ((3, 4), {"q": np.array([0.2, 0.7], np.float32), "axis": 1})

SPECS = [
    *lines(ops.median, np.median, CASES),
    *lines(ops.nanmedian, np.nanmedian, CASES),
    *lines(ops.quantile, np.quantile, with_shares(CASES)),
    *lines(
        ops.quantile, np.quantile, [((2, 5), {"q": q, "axis": 1, "keepdims": True}) for q in (*SHARES, [[0.25], [0.5]])]
    ),
    *lines(ops.quantile, np.quantile, [*WAYS, ARRAY]),
    *lines(ops.percentile, np.percentile, with_shares(CASES[:5], 100)),
    *lines(ops.nanquantile, np.nanquantile, [*with_shares(CASES[:5]), *WAYS, ARRAY]),
    *lines(ops.nanpercentile, np.nanpercentile, with_shares(CASES[:4], 100)),
    Spec(ops.nanquantile, (HOLES,), np.nanquantile, params={"q": [0.2, 0.5], "axis": 1}, differentiable=False),
    Spec(ops.nanmedian, (HOLES,), np.nanmedian, params={"axis": 1, "keepdims": True}, differentiable=False),
]
