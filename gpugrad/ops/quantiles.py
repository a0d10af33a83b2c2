"""Medians, quantiles and percentiles over axes, and the same of what is not NaN.

Shapes: x (...), q a number or (Q...) -> (Q..., the other axes), the reduced axes as 1 with keepdims; axis: an int,
several, or None for all.  dtypes: NumPy's: x's own, float64 for ints, and promotion with q where q is an array.
The gradient goes to the one or two elements that a result lies between, by their weights: of equal elements, to some
of them.  It is 0 for a slice that gives NaN.
Each raises ShapeError for an axis out of range or without elements, ArgumentError for q outside [0, 1] or an unknown
method, ArgumentTypeError for q that is part of a recording: it carries no gradient.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import array_device
from ..backend.device import to_numpy
from ..core.tensor import Tensor, is_floating, raw
from ..core.transform import as_value
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from .along_axis import take_along_axis_
from .axis_moves import moveaxis
from .compare import ceil, equal, floor, isnan, logical_not, rint
from .reduce import axes_of
from .reduce import sum as sum_of
from .select import at_least, at_most, where
from .shape import astype, reshape, transpose_
from .sorting import argpartition_, argsort_

Places = tuple[Any, Any]  # (how far along the sorted row, as a float; what to do between two elements)


def _fraction(v: Any, low: Any) -> Any:
    return v - low


def _plotted(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    """The place of quantile q among n for plotting positions (k - alpha) / (n + 1 - alpha - beta)."""
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _half_up(v: Any) -> Any:
    """The next whole number, but v - 1/2's floor where it is odd and v - 1/2 is whole: ties go to the even rank."""
    low = floor(v)
    return where(equal(v, low) & equal(low % 2, 1), low, low + 1)


# Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996, and NumPy's further ones: the place of q among n
# elements counted from 0, and the weight of the upper neighbour, or None where the place is rounded to an element.
METHODS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any] | None]] = {
    "linear": (lambda n, q: (n - 1) * q, _fraction),
    "hazen": (_plotted(0.5, 0.5), _fraction),
    "weibull": (_plotted(0, 0), _fraction),
    "interpolated_inverted_cdf": (_plotted(0, 1), _fraction),
    "median_unbiased": (_plotted(1 / 3, 1 / 3), _fraction),
    "normal_unbiased": (_plotted(3 / 8, 3 / 8), _fraction),
    "averaged_inverted_cdf": (lambda n, q: n * q - 1, lambda v, low: where(equal(v, low), 0.5, 1.0)),
    "midpoint": (lambda n, q: (n - 1) * q, lambda v, low: where(equal(v, low), 0.0, 0.5)),
    "lower": (lambda n, q: floor((n - 1) * q), None),
    "higher": (lambda n, q: ceil((n - 1) * q), None),
    "nearest": (lambda n, q: rint((n - 1) * q), None),
    "inverted_cdf": (lambda n, q: ceil(n * q - 1), None),
    "closest_observation": (lambda n, q: _half_up(n * q - 1.5), None),
}


def quantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The value below which the share q of the elements over `axis` lies; a slice with a NaN gives NaN.

    method: NumPy's thirteen names; "linear" takes the place v = q (n - 1) in the sorted elements s, and
    y = s[k] + (s[k+1] - s[k]) (v - k) with k = floor(v).
    """
    return _quantile("quantile", x, q, axis, method, keepdims, 1, False)


def percentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of q / 100."""
    return _quantile("percentile", x, q, axis, method, keepdims, 100, False)


def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle of the sorted elements over `axis`, of an even number the mean of the middle two; NaN wins.

    The gradient goes to the middle element, or by halves to the middle two.
    """
    return _quantile("median", _numbers(x), 0.5, axis, "linear", keepdims, 1, False)


def nanquantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of the elements that are not NaN; NaN, without a warning, where all are."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, 1, True)


def nanpercentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of q / 100 of the elements that are not NaN; NaN, without a warning, where all are."""
    return _quantile("nanpercentile", x, q, axis, method, keepdims, 100, True)


def nanmedian(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """`median` of the elements that are not NaN; NaN, without a warning, where all are."""
    return _quantile("nanmedian", _numbers(x), 0.5, axis, "linear", keepdims, 1, True)


def _numbers(x: Any) -> Any:
    x = as_value(x)
    return astype(x, np.float64) if x.dtype.kind == "b" else x


def _quantile(name: str, x: Any, q: Any, axis: Any, method: str, keepdims: bool, whole: float, skip_nan: bool) -> Any:
    x = as_value(x)
    axes = axes_of(name, x, axis)
    shares = _shares(name, q, whole)
    if method not in METHODS:
        raise ArgumentError(f"{name}: method is {method!r}; expected one of {', '.join(METHODS)}")
    if x.dtype.kind == "b" and METHODS[method][1] is not None:
        raise DTypeError(f"{name}: x has dtype bool, between whose values there is nothing; expected numbers")
    others = tuple(i for i in range(x.ndim) if i not in axes)
    n = math.prod(x.shape[i] for i in axes)
    if not n:
        raise ShapeError(f"{name}: shape {tuple(x.shape)} has no elements along axis {axis}; expected at least one")
    lead = tuple(x.shape[i] for i in others)
    rows = reshape(transpose_(x, axes=others + axes), (*lead, n))
    weak = isinstance(q, int | float) and is_floating(x.dtype)
    y = (_of_numbers if skip_nan and is_floating(x.dtype) else _of_all)(rows, shares.reshape(-1), method, weak)
    kept = tuple(1 if i in axes else m for i, m in enumerate(x.shape)) if keepdims else lead
    return reshape(moveaxis(y, -1, 0), (*shares.shape, *kept))


def _shares(name: str, q: Any, whole: float) -> np.ndarray:
    if isinstance(q, Tensor) and (q.level or q.requires_grad):
        raise ArgumentTypeError(
            f"{name}: q is part of a recording and would get no gradient; pass q.detach(), or numbers"
        )
    shares = np.asarray(to_numpy(raw(q)))
    shares = shares / whole if whole != 1 else shares.astype(np.int64) if shares.dtype.kind in "ub" else shares
    if shares.size and not (shares.min() >= 0 and shares.max() <= 1):
        raise ArgumentError(f"{name}: q has values outside 0 to {whole}; expected all inside")
    return shares


def _of_all(rows: Any, q: np.ndarray, method: str, weak: bool) -> Any:
    """Quantiles of rows (..., n): the places are known beforehand, so a partition is enough.  (..., Q)."""
    n, i = rows.shape[-1], rows.ndim - 1
    low, high, weight = _neighbours(n, q, method)
    ends = {n - 1} if is_floating(rows.dtype) else set()
    order = argpartition_(rows, kth=tuple(sorted({*low.tolist(), *high.tolist(), *ends})), axis=i)

    def at(index: Any) -> Any:
        index = _beside(rows, np.asarray(index).reshape((1,) * i + (-1,)))
        return take_along_axis_(rows, take_along_axis_(order, index, axis=i), axis=i)

    y = at(low)
    if weight is not None and not weight.any():
        y = astype(y, np.result_type(rows.dtype, weight.dtype)) if not weak else y
    elif weight is not None:
        y = y + (at(high) - y) * (float(weight[0]) if weak else _beside(rows, weight))
    return where(isnan(at(n - 1)), math.nan, y) if ends else y


def _of_numbers(rows: Any, q: np.ndarray, method: str, weak: bool) -> Any:
    """Quantiles of what is not NaN in rows (..., n), of which each has its own number.  (..., Q)."""
    i = rows.ndim - 1
    count = sum_of(logical_not(isnan(rows)), axis=i, keepdims=True)
    low, high, weight = _neighbours(
        at_least(astype(count, q.dtype), 1), _beside(rows, q.reshape((1,) * i + (-1,))), method
    )
    order = argsort_(rows, axis=i)

    def at(index: Any) -> Any:
        return take_along_axis_(rows, take_along_axis_(order, index, axis=i), axis=i)

    y = at(low)
    if weight is not None:
        y = y + (at(high) - y) * (astype(weight, rows.dtype) if weak else weight)
    return where(equal(count, 0), math.nan, y)


def _neighbours(n: Any, q: Any, method: str) -> tuple[Any, Any, Any]:
    """The two places a quantile lies between, and the weight of the upper one; None where it is the lower one."""
    place, between = METHODS[method]
    between = None if method == "linear" and q.dtype.kind == "i" else between  # q is 0 or 1, and so a place
    v = place(n, q)
    v = at_most(at_least(v, 0), n - 1) if between is None or between is _fraction else v
    floored = floor(v)
    low, high = (astype(at_most(at_least(k, 0), n - 1), np.int64) for k in (floored, floored + 1))
    kind = np.float64 if q.dtype.kind == "i" else q.dtype
    return low, high, None if between is None else astype(between(v, floored), kind)


def _beside(x: Any, array: Any) -> Any:
    """A NumPy array brought to the device of x."""
    there = raw(x)
    return array if isinstance(there, np.ndarray | np.generic) else array_device(there).asarray(array)


__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]
