"""The largest and smallest of what is not NaN, and where they are.

Shapes and dtypes as in extrema.py.  A NaN gets a gradient of exactly 0.  Where every element is NaN, so is the result;
NumPy warns of that, gpugrad does not: it would have to wait for the device, and could not look inside vmap.
Each raises ShapeError for an axis out of range.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .extrema import _one_or_all, argmax_, argmin_, max_, min_
from .reduce import axes_of
from .select import either


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
    if x.dtype.kind != "f" or (xp is np and not np.isnan(y).any()):  # on a GPU looking would wait for the device
        return y
    gone = xp.isnan(x)
    y = find(either(xp, gone, xp.asarray(worst, x.dtype), x), axis=axis, keepdims=keepdims)
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
    if xp is np and gone.all(axis=axis).any():  # on a GPU likewise not looked at
        raise ArgumentError(
            f"{name}: a slice along axis {axis} is all NaN and has no such place; expected a number in it"
        )
    x = either(xp, gone, xp.asarray(worst, x.dtype), x) if x.dtype.kind == "f" else x
    find = argmin_.primitive.forward if worst > 0 else argmax_.primitive.forward
    return find(xp, x, axis=axis, keepdims=keepdims)


def _refuse_empty(name: str, x: Any, axis: tuple[int, ...]) -> None:
    empty = [i for i in axis if not x.shape[i]]
    if empty:
        raise ShapeError(f"{name}: shape {tuple(x.shape)} has no elements along axis {empty[0]}; expected at least one")


def nanmax(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest element over `axis` that is not NaN; equals share the gradient.  Raises ShapeError for none."""
    x = as_value(x)
    return nanmax_(x, axis=axes_of("nanmax", x, axis), keepdims=keepdims)


def nanmin(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest element over `axis` that is not NaN; equals share the gradient.  Raises ShapeError as `nanmax`."""
    x = as_value(x)
    return nanmin_(x, axis=axes_of("nanmin", x, axis), keepdims=keepdims)


def nanargmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The first place of the largest element that is not NaN, along one axis or in the row of all.  No gradient.

    Raises ArgumentError for a slice that is all NaN, on a GPU, where looking would wait for the device, its 0.
    """
    x = as_value(x)
    return nanargmax_(x, axis=_one_or_all("nanargmax", x, axis), keepdims=keepdims)


def nanargmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The first place of the smallest element that is not NaN; otherwise as `nanargmax`."""
    x = as_value(x)
    return nanargmin_(x, axis=_one_or_all("nanargmin", x, axis), keepdims=keepdims)


__all__ = ["nanargmax", "nanargmin", "nanmax", "nanmin"]
