"""Specs of gpugrad/ops/joining.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec


def _np_unstack(x, axis=0):
    return tuple(np.moveaxis(x, axis, 0))


SPECS = [
    Spec(ops.concatenate, ((2, 3), (1, 3), (0, 3), (4, 3)), np.concatenate, join=True),
    Spec(ops.concatenate, ((2, 3), (2, 1)), np.concatenate, {"axis": -1}, join=True),
    Spec(
        ops.concatenate, ((2, 1, 2), (2, 3, 2), (2, 2, 2), (2, 1, 2), (2, 1, 2)), np.concatenate, {"axis": 1}, join=True
    ),
    Spec(ops.concatenate, ((3,),), np.concatenate, join=True),
    Spec(ops.concatenate, ((2, 2), (), (3,)), np.concatenate, {"axis": None}, join=True),
    Spec(ops.concatenate, ((0, 3), (0, 3)), np.concatenate, join=True),
    Spec(ops.stack, ((2, 3), (2, 3), (2, 3)), np.stack, join=True),
    Spec(ops.stack, ((2, 3), (2, 3)), np.stack, {"axis": -1}, join=True),
    Spec(ops.stack, ((), (), ()), np.stack, join=True),
    Spec(ops.stack, ((0, 3), (0, 3)), np.stack, {"axis": 1}, join=True),
    Spec(ops.hstack, ((2, 3), (2, 1)), np.hstack, join=True),
    Spec(ops.hstack, ((3,), (), (2,)), np.hstack, join=True),
    Spec(ops.vstack, ((3,), (2, 3)), np.vstack, join=True),
    Spec(ops.vstack, ((), ()), np.vstack, join=True),
    Spec(ops.vstack, ((0,), (2, 0)), np.vstack, join=True),
    Spec(ops.split, ((6, 2),), np.split, {"indices_or_sections": 3}),
    Spec(ops.split, ((2, 7),), np.split, {"indices_or_sections": (2, 2, 5), "axis": -1}),
    Spec(ops.split, ((5,),), np.split, {"indices_or_sections": [-2, 9]}),
    Spec(ops.split, ((0, 3),), np.split, {"indices_or_sections": 2}),
    Spec(ops.split, ((2, 3),), np.split, {"indices_or_sections": ()}),
    Spec(ops.unstack, ((3, 2),), _np_unstack),
    Spec(ops.unstack, ((2, 3, 2),), _np_unstack, {"axis": -2}),
    Spec(ops.unstack, ((2, 0),), _np_unstack),
]
