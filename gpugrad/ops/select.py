"""Operations that let one value through and hold another back: where, maximum, minimum, clip.

Shapes: every input (...) -> y, the broadcast shape.  dtypes: NumPy's promotion; Python numbers are weak.
What is held back gets a gradient of exactly 0, even where the cotangent is NaN or infinite.
"""

from typing import Any

import numpy as np

from ..core.precision import SCALARS
from ..core.primitive import elementwise, primitive
from ..core.tensor import methods
from .arithmetic import positive

_AS_INTEGER = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}
_WORTH_BITS = 1 << 13  # elements


@primitive(family="elementwise", nondiff="cond", saves="cond")
def where(xp: Any, cond: Any, a: Any, b: Any) -> Any:
    """a where cond is true, else b, elementwise.

    No NaN value leaks from the branch not taken.  An infinite slope inside it still does, as 0 * inf: keep its argument
    inside the domain with a second `where`, as in where(x > 0, log(where(x > 0, x, 1)), 0).
    """
    return either(xp, cond, a, b)


where.vjp(
    None,
    lambda F, g, y, cond, a, b: F.masked(g, cond),
    lambda F, g, y, cond, a, b: F.masked(g, F.logical_not(cond)),
)


@where.jvp
def _(F, t_cond, ta, tb, y, cond, a, b):
    return F.where(cond, 0 if ta is None else ta, 0 if tb is None else tb)


@primitive(family="elementwise", jvp="linear", nondiff="mask", saves="mask")
def masked(xp: Any, x: Any, mask: Any) -> Any:
    """x where mask is true, else exactly 0, even where x is not finite; x has the shape of the result."""
    return select(x, mask)


masked.vjp(lambda F, g, y, x, mask: F.masked(g, mask))


def select(x: Any, mask: Any) -> Any:
    """`masked` on raw arrays.  Bits times 0 or 1: three times as fast as where, and inf * 0 is no NaN."""
    integer = _AS_INTEGER[x.dtype.itemsize]
    if type(x) is type(mask) is np.ndarray and mask.dtype.kind == "b" and mask.shape == x.shape and mask.ndim:
        mask = mask.astype(integer)  # the product may overwrite it
        return np.multiply(x.view(integer), mask, mask).view(x.dtype)
    mask = mask if getattr(getattr(mask, "dtype", None), "kind", "b") == "b" else mask != 0
    return (x.view(integer) * mask).view(x.dtype)


def either(xp: Any, mask: Any, a: Any, b: Any) -> Any:
    """`where` on raw arrays.  Of many elements by their bits, as NumPy takes a branch for each.

    On a mask without a pattern that is 7 times as fast in float32 and 3 times in float64.
    """
    if type(mask) is not np.ndarray or mask.size < _WORTH_BITS or mask.dtype.kind != "b":
        return xp.where(mask, a, b)
    x, y = _beside(a, b), _beside(b, a)
    alike = type(x) is type(y) is np.ndarray and x.dtype == y.dtype and x.itemsize in _AS_INTEGER
    fits = alike and mask.shape in (x.shape, y.shape) and {x.shape, y.shape} <= {mask.shape, ()}
    return _by_bits(mask, x, y) if fits else xp.where(mask, a, b)


def _beside(a: Any, b: Any) -> Any:
    """A Python number as an array of b's dtype, where that is floating."""
    return np.asarray(a, b.dtype) if type(a) in SCALARS and type(b) is np.ndarray and b.dtype.kind == "f" else a


def _by_bits(mask: Any, a: Any, b: Any) -> Any:
    integer = _AS_INTEGER[a.itemsize]
    bits = b.view(integer)
    differ = a.view(integer) ^ bits
    differ *= mask
    differ ^= bits
    return differ.view(a.dtype)


@elementwise(direct="maximum", saves="a b")
def maximum(a: Any, b: Any) -> Any:
    """The larger of a and b, elementwise; NaN wins.  The gradient goes to the larger; equals get half of it each."""


@elementwise(direct="minimum", saves="a b")
def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b, elementwise; NaN wins.  The gradient goes to the smaller; equals get half of it each."""


def _shared(F: Any, g: Any, wins: Any, ties: Any) -> Any:
    return F.where(ties, 0.5 * g, F.masked(g, wins))


maximum.vjp(
    lambda F, g, y, a, b: _shared(F, g, a > b, a == b),
    lambda F, g, y, a, b: _shared(F, g, b > a, a == b),
)
minimum.vjp(
    lambda F, g, y, a, b: _shared(F, g, a < b, a == b),
    lambda F, g, y, a, b: _shared(F, g, b < a, a == b),
)


@elementwise(direct="maximum", saves="x bound")
def at_least(x: Any, bound: Any) -> Any:
    """maximum(x, bound), elementwise; where they are equal the gradient goes to x."""


@elementwise(direct="minimum", saves="x bound")
def at_most(x: Any, bound: Any) -> Any:
    """minimum(x, bound), elementwise; where they are equal the gradient goes to x."""


at_least.vjp(
    lambda F, g, y, x, bound: F.masked(g, x >= bound),
    lambda F, g, y, x, bound: F.masked(g, x < bound),
)
at_most.vjp(
    lambda F, g, y, x, bound: F.masked(g, x <= bound),
    lambda F, g, y, x, bound: F.masked(g, x > bound),
)


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """minimum(maximum(x, a_min), a_max), elementwise; None is no bound, and `min`, `max` are NumPy's other names.

    The gradient for x is 1 inside and at the bounds, 0 outside, as in PyTorch; a bound gets what x is denied.
    """
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        x = at_least(x, low)
    if high is not None:
        x = at_most(x, high)
    return positive(x) if low is None and high is None else x


methods(clip=clip)

__all__ = ["at_least", "at_most", "clip", "masked", "maximum", "minimum", "where"]
