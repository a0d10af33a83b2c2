"""Differences of neighbours, slopes by finite differences, and the trapezoidal rule.

They are sums of slices, so derivatives of every order and with respect to spacings and coordinates come with them.
Each raises ShapeError for an axis out of range.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.tensor import raw
from ..core.transform import as_value
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from .arithmetic import subtract
from .axes import as_int, normal_axes, normal_axis
from .compare import not_equal
from .index import getitem
from .joining import concatenate
from .reduce import sum
from .shape import astype, broadcast_to, ravel, reshape


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """x[start:stop] on one axis."""
    return getitem(x, (*(slice(None),) * axis, slice(start, stop)))


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """y[i] = x[i+1] - x[i] along axis, n times over; `prepend` and `append` stand before and after x first.

    Shapes: the axis gets n shorter, down to 0.  Of bools, whether neighbours differ.  Raises ArgumentError for n < 0,
    ShapeError for a 0-d x.
    """
    x, n = as_value(x), as_int("diff", "n", n)
    if n < 0:
        raise ArgumentError(f"diff: n is {n}; expected 0 or more")
    if n == 0:
        return x
    i = normal_axis("diff", axis, x.ndim)
    if prepend is not None or append is not None:
        ends = [[] if e is None else [_end(x, e, i)] for e in (prepend, append)]
        x = concatenate([*ends[0], x, *ends[1]], axis=i)
    op = not_equal if x.dtype.kind == "b" else subtract
    for _ in range(n):
        x = op(_cut(x, i, 1, None), _cut(x, i, None, -1))
    return x


def _end(x: Any, end: Any, axis: int) -> Any:
    end = as_value(end)
    return end if end.ndim else broadcast_to(end, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the row of all elements, between `to_begin` and `to_end`, in x's dtype.

    Raises DTypeError where these do not convert to x's dtype under NumPy's rule "same_kind".
    """
    x = ravel(as_value(x))
    parts = [_like(x, "to_begin", to_begin), diff(x) if x.size else x, _like(x, "to_end", to_end)]
    return concatenate([p for p in parts if p is not None]) if to_begin is not None or to_end is not None else parts[1]


def _like(x: Any, what: str, end: Any) -> Any:
    if end is None:
        return None
    end = as_value(end)
    if x.dtype.kind != "V" and not np.can_cast(end.dtype, x.dtype, casting="same_kind"):
        raise DTypeError(f"ediff1d: {what} has dtype {end.dtype}; expected one that converts to {x.dtype}")
    return ravel(astype(end, x.dtype))


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of f along its axes by second-order differences inside, and one-sided ones of `edge_order` at the ends.

    varargs: nothing for spacing 1, one number for all axes, or for each axis a number or its coordinates (n,).
    Inside, with h and k the distances to the left and right: (h^2 f[i+1] + (k^2 - h^2) f[i] - k^2 f[i-1]) /
    (h k (h + k)); at equal distances (f[i+1] - f[i-1]) / 2h.  axis: an int, several, or None for all.
    Gives an array of f's shape for one axis, else a tuple.  Integers become float64; with spacings that are arrays, the
    dtype is still f's.  Raises ShapeError for an axis with fewer than edge_order + 1 points or coordinates that do not
    fit, ArgumentError for another edge_order, ArgumentTypeError for a number of spacings that does not fit.
    """
    f = as_value(f)
    axes = tuple(range(f.ndim)) if axis is None else normal_axes("gradient", axis, f.ndim)
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is {edge_order!r}; expected 1 or 2")
    shared = len(varargs) == 1 and len(axes) != 1
    if len(varargs) not in (0, 1, len(axes)) or (shared and np.ndim(raw(varargs[0]))):
        raise ArgumentTypeError(
            f"gradient: got {len(varargs)} spacings for {len(axes)} axes; expected none, one number, or one for each"
        )
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    f = astype(f, np.float64) if f.dtype.kind in "iub" else f
    slopes = tuple(_slope(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(f: Any, spacing: Any, i: int, edge_order: int) -> Any:
    n = f.shape[i]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: axis {i} has {n} points; expected at least {edge_order + 1}, edge_order + 1")
    h = _distances(f, spacing, i)
    d = diff(f, axis=i) / h  # the slope of each interval
    left, right = _cut(d, i, None, -1), _cut(d, i, 1, None)
    if getattr(h, "ndim", 0):
        h, k = _cut(h, 0, None, -1), _cut(h, 0, 1, None)
        share = h / (h + k)
        first, last = _cut(share, 0, None, 1), 1 - _cut(share, 0, -1, None)
    else:
        share = first = last = 0.5
    inner = left + (right - left) * share
    start, end = _cut(d, i, None, 1), _cut(d, i, -1, None)
    if edge_order == 2:
        start = start - (_cut(d, i, 1, 2) - start) * first
        end = end + (end - _cut(d, i, -2, -1)) * last
    return astype(concatenate([start, inner, end], axis=i), f.dtype)


def _distances(f: Any, spacing: Any, i: int) -> Any:
    """A number, or the lengths of the intervals, shaped to divide the differences of f along axis i."""
    h = as_value(spacing) if isinstance(spacing, Iterable) or hasattr(spacing, "ndim") else spacing
    if not getattr(h, "ndim", 0):
        return h
    if h.ndim != 1 or h.shape[0] != f.shape[i]:
        raise ShapeError(
            f"gradient: coordinates have shape {tuple(h.shape)} for axis {i} of length {f.shape[i]}; expected one each"
        )
    h = astype(h, np.float64) if h.dtype.kind in "iub" else h
    return reshape(diff(h), (f.shape[i] - 1, *(1,) * (f.ndim - 1 - i)))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along axis by the trapezoidal rule: the sum of (x[i+1] - x[i]) (y[i] + y[i+1]) / 2.

    x: the coordinates, (n,) or of y's shape; without them, points `dx` apart.  Raises ShapeError where they do not fit.
    """
    y = as_value(y)
    i = normal_axis("trapezoid", axis, y.ndim)
    if x is not None:
        x = as_value(x)
        dx = diff(x, axis=0 if x.ndim == 1 else i)
        dx = reshape(dx, (dx.shape[0], *(1,) * (y.ndim - 1 - i))) if x.ndim == 1 else dx
    return sum(dx * (_cut(y, i, 1, None) + _cut(y, i, None, -1)) / 2.0, axis=i)


__all__ = ["diff", "ediff1d", "gradient", "trapezoid"]
