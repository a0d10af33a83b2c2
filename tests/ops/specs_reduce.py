"""Specs of gpugrad/ops/reduce.py, extrema.py and moments.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

# (shape, parameters): all axes, one, one from the end, several, kept, 0-d, and axes of length 0 and 1
CASES = (
    ((2, 3), {}),
    ((2, 3), {"axis": 1}),
    ((2, 3, 2), {"axis": (0, -1)}),
    ((2, 3, 2), {"axis": (2, 1), "keepdims": True}),
    ((2, 1, 3), {"axis": -2, "keepdims": True}),
    ((2, 3), {"keepdims": True}),
    ((2, 3), {"axis": ()}),
    ((), {}),
    ((), {"axis": (), "keepdims": True}),
    ((1, 3), {"axis": 0}),
)
SUMMABLE = (*CASES, ((0, 3), {}), ((0, 3), {"axis": 0}), ((0, 3), {"axis": 1, "keepdims": True}))
EMPTY_ROWS = ((0, 3), {"axis": 1})
ONE_AXIS = (CASES[0], CASES[1], CASES[4], CASES[5], CASES[7], EMPTY_ROWS)


def lines(op, reference, cases, **more):
    return [Spec(op, (shape,), reference, params=params, **more) for shape, params in cases]


def with_ddof(cases, **ddof):
    return [(shape, {**params, **ddof}) for shape, params in cases]


def moment(f):
    """The array API's name for ddof."""
    return lambda x, correction=None, **params: f(x, **params, **({} if correction is None else {"ddof": correction}))


def unreduce(x, axis, shape):
    return np.broadcast_to(np.reshape(x, [1 if i in axis else n for i, n in enumerate(shape)]), shape)


SPREAD = {"domain": (-2.0, 2.0), "distinct": True}
LARGE = ((2, 3), {}), ((3, 4), {"axis": 1}), ((2, 3, 2), {"axis": (0, -1)}), ((3, 2), {"axis": 0, "keepdims": True})

SPECS = [
    *lines(ops.sum, np.sum, SUMMABLE),
    Spec(ops.sum, ((2, 3),), np.sum, params={"dtype": "float64", "axis": 0}),
    Spec(ops.unreduce, ((3,),), unreduce, params={"axis": (0,), "shape": (2, 3)}),
    Spec(ops.unreduce, ((3, 1),), unreduce, params={"axis": (1,), "shape": (3, 2)}),
    Spec(ops.unreduce, ((),), unreduce, params={"axis": (0, 1), "shape": (2, 3)}),
    Spec(ops.unreduce, ((),), unreduce, params={"axis": (0,), "shape": (0,)}),
    *lines(ops.prod, np.prod, SUMMABLE, domain=(0.5, 2.0)),
    Spec(ops.prod, ((7,),), np.prod, domain=(-2.0, -0.5), order=3),
    *lines(ops.max, np.max, (*CASES, EMPTY_ROWS), **SPREAD),
    *lines(ops.min, np.min, (*CASES, EMPTY_ROWS), **SPREAD),
    Spec(
        ops.tie_share,
        (np.array([[1.0, 2.0, 2.0]]), np.array([[2.0]])),
        lambda x, y, axis: np.array([[0.0, 0.5, 0.5]]),
        params={"axis": (1,)},
        differentiable=False,
    ),
    *lines(ops.argmax, np.argmax, ONE_AXIS, differentiable=False),
    *lines(ops.argmin, np.argmin, ONE_AXIS, differentiable=False),
    *lines(ops.any, np.any, SUMMABLE, differentiable=False),
    *lines(ops.all, np.all, SUMMABLE, differentiable=False),
    *lines(ops.count_nonzero, np.count_nonzero, (CASES[0], *CASES[1:5], EMPTY_ROWS), differentiable=False),
    *lines(ops.mean, np.mean, (*CASES, EMPTY_ROWS)),
    Spec(ops.mean, ((2, 3),), np.mean, params={"dtype": "float64"}),
    *lines(ops.var, moment(np.var), (*CASES, EMPTY_ROWS)),
    *lines(ops.var, moment(np.var), with_ddof(LARGE, ddof=1)),
    *lines(ops.var, moment(np.var), with_ddof(LARGE[:1], correction=0.5)),
    *lines(ops.std, moment(np.std), LARGE, **SPREAD),
    *lines(ops.std, moment(np.std), with_ddof(LARGE, correction=1), **SPREAD),
    *lines(ops.std, moment(np.std), (EMPTY_ROWS,)),
]
