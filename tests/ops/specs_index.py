"""Specs of gpugrad/ops/index.py, inplace.py and along_axis.py: each key of the list is a spec of its own."""

import numpy as np

from gpugrad import Tensor, ops
from tests.ops.spec import Spec

I = np.array  # noqa: E741
MASK = np.arange(12).reshape(3, 4) % 3 == 1
KEYS = {
    "int": ((3, 4), 1),
    "negative": ((3, 4), -1),
    "ints": ((3, 4), (1, -2)),
    "numpy int": ((3, 4), np.int32(2)),
    "slice": ((5, 4), slice(1, 4)),
    "steps": ((6, 5), (slice(None, None, 2), slice(4, 0, -2))),
    "reverse": ((4,), slice(None, None, -1)),
    "nothing": ((3, 4), ()),
    "ellipsis": ((2, 3, 4), (..., 1)),
    "ellipsis between": ((2, 3, 4), (0, ..., slice(1, 3))),
    "ellipsis alone": ((2, 3), ...),
    "new axes": ((3, 4), (None, slice(0, 2), None, 1)),
    "0-d": ((), ()),
    "0-d ellipsis and new axis": ((), (..., None)),
    "0-d true": ((), True),
    "empty": ((0, 3), slice(None)),
    "empty result": ((4, 3), slice(2, 2)),
    "list": ((4, 3), [3, 0]),
    "empty list": ((4, 3), []),
    "repeated": ((4, 3), I([1, 1, -3, 0, 1])),
    "repeated, last axis": ((2, 3), (slice(None), I([[2, 2], [0, 2]]))),
    "pairs": ((4, 3), (I([0, 3, 0]), I([1, 2, 1]))),
    "pairs broadcast": ((4, 3), (I([[0], [3]]), I([1, 2, 1]))),
    "int between arrays": ((2, 3, 4), (I([0, 1, 1]), 2, I([3, 3, 0]))),
    "slice between arrays": ((2, 3, 4), (I([0, 1, 1]), slice(0, 2), I([3, 3, 0]))),
    "array and slice": ((4, 5), (I([0, 0]), slice(None, None, 2))),
    "new axis and array": ((4, 3), (None, I([0, 0, 2]))),
    "middle array": ((2, 3, 4), (slice(None), I([0, 0, 2]))),
    "mask": ((3, 4), MASK),
    "row mask": ((3, 4), I([True, False, True])),
    "column mask": ((3, 4), (slice(None), I([True, False, True, True]))),
    "mask and array": ((3, 4), (I([True, False, True]), I([1, 1]))),
    "wide mask and array": ((2, 3, 4), (np.eye(2, 3, dtype=bool), I([1, 1]))),
    "mask and int": ((3, 4), (I([True, False, True]), 2)),
    "no true in mask": ((3,), I([False, False, False])),
    "0-d array": ((3, 4), I(1)),
    "unsigned": ((3, 4), I([1, 1], dtype=np.uint8)),
}


def _named(name, f):
    f.__name__ = name
    return f


def _get(name, key):
    return _named(f"getitem[{name}]", lambda x: x[key])


def _get_op(name, key):
    return _named(f"ops.getitem[{name}]", lambda x: ops.getitem(x, key))


def _set_op(name, key):
    def f(x, v):
        if not isinstance(x, Tensor):
            return ops.index_set(x, key, v)
        y = x * 1.0
        y[key] = v
        return y

    return _named(f"setitem[{name}]", f)


def _np_set(key):
    def f(x, v):
        y = np.array(x)
        y[key] = v
        return y

    return f


def _add_op(name, key):
    return _named(f"index_add[{name}]", lambda x, v: ops.index_add(x, key, v))


def _np_add(key):
    def f(x, v):
        y = x.astype("float64")
        np.add.at(y, key, np.asarray(v, "float64"))
        return y.astype(x.dtype)

    return f


def _shape(shape, key):
    return np.zeros(shape)[key].shape


def _tensor_key(x, i, j):
    return x[i, :, j] if isinstance(x, Tensor) else np.asarray(x)[np.asarray(i), :, np.asarray(j)]


ALONG = I([[0, 2, 2], [1, 1, 0]])
ONE = I([[1], [3]])
SPECS = [
    *(Spec(_get(name, key), (shape,), _get(name, key)) for name, (shape, key) in KEYS.items()),
    *(Spec(_get_op(name, key), (shape,), _get(name, key), order=1) for name, (shape, key) in KEYS.items()),
    *(Spec(_set_op(name, key), (shape, _shape(shape, key)), _np_set(key)) for name, (shape, key) in KEYS.items()),
    *(
        Spec(_add_op(name, key), (shape, _shape(shape, key)), _np_add(key), order=1)
        for name, (shape, key) in KEYS.items()
    ),
    Spec(_named("getitem[tensor keys]", _tensor_key), ((3, 2, 4), I([0, 0, 2]), I([3, 3, 1])), _tensor_key),
    Spec(_set_op("broadcast value", slice(1, 3)), ((3, 4), (4,)), _np_set(slice(1, 3))),
    Spec(_set_op("0-d value", I([0, 0])), ((3, 4), ()), _np_set(I([0, 0]))),
    Spec(_set_op("value with more axes", 1), ((3, 4), (1, 1, 4)), _np_set(1)),
    Spec(ops.take, ((3, 4), I([[1, 1], [-1, 0]])), np.take, {"axis": 1}),
    Spec(ops.take, ((3, 4), I([11, 0, 0])), np.take),
    Spec(ops.take, ((3, 4),), np.take, {"indices": 2, "axis": 0}),
    Spec(ops.take, ((2, 3), I([], dtype=int)), np.take, {"axis": -1}),
    Spec(ops.take_along_axis, ((2, 3), ALONG), np.take_along_axis, {"axis": 1}),
    Spec(ops.take_along_axis, ((2, 4), ONE), np.take_along_axis, {"axis": 1}),
    Spec(ops.take_along_axis, ((4, 3), ALONG), np.take_along_axis, {"axis": 0}),
    Spec(ops.take_along_axis, ((1, 4), ONE), np.take_along_axis, {"axis": -1}),
    Spec(ops.take_along_axis, ((3, 2, 4), I([[[0], [-1]]])), np.take_along_axis, {"axis": 2}),
    Spec(ops.take_along_axis, ((2, 3), np.zeros((2, 0), int)), np.take_along_axis, {"axis": 1}),
    Spec(
        ops.one_hot,
        (I([[2, 0], [1, 1]]),),
        lambda i, n_classes: np.eye(n_classes)[i],
        {"n_classes": 3},
        differentiable=False,
    ),
    Spec(ops.one_hot, (I(1),), lambda i, n_classes: np.eye(n_classes)[i], {"n_classes": 2}, differentiable=False),
]
