"""Specs of gpugrad/ops/shape.py, axis_moves.py, creation.py, diagonal.py and pad.py."""

import numpy as np

from gpugrad import ops
from tests.ops.spec import Spec


def _astype(x, dtype):
    return np.asarray(x).astype(dtype)


def _sum_to(x, shape):
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1)
    return np.sum(x, axis=axes, keepdims=True).reshape(shape)


def _flatten(x, start_axis, end_axis):
    return x.reshape((*x.shape[:start_axis], -1, *x.shape[end_axis % x.ndim + 1 :]))


FLOATS = ("float16", "float32", "float64")
SPECS = [
    Spec(ops.astype, ((2, 3),), _astype, {"dtype": "float64"}, dtypes=FLOATS),
    Spec(ops.astype, ((4,),), _astype, {"dtype": "int32"}, differentiable=False),
    Spec(ops.astype, ((),), _astype, {"dtype": "bool"}, differentiable=False),
    Spec(ops.sum_to, ((2, 3, 4),), _sum_to, {"shape": (3, 1)}),
    Spec(ops.sum_to, ((2, 3),), _sum_to, {"shape": ()}),
    Spec(ops.sum_to, ((0, 3),), _sum_to, {"shape": (1, 3)}),
    Spec(ops.sum_to, ((),), _sum_to, {"shape": ()}),
    Spec(ops.broadcast_to, ((3, 1),), np.broadcast_to, {"shape": (2, 3, 4)}),
    Spec(ops.broadcast_to, ((),), np.broadcast_to, {"shape": (2, 2)}),
    Spec(ops.broadcast_to, ((1, 3),), np.broadcast_to, {"shape": (0, 3)}),
    Spec(ops.reshape, ((2, 6), np.array([3, 4])), lambda x, s: np.reshape(x, s)),
    Spec(ops.reshape, ((2, 6), np.array([3, -1])), lambda x, s: np.reshape(x, s)),
    Spec(ops.reshape, ((), np.array([1, 1])), lambda x, s: np.reshape(x, s)),
    Spec(ops.reshape, ((0, 3), np.array([3, -1])), lambda x, s: np.reshape(x, s)),
    Spec(ops.ravel, ((2, 3),), np.ravel),
    Spec(ops.ravel, ((),), np.ravel),
    Spec(ops.flatten, ((2, 3, 4, 2),), _flatten, {"start_axis": 1, "end_axis": 2}),
    Spec(ops.flatten, ((2, 0, 4),), lambda x, start_axis: x.reshape(2, 0), {"start_axis": 1}),
    Spec(ops.flatten, ((),), np.ravel),
    Spec(ops.transpose, ((2, 3, 4),), np.transpose),
    Spec(ops.transpose, ((2, 3, 4), np.array([1, -1, 0])), lambda x, axes: np.transpose(x, tuple(axes))),
    Spec(ops.transpose, ((),), np.transpose),
    Spec(ops.transpose, ((0, 3),), np.transpose),
    Spec(ops.expand_dims, ((2, 3),), np.expand_dims, {"axis": (0, -1)}),
    Spec(ops.expand_dims, ((),), np.expand_dims, {"axis": 0}),
    Spec(ops.squeeze, ((1, 3, 1),), np.squeeze),
    Spec(ops.squeeze, ((1, 0, 1),), np.squeeze, {"axis": -1}),
    Spec(ops.swapaxes, ((2, 3, 4),), np.swapaxes, {"axis1": 0, "axis2": -1}),
    Spec(ops.moveaxis, ((2, 3, 4, 2),), np.moveaxis, {"source": (0, -1), "destination": (2, 0)}),
    Spec(ops.moveaxis, ((2, 3, 4),), np.moveaxis, {"source": 0, "destination": -1}),
    Spec(ops.flip, ((2, 3),), np.flip),
    Spec(ops.flip, ((2, 3),), np.flip, {"axis": -1}),
    Spec(ops.flip, ((),), np.flip),
    Spec(ops.roll, ((2, 3),), np.roll, {"shift": 2}),
    Spec(ops.roll, ((2, 3),), np.roll, {"shift": (1, -1), "axis": (0, 1)}),
    Spec(ops.roll, ((3, 4),), np.roll, {"shift": (1, 2), "axis": (1, 1)}),
    Spec(ops.roll, ((0, 3),), np.roll, {"shift": 1, "axis": 1}),
    Spec(ops.tile, ((2, 3),), np.tile, {"reps": (2, 1, 2)}),
    Spec(ops.tile, ((2, 3),), np.tile, {"reps": 2}),
    Spec(ops.tile, ((),), np.tile, {"reps": (3,)}),
    Spec(ops.repeat, ((2, 3),), np.repeat, {"repeats": 2, "axis": 1}),
    Spec(ops.repeat, ((2, 3),), np.repeat, {"repeats": 3}),
    Spec(ops.repeat, ((2, 3), np.array([2, 0, 1])), lambda x, n, axis: np.repeat(x, n, axis), {"axis": 1}),
    Spec(ops.zeros_like, ((2, 3),), np.zeros_like, differentiable=False),
    Spec(ops.ones_like, ((),), np.ones_like, differentiable=False),
    Spec(ops.full_like, ((0, 3),), np.full_like, {"fill_value": 2.5}, differentiable=False),
    Spec(ops.full_like, ((2, 3), (3,)), lambda x, v: np.full_like(x, v)),
    Spec(ops.diagonal, ((3, 4, 3),), np.diagonal, {"axis1": 0, "axis2": 2}),
    Spec(ops.diagonal, ((3, 4),), np.diagonal, {"offset": 1}),
    Spec(ops.diagonal, ((3, 4),), np.diagonal, {"offset": -2}),
    Spec(ops.diagonal, ((0, 3),), np.diagonal),
    Spec(ops.trace, ((3, 3),), np.trace),
    Spec(ops.trace, ((2, 4, 2),), np.trace, {"offset": 1, "axis1": 1, "axis2": 2}),
    Spec(ops.pad, ((2, 3),), np.pad, {"pad_width": ((1, 0), (2, 1))}),
    Spec(ops.pad, ((3,),), np.pad, {"pad_width": (1, 2), "constant_values": 1.5}),
    Spec(ops.pad, ((0, 3),), np.pad, {"pad_width": 1}),
    Spec(ops.pad, ((),), lambda x, pad_width: x, {"pad_width": ()}),
    *(Spec(ops.pad, ((2, 3),), np.pad, {"pad_width": 2, "mode": m}) for m in ("edge", "symmetric", "wrap")),
    Spec(ops.pad, ((3, 4),), np.pad, {"pad_width": ((2, 1), (1, 2)), "mode": "reflect"}),
]
