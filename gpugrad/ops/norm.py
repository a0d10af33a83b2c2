"""Lengths of vectors.

Shapes: x (...) -> y without the axes that hold the vectors, or with them as 1 (keepdims).  dtypes: x's own, float64
for ints and bools; 2-byte floats are computed in float32 and rounded once.
"""

import math
from typing import Any

from ..core.primitive import primitive
from ..core.tensor import is_floating, methods
from ..core.transform import as_value
from ..errors import ArgumentError
from .arithmetic import absolute
from .extrema import max_
from .reduce import axes_of, kept, sum_
from .shape import astype


@primitive(family="reduce", saves="x y", widen=True)
def norm2(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The square root of the sum of squares over the axes; the gradient x / y is 0 where y is 0."""
    return xp.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


@norm2.vjp
def _(F, g, y, x, *, axis, keepdims):
    return x * kept(F, F.where(y == 0, 0, g / F.where(y == 0, 1, y)), axis, keepdims)


@norm2.jvp
def _(F, t, y, x, *, axis, keepdims):
    return F.where(y == 0, 0, F.sum(t * x, axis=axis, keepdims=keepdims) / F.where(y == 0, 1, y))


def norm(x: Any, ord: float | None = None, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The length of the vectors along `axis`: an int, several taken as one, or None for all elements as one vector.

    ord None or 2: the square root of the sum of squares, with gradient 0 at the zero vector; 1: the sum of absolute
    values; inf: the largest of them, which share the gradient where they are equal.  As numpy.linalg.vector_norm.
    Raises ArgumentError for another ord, ShapeError for an axis out of range or, with ord inf, no elements.
    """
    x = as_value(x)
    x = x if is_floating(x.dtype) else astype(x, "float64")
    axes = axes_of("norm", x, axis)
    if ord is None or ord == 2:
        return norm2(x, axis=axes, keepdims=keepdims)
    if ord == 1:
        return sum_(absolute(x), axis=axes, keepdims=keepdims)
    if ord == math.inf:
        return max_(absolute(x), axis=axes, keepdims=keepdims)
    raise ArgumentError(f"norm: ord is {ord!r}; expected None, 1, 2 or inf")


methods(norm)

__all__ = ["norm", "norm2"]
