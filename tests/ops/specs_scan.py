"""Specs of gpugrad/ops/scan.py and differences.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

CASES = (
    ((5,), {}),
    ((2, 3), {}),
    ((2, 3), {"axis": 0}),
    ((2, 3, 2), {"axis": -2}),
    ((), {}),
    ((0, 3), {"axis": 0}),
    ((2, 0), {"axis": 1}),
)


def lines(op, reference, cases, **more):
    return [Spec(op, (shape,), reference, params=params, **more) for shape, params in cases]


def cummax(x, axis=None):
    return np.maximum.accumulate(x.ravel() if axis is None else x, axis or 0)


def cumulative(scan, initial):
    """numpy.cumulative_sum and cumulative_prod, which NumPy has from 2.1 on."""

    def reference(x, axis=None, dtype=None, include_initial=False):
        axis = 0 if axis is None else axis
        y = scan(np.atleast_1d(x), axis=axis, dtype=dtype)
        first = np.full_like(np.take(y, [0], axis=axis), initial)
        return np.concatenate([first, y], axis=axis) if include_initial else y

    return reference


def initial_like(x, shape, value):
    return np.full(shape, value, x.dtype)


def diff(x, n=1, axis=-1, **ends):
    return np.diff(x, n=n, axis=axis, **ends)


CUMULATIVE = (
    ((4,), {}),
    ((4,), {"include_initial": True}),
    ((2, 3), {"axis": -1, "include_initial": True}),
    ((2, 3), {"axis": 0, "dtype": "float64"}),
    ((), {}),
)
NEAR_ONE = {"domain": (0.5, 1.5)}
POINTS = np.array([0.0, 0.5, 1.5, 1.75, 3.0])

SPECS = [
    *lines(ops.cumsum, np.cumsum, CASES),
    Spec(ops.cumsum, ((2, 3),), np.cumsum, params={"axis": 1, "dtype": "float64"}),
    *lines(ops.cumprod, np.cumprod, CASES, **NEAR_ONE),
    Spec(ops.cumprod, ((7,),), np.cumprod, domain=(-1.5, -0.5), order=3),
    Spec(ops.cumprod, ((3, 4),), np.cumprod, params={"axis": 1}, kinks=(0.0,), narrow=12.0),
    *lines(ops.cummax, cummax, CASES[:4], distinct=True),
    *lines(ops.cumulative_sum, cumulative(np.cumsum, 0), CUMULATIVE),
    *lines(ops.cumulative_prod, cumulative(np.cumprod, 1), CUMULATIVE, **NEAR_ONE),
    *lines(ops.diff, diff, [c for c in CASES if c[0] not in ((), (0, 3))]),
    *lines(ops.diff, diff, (((5,), {"n": 2}), ((3, 4), {"n": 3, "axis": 1}), ((3,), {"n": 5}))),
    *lines(ops.diff, diff, (((2, 3), {"prepend": np.int8(1)}), ((2, 3), {"append": np.ones((1, 3)), "axis": 0}))),
    *lines(ops.ediff1d, lambda x, **k: np.ediff1d(x, **k), (((2, 3), {}), ((1,), {}), ((0,), {}))),
    Spec(ops.ediff1d, ((4,),), np.ediff1d, params={"to_end": np.float16([1, 2]), "to_begin": np.float16(3)}),
    *lines(ops.gradient, np.gradient, (((5,), {}), ((2,), {}), ((3, 4), {}), ((3, 4), {"axis": 1}))),
    *lines(ops.gradient, np.gradient, (((4, 3), {"edge_order": 2}), ((3, 4, 3), {"axis": (-1, 0), "edge_order": 2}))),
    Spec(ops.gradient, ((3, 5), np.array(0.5), POINTS), np.gradient, narrow=12.0),
    Spec(ops.gradient, ((5, 2), POINTS), np.gradient, params={"axis": 0, "edge_order": 2}, narrow=12.0),
    Spec(ops.gradient, ((3, 3), np.array(2.0)), np.gradient, params={"edge_order": 2}),
    Spec(ops.gradient, ((4,), (4,)), np.gradient, domain=((-2.0, 2.0), (-20.0, 20.0)), distinct=True, narrow=32.0),
    *lines(ops.trapezoid, np.trapezoid, (((5,), {}), ((2, 3), {"axis": 0}), ((2, 3), {"dx": 0.5}), ((2, 0), {}))),
    Spec(ops.trapezoid, ((2, 3), (3,)), np.trapezoid),
    Spec(ops.trapezoid, ((3, 2), (3,)), np.trapezoid, params={"axis": 0}),
    Spec(ops.trapezoid, ((2, 3), (2, 3)), np.trapezoid),
]
