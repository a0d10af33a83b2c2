"""Mean, variance and standard deviation over axes.

Shapes: x (...) -> y without the reduced axes, or with them as 1 (keepdims); axis: an int, several, or None for all.
dtypes: x's own, float64 for ints and bools.  float16 and bfloat16 are computed in float32 and rounded once.
Each raises ShapeError for an axis out of range; over no elements the result is NaN, with NumPy's warning.
"""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from .reduce import axes_of, kept
from .shape import astype


def _count(x: Any, axis: tuple[int, ...]) -> int:
    shape = x.shape
    return math.prod(shape if len(axis) == len(shape) else [shape[i] for i in axis])


@primitive(family="reduce", jvp="linear", saves="x.shape")
def mean_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The sum over the axes, divided by the number of elements."""
    dtype = x.dtype
    narrow = is_narrow(dtype)
    wide = np.float32 if narrow else np.float64 if dtype.kind in "iub" else None
    if wide is None and xp is np:
        return xp.add.reduce(x, axis, None, None, keepdims) / _count(x, axis)
    y = x.sum(axis=axis, dtype=wide, keepdims=keepdims) / _count(x, axis)
    return y.astype(dtype) if narrow else y


@mean_.vjp
def _(F, g, y, x, *, axis, keepdims):
    return F.unreduce(g / _count(x, axis), axis=axis, shape=x.shape)


@primitive(family="reduce", saves="x", widen=True)
def var_(xp: Any, x: Any, *, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """The sum of squared deviations from the mean, divided by n - ddof, in two passes."""
    d = x - mean_.primitive.forward(xp, x, axis=axis, keepdims=True)
    return (d * d).sum(axis=axis, keepdims=keepdims) / max(_count(x, axis) - ddof, 0)


@var_.vjp
def _(F, g, y, x, *, axis, ddof, keepdims):
    return kept(F, g, axis, keepdims) * _var_slope(F, x, axis, ddof)


@var_.jvp
def _(F, t, y, x, *, axis, ddof, keepdims):
    return F.sum(t * _var_slope(F, x, axis, ddof), axis=axis, keepdims=keepdims)


def _deviation(F: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return x - F.mean(x, axis=axis, keepdims=True)


def _var_slope(F: Any, x: Any, axis: tuple[int, ...], ddof: float) -> Any:
    free = _count(x, axis) - ddof
    return _deviation(F, x, axis) * (2 / free if free > 0 else math.nan)


@primitive(family="reduce", saves="x y", widen=True)
def std_(xp: Any, x: Any, *, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """The square root of the variance."""
    return xp.sqrt(var_.primitive.forward(xp, x, axis=axis, ddof=ddof, keepdims=keepdims))


@std_.vjp
def _(F, g, y, x, *, axis, ddof, keepdims):
    scaled = _per_deviation(F, g, y, x, axis, ddof)
    return kept(F, scaled, axis, keepdims) * _deviation(F, x, axis)


@std_.jvp
def _(F, t, y, x, *, axis, ddof, keepdims):
    total = F.sum(t * _deviation(F, x, axis), axis=axis, keepdims=keepdims)
    return _per_deviation(F, total, y, x, axis, ddof)


def _per_deviation(F: Any, g: Any, y: Any, x: Any, axis: tuple[int, ...], ddof: float) -> Any:
    """g / (y (n - ddof)), where y = 0 only g: all deviations it meets are 0."""
    free = _count(x, axis) - ddof
    return g / (F.where(y == 0, 1, y) * (free if free > 0 else math.nan))


def mean(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The mean over `axis`, of x converted to `dtype` first where that is given."""
    x = as_value(x) if dtype is None else astype(x, dtype)
    return mean_(x, axis=axes_of("mean", x, axis), keepdims=keepdims)


def var(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    """The variance over `axis`: squared deviations from the mean, summed and divided by n - ddof.

    `correction` is the array API's name for ddof: 0 for the variance of these elements, 1 for an unbiased estimate.
    """
    x = as_value(x)
    ddof = ddof if correction is None else correction
    return var_(x, axis=axes_of("var", x, axis), ddof=ddof, keepdims=keepdims)


def std(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    """The square root of `var`, with the same arguments; the gradient is 0 where it is 0."""
    x = as_value(x)
    ddof = ddof if correction is None else correction
    return std_(x, axis=axes_of("std", x, axis), ddof=ddof, keepdims=keepdims)


methods(mean, var, std)

__all__ = ["mean", "std", "var"]
