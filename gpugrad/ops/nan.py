"""Sums, products, moments and extrema of what is not NaN, and NaN put aside.

Shapes and dtypes as the operations without "nan" in reduce.py, moments.py, extrema.py and scan.py.
A NaN gets a gradient of exactly 0.  Where every element is NaN the sum is 0, the product 1, and the others are NaN;
NumPy warns of that, gpugrad does not: it would have to wait for the device, and could not look inside vmap.
Each raises ShapeError for an axis out of range.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import elementwise, primitive
from ..core.tensor import is_floating
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .compare import equal, isnan, less_equal, logical_not
from .extrema import max_, min_
from .powers import sqrt
from .reduce import axes_of, kept, prod
from .reduce import sum as sum_of
from .scan import cumprod, cumsum
from .select import where
from .shape import astype


@primitive(family="reduce", saves="x y", widen=True)
def nanmax_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The largest element over the axes that is not NaN."""
    return _extremum(xp, xp.max, -math.inf, x, axis, keepdims)


@primitive(family="reduce", saves="x y", widen=True)
def nanmin_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The smallest element over the axes that is not NaN."""
    return _extremum(xp, xp.min, math.inf, x, axis, keepdims)


def _extremum(xp: Any, find: Any, worst: float, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    _refuse_empty("nanmax" if worst < 0 else "nanmin", x, axis)
    y = find(x, axis=axis, keepdims=keepdims)
    if x.dtype.kind != "f" or not xp.isnan(y).any():
        return y
    gone = xp.isnan(x)
    y = find(xp.where(gone, xp.asarray(worst, x.dtype), x), axis=axis, keepdims=keepdims)
    return xp.where(gone.all(axis=axis, keepdims=keepdims), xp.asarray(math.nan, x.dtype), y)


for _op, _like in ((nanmax_, max_), (nanmin_, min_)):
    _op.vjp(*_like.primitive.vjp_rules)  # no NaN equals the result, so none shares in its gradient
    _op.jvp(_like.primitive.jvp_rule)  # type: ignore[arg-type]


@primitive(family="reduce", differentiable=False, widen=True)
def nanargmax_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The place of the largest element that is not NaN."""
    return _place(xp, "nanargmax", -math.inf, x, axis, keepdims)


@primitive(family="reduce", differentiable=False, widen=True)
def nanargmin_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The place of the smallest element that is not NaN."""
    return _place(xp, "nanargmin", math.inf, x, axis, keepdims)


def _place(xp: Any, name: str, worst: float, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    _refuse_empty(name, x, axis)
    gone = xp.isnan(x)
    if xp is np and gone.all(axis=axis).any():  # on a GPU looking would wait for the device
        raise ArgumentError(f"{name}: a slice along axis {axis} is all NaN and has no such place; expected a number in it")
    x = xp.where(gone, xp.asarray(worst, x.dtype), x) if x.dtype.kind == "f" else x
    find = argmin_.primitive.forward if worst > 0 else argmax_.primitive.forward
    return find(xp, x, axis=axis, keepdims=keepdims)


def _refuse_empty(name: str, x: Any, axis: tuple[int, ...]) -> None:
    empty = [i for i in axis if not x.shape[i]]
    if empty:
        raise ShapeError(f"{name}: shape {tuple(x.shape)} has no elements along axis {empty[0]}; expected at least one")


@elementwise(saves="x", widen=True)
def nan_to_num_(xp: Any, x: Any, *, nan: float, posinf: float, neginf: float) -> Any:
    """x with numbers in place of NaN and the infinities."""
    y = x
    for bad, number in ((x != x, nan), (x == math.inf, posinf), (x == -math.inf, neginf)):
        y = xp.where(bad, xp.asarray(number, x.dtype), y)
    return y


nan_to_num_.vjp(lambda F, g, y, x, *, nan, posinf, neginf: F.masked(g, F.isfinite(x)))
