"""Piecewise linear interpolation."""

from typing import Any

import numpy as np

from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .arithmetic import remainder
from .compare import equal, greater, less
from .index import take
from .joining import concatenate
from .select import at_least, at_most, where
from .shape import astype
from .sorting import argsort, searchsorted


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    """The value at x of the broken line through the points (xp[i], fp[i]), with xp (n,) increasing.

    y = fp[i] + (x - xp[i]) s[i], where s[i] = (fp[i+1] - fp[i]) / (xp[i+1] - xp[i]) and xp[i] <= x < xp[i+1].
    left, right: y before xp[0] and after xp[-1], by default fp[0] and fp[-1].  period: xp and x count modulo it, xp
    need not be sorted, and left and right are not used.

    Shapes: x (...), xp (n,), fp (n,) -> (...).  dtype: float64, as NumPy's.  x, xp, fp, left and right carry
    gradients.  The slope in x at a knot is that of the piece to its right, at the last knot of the piece to its left,
    and 0 outside.  Where xp repeats, the line jumps, and y at the jump is the last fp.  NaN gives NaN,
    but of a single point, as in NumPy, its fp.
    Raises ShapeError where xp and fp are not rows of one length above 0, ArgumentError for a period of 0.
    """
    x, xp, fp = (astype(as_value(v), np.float64) for v in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ShapeError(f"interp: xp and fp have shapes {tuple(xp.shape)} and {tuple(fp.shape)}; expected (n,), n > 0")
    if period is not None:
        x, xp, fp = _around(x, xp, fp, period)
        left = right = None
    n = xp.shape[0]
    first, last = xp[0], xp[n - 1]
    inside = at_most(at_least(x, first), last)
    i = at_most(at_least(searchsorted(xp, inside, "right") - 1, 0), max(n - 2, 0))
    start, width, rise = take(xp, i), xp[1:] - xp[:-1], fp[1:] - fp[:-1]
    y = take(fp, i)
    if n > 1:
        flat = equal(width, 0)
        slope = where(flat, 0, rise) / where(flat, 1, width)
        y = y + (inside - start) * take(slope, i)
        y = where(equal(inside, last), fp[n - 1] + (inside - last) * take(slope, i), y)
    if left is not None:
        y = where(less(x, first), left, y)
    return y if right is None else where(greater(x, last), right, y)


def _around(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """The points in one period, sorted, with one more on each side."""
    if not period:
        raise ArgumentError("interp: period is 0; expected another number")
    period = abs(period)
    x, xp = remainder(x, period), remainder(xp, period)
    order = argsort(xp)
    xp, fp, n = take(xp, order), take(fp, order), xp.shape[0]
    xp = concatenate([xp[n - 1 :] - period, xp, xp[:1] + period])
    return x, xp, concatenate([fp[n - 1 :], fp, fp[:1]])


__all__ = ["interp"]
