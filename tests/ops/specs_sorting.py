"""Specs of gpugrad/ops/sorting.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec

CASES = (
    ((5,), {}),
    ((2, 4), {}),
    ((3, 2), {"axis": 0}),
    ((2, 3, 2), {"axis": -2}),
    ((2, 3), {"axis": None}),
    ((0, 3), {"axis": 0}),
    ((2, 0), {"axis": 1}),
)
PARTITIONS = (
    ((6,), {"kth": 2}),
    ((2, 5), {"kth": (1, -2)}),
    ((4, 2), {"kth": 1, "axis": 0}),
    ((2, 3), {"kth": -1, "axis": None}),
)


def lines(op, reference, cases, **more):
    return [Spec(op, (shape,), reference, params=params, distinct=True, **more) for shape, params in cases]


def argsort(x, axis=-1):
    return np.argsort(x, axis=axis, kind="stable")


def argpartition(x, kth, axis=-1):
    """NumPy picks another order for several kth than for one, and for float16 than for float32; each is right."""
    return np.argpartition(x.astype(np.float32) if x.dtype == np.float16 else x, tuple(np.atleast_1d(kth)), axis)


def partition(x, kth, axis=-1):
    places = argpartition(x, kth, axis)
    return np.take_along_axis(x, places, axis) if axis is not None else x.ravel()[places]


def topk(x, k, axis=-1, largest=True):
    order = np.argsort(x, axis=axis, kind="stable")
    places = np.take(np.flip(order, axis) if largest else order, range(k), axis)
    return np.take_along_axis(x, places, axis), places


TOP = (((5,), {"k": 2}), ((2, 4), {"k": 3, "largest": False}), ((4, 2), {"k": 4, "axis": 0}), ((3,), {"k": 0}))
ROW = np.array([-1.0, 0.0, 0.0, 0.5, 1.5])
KEYS = np.array([[3, 1, 2, 1, 3], [1, 0, 1, 0, 0]])

SPECS = [
    *lines(ops.sort, np.sort, CASES),
    Spec(ops.sort, ((5,),), np.sort, params={"kind": "stable"}, distinct=True),
    *lines(ops.argsort, argsort, (*CASES, ((), {})), differentiable=False),
    *lines(ops.partition, partition, PARTITIONS),
    *lines(ops.argpartition, argpartition, (*PARTITIONS, ((), {"kth": 0})), differentiable=False),
    *lines(ops.topk, topk, TOP),
    *lines(ops.unique, np.unique, (((5,), {}), ((2, 3), {}), ((), {}), ((0,), {}))),
    Spec(ops.unique, ((4,),), np.unique, params={"equal_nan": False}, distinct=True),
    Spec(ops.lexsort, (KEYS,), np.lexsort, differentiable=False),
    Spec(ops.lexsort, ((3, 2, 4),), np.lexsort, params={"axis": 0}, differentiable=False),
    Spec(ops.searchsorted, (ROW, (2, 3)), np.searchsorted, differentiable=False),
    Spec(ops.searchsorted, (ROW, ROW), np.searchsorted, params={"side": "right"}, differentiable=False),
    Spec(ops.searchsorted, (ROW, ()), np.searchsorted, differentiable=False),
    Spec(
        ops.searchsorted,
        (ROW[::-1].copy(), (3,)),
        np.searchsorted,
        params={"sorter": np.arange(4, -1, -1)},
        differentiable=False,
    ),
]
