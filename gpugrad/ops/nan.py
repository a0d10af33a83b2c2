"""Sums, products and moments of what is not NaN, and NaN put aside.

Shapes and dtypes as the operations without "nan" in reduce.py, moments.py and scan.py; extrema: nan_extrema.py.
A NaN gets a gradient of exactly 0.  Where every element is NaN the sum is 0, the product 1, and the others are NaN;
NumPy warns of that, gpugrad does not: it would have to wait for the device, and could not look inside vmap.
Each raises ShapeError for an axis out of range.
"""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import elementwise
from ..core.tensor import is_floating
from ..core.transform import as_value
from .compare import equal, isnan, less_equal, logical_not
from .powers import sqrt
from .reduce import axes_of, prod
from .reduce import sum as sum_of
from .scan import cumprod, cumsum
from .select import either, where
from .shape import astype


@elementwise(saves="x", widen=True)
def nan_to_num_(xp: Any, x: Any, *, nan: float, posinf: float, neginf: float) -> Any:
    """x with numbers in place of NaN and the infinities."""
    y = x
    for bad, number in ((x != x, nan), (x == math.inf, posinf), (x == -math.inf, neginf)):
        y = either(xp, bad, xp.asarray(number, x.dtype), y)
    return y


nan_to_num_.vjp(lambda F, g, y, x, *, nan, posinf, neginf: F.masked(g, F.isfinite(x)))


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """x with `nan` in place of NaN, `posinf` of inf, `neginf` of -inf: by default the largest numbers of the dtype.

    The gradient is 1 where x is finite, else 0.  copy: NumPy's; x is never written to.
    """
    x = as_value(x)
    if not is_floating(x.dtype):
        return x
    largest = float(np.nextafter(np.asarray(math.inf, x.dtype), np.asarray(0, x.dtype)))
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    return nan_to_num_(x, nan=nan, posinf=high, neginf=low)


def nansum(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over `axis` of what is not NaN, of x converted to `dtype` first where that is given; 0 of nothing."""
    return sum_of(_filled(x, 0), axis, dtype=dtype, keepdims=keepdims)


def nanprod(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over `axis` of what is not NaN, of x converted to `dtype` first where that is given; 1 of nothing."""
    return prod(_filled(x, 1), axis, dtype=dtype, keepdims=keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumsum` with 0 in place of NaN."""
    return cumsum(_filled(x, 0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumprod` with 1 in place of NaN."""
    return cumprod(_filled(x, 1), axis, dtype)


def _filled(x: Any, value: float) -> Any:
    x = as_value(x)
    return where(isnan(x), value, x) if is_floating(x.dtype) else x


def nanmean(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The mean over `axis` of what is not NaN, of x converted to `dtype` first where that is given."""
    x = as_value(x) if dtype is None else astype(x, dtype)
    wide, kind = _wide(x)
    axes = axes_of("nanmean", x, axis)
    return astype(sum_of(_filled(wide, 0), axes, keepdims=keepdims) / _free(wide, axes, 0, keepdims), kind)


def nanvar(
    x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None
) -> Any:
    """The variance over `axis` of the n elements that are not NaN: squared deviations, summed, divided by n - ddof.

    NaN where n - ddof is not above 0.  `correction` is the array API's name for ddof.
    """
    x = as_value(x)
    wide, kind = _wide(x)
    return astype(_variance(wide, axes_of("nanvar", x, axis), _ddof(ddof, correction), keepdims), kind)


def nanstd(
    x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None
) -> Any:
    """The square root of `nanvar`, with the same arguments; the gradient is 0 where it is 0."""
    x = as_value(x)
    wide, kind = _wide(x)
    v = _variance(wide, axes_of("nanstd", x, axis), _ddof(ddof, correction), keepdims)
    flat = equal(v, 0)
    return astype(where(flat, 0, sqrt(where(flat, 1, v))), kind)


def _ddof(ddof: float, correction: float | None) -> float:
    return ddof if correction is None else correction


def _wide(x: Any) -> tuple[Any, Any]:
    """(x in the dtype to compute in, the dtype of the result)."""
    kind = x.dtype if is_floating(x.dtype) else np.dtype(np.float64)
    return astype(x, np.float32 if is_narrow(kind) else kind), kind


def _free(x: Any, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """How many elements are not NaN, less ddof; NaN in place of what is not above 0."""
    n = astype(sum_of(logical_not(isnan(x)), axis, keepdims=keepdims), x.dtype) - ddof
    return where(less_equal(n, 0), math.nan, n)


def _variance(x: Any, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    mean = sum_of(_filled(x, 0), axis, keepdims=True) / _free(x, axis, 0, True)
    d = _filled(x - mean, 0)
    return sum_of(d * d, axis, keepdims=keepdims) / _free(x, axis, ddof, keepdims)


__all__ = [
    "nan_to_num",
    "nancumprod",
    "nancumsum",
    "nanmean",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]
