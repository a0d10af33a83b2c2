"""Elementary calls: the functions of NumPy that primitives come down to, each of a kind that an executor knows.

pointwise   elementwise with broadcasting: a ufunc's name, "where", "erf", or "astype" (dtype)
reduce      a ufunc's reduce: its name, as "add" or "maximum" (axis, keepdims, and perhaps dtype)
product     "matmul"; "matmul_add": x y + z
view        the same memory, looked at otherwise: "reshape" (shape), "transpose" (axes), "broadcast_to" (shape),
            "bitcast" (dtype), "item" (key, of slices, ints and None)
join        "concatenate" (axis)
pick        "pick": x[i, index[i]] for each row i; "unpick": x less h[i] at these places
random      "kept" (shape, p): the mask that dropout draws for a key and a counter
check       "labels" (name, shape, n_classes): gives nothing, raises
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops.labels import check_labels
from ..ops.random import kept
from ..ops.special import erf_array

COSTLY = frozenset(("exp", "log", "tanh", "expm1", "log1p", "erf"))  # pointwise calls of many instructions


@dataclass(frozen=True)
class Elementary:
    """What stands in a Call in place of a primitive."""

    name: str
    kind: str

    def bind(self, backend: Any) -> Callable[..., Any]:
        """A function of arrays and parameters that computes it."""
        xp = backend.xp
        if self.kind == "reduce":
            return getattr(xp, self.name).reduce
        return _OTHERS[self.name](xp) if self.name in _OTHERS else getattr(xp, self.name)


def _pick(xp: Any) -> Callable[..., Any]:
    return lambda x, index: x[xp.arange(index.size), index]


def _unpick(xp: Any) -> Callable[..., Any]:
    def unpick(x: Any, index: Any, h: Any) -> Any:
        y = x.copy()
        y[xp.arange(index.size), index] -= h
        return y

    return unpick


def _labels(xp: Any) -> Callable[..., Any]:
    def check(target: Any, *, name: str, shape: tuple[int, ...], n_classes: int) -> tuple[()]:
        check_labels(name, xp, target, shape, n_classes)
        return ()

    return check


def as_view(key: Any) -> Any:
    """The key, such that ints alone give a 0-d view and no NumPy scalar."""
    items = key if isinstance(key, tuple) else (key,)
    return items if any(k is Ellipsis for k in items) else (*items, Ellipsis)


_OTHERS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "astype": lambda xp: lambda x, *, dtype: x.astype(dtype),
    "reshape": lambda xp: lambda x, *, shape: x.reshape(shape),
    "transpose": lambda xp: lambda x, *, axes: x.transpose(axes),
    "broadcast_to": lambda xp: lambda x, *, shape: xp.broadcast_to(x, shape),
    "bitcast": lambda xp: lambda x, *, dtype: x.view(dtype),
    "item": lambda xp: lambda x, *, key: x[as_view(key)],
    "concatenate": lambda xp: lambda *xs, axis: xp.concatenate(xs, axis=axis),
    "pick": _pick,
    "unpick": _unpick,
    "kept": lambda xp: functools.partial(kept, xp),
    "matmul_add": lambda xp: lambda a, b, c: xp.matmul(a, b) + c,
    "labels": _labels,
    "erf": lambda xp: functools.partial(erf_array, xp),
}


def view_of(array: Any, call: Any) -> Any:
    """The view of an array that a call of kind "view" gives; a copy where NumPy has no such view."""
    return _OTHERS[call.primitive.name](np)(array, **call.params)
