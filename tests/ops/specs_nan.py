"""Specs of gpugrad/ops/nan.py.  test_nan.py puts NaN into the inputs."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec
from tests.ops.specs_reduce import CASES, LARGE, ONE_AXIS, SPREAD, SUMMABLE, lines, moment, with_ddof

HOLES = np.array([[0.5, np.nan, 3.0], [np.nan, 2.0, -1.0]])
ENDS = np.array([[np.nan, np.inf], [-np.inf, 2.0]])
SCANS = (((5,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((), {}))


def holes(op, reference, **params):
    return Spec(op, (HOLES,), reference, params=params, differentiable=False)


SPECS = [
    *lines(ops.nansum, np.nansum, SUMMABLE),
    *lines(ops.nanprod, np.nanprod, SUMMABLE, domain=(0.5, 2.0)),
    *lines(ops.nanmean, np.nanmean, CASES),
    Spec(ops.nanmean, ((2, 3),), np.nanmean, params={"dtype": "float64"}),
    *lines(ops.nanvar, moment(np.nanvar), (*CASES, *with_ddof(LARGE, ddof=1), *with_ddof(LARGE[:1], correction=0.5))),
    *lines(ops.nanstd, moment(np.nanstd), (*LARGE, *with_ddof(LARGE, correction=1)), **SPREAD),
    *lines(ops.nanmax, np.nanmax, CASES, **SPREAD),
    *lines(ops.nanmin, np.nanmin, CASES, **SPREAD),
    *lines(ops.nanargmax, np.nanargmax, ONE_AXIS[:-1], differentiable=False),
    *lines(ops.nanargmin, np.nanargmin, ONE_AXIS[:-1], differentiable=False),
    *lines(ops.nancumsum, np.nancumsum, SCANS),
    *lines(ops.nancumprod, np.nancumprod, SCANS, domain=(0.5, 1.5)),
    *lines(ops.nan_to_num, np.nan_to_num, (((2, 3), {}), ((), {}), ((0,), {}))),
    *(holes(getattr(ops, f), getattr(np, f), axis=1) for f in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin")),
    *(holes(getattr(ops, f), getattr(np, f), axis=0) for f in ("nanvar", "nanstd", "nanargmax", "nanargmin")),
    *(holes(getattr(ops, f), getattr(np, f), axis=1) for f in ("nancumsum", "nancumprod")),
    Spec(ops.nan_to_num, (ENDS,), np.nan_to_num, differentiable=False),
    Spec(
        ops.nan_to_num, (ENDS,), np.nan_to_num, params={"nan": 1.0, "posinf": 9.0, "neginf": -9.0}, differentiable=False
    ),
]
