"""The largest and smallest element over axes, and where they are.

Shapes: x (...) -> y without the reduced axes, or with them as 1 (keepdims); axis: an int, several, or None for all.
dtypes: x's own for the element, int64 for its place.  Each raises ShapeError for an axis out of range or of length 0.
"""

import math
from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from ..errors import ShapeError
from .axes import normal_axis
from .reduce import axes_of, batch_front, kept
from .short_rows import extreme


@primitive(family="reduce", saves="x y")
def max_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The largest element over the axes."""
    return extreme("max", x, axis, keepdims)


@primitive(family="reduce", saves="x y")
def min_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The smallest element over the axes."""
    return extreme("min", x, axis, keepdims)


def _extremum_vjp(F: Any, g: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return kept(F, g, axis, keepdims) * F.tie_share(x, kept(F, y, axis, keepdims), axis=axis)


def _extremum_jvp(F: Any, t: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return F.sum(t * F.tie_share(x, kept(F, y, axis, keepdims), axis=axis), axis=axis, keepdims=keepdims)


@primitive(differentiable=False)
def tie_share(xp: Any, x: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """1/k for each of the k elements along the axes that equal y, else 0, in x's dtype; all 0 where y is NaN."""
    ties = x == y
    return (ties / xp.maximum(ties.sum(axis=axis, keepdims=True), 1)).astype(x.dtype)


batch_front(tie_share)


@primitive(family="reduce", differentiable=False)
def argmax_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The place of the largest element in the row of all elements over the axes."""
    return _place(xp.argmax, x, axis, keepdims)


@primitive(family="reduce", differentiable=False)
def argmin_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The place of the smallest element in the row of all elements over the axes."""
    return _place(xp.argmin, x, axis, keepdims)


def _place(find: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """`axis` is one axis, or all of the last ones."""
    if len(axis) == 1:
        return find(x, axis=axis[0], keepdims=keepdims)
    before = x.shape[: x.ndim - len(axis)]
    place = find(x.reshape(*before, math.prod(x.shape[len(before) :])), axis=-1)
    return place.reshape(before + (1,) * len(axis)) if keepdims else place


def _not_empty(op: Any) -> None:
    name = op.__name__

    @op.check
    def _(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> None:
        empty = [i for i in axis if not x.shape[i]]
        if empty:
            raise ShapeError(
                f"{name}: shape {tuple(x.shape)} has no elements along axis {empty[0]}; expected at least one"
            )


for _op in (max_, min_, argmax_, argmin_):
    _not_empty(_op)
for _op in (max_, min_):
    _op.vjp(_extremum_vjp)
    _op.jvp(_extremum_jvp)


def max(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest element over `axis`; NaN wins.  Elements that are equally large share the gradient equally."""
    x = as_value(x)
    return max_(x, axis=axes_of("max", x, axis), keepdims=keepdims)


def min(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest element over `axis`; NaN wins.  Elements that are equally small share the gradient equally."""
    x = as_value(x)
    return min_(x, axis=axes_of("min", x, axis), keepdims=keepdims)


def argmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The first place of the largest element along one axis, or in the row of all elements.  Carries no gradient."""
    x = as_value(x)
    return argmax_(x, axis=_one_or_all("argmax", x, axis), keepdims=keepdims)


def argmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The first place of the smallest element along one axis, or in the row of all elements.  Carries no gradient."""
    x = as_value(x)
    return argmin_(x, axis=_one_or_all("argmin", x, axis), keepdims=keepdims)


def _one_or_all(name: str, x: Any, axis: int | None) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else (normal_axis(name, axis, x.ndim),)


methods(max, min, argmax, argmin)

__all__ = ["argmax", "argmin", "max", "min", "tie_share"]
