"""Reductions over axes, with NumPy's keywords: where= takes part of the elements, initial= is one element more."""

from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import is_floating
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .options import no_out
from .table import NONE, enter, enter_functions

_G = "reductions"


def _only(a: Any, where: Any, other: Any) -> Any:
    """a where the mask says so, else a value that changes nothing."""
    a = as_value(a)
    return a if where is True else ops.where(as_value(where), a, ops.full_like(a, other))


def sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    """The sum over axes."""
    if out is None and initial is None and where is True:
        return ops.sum(a, axis, dtype=dtype, keepdims=keepdims)
    no_out("sum", out)
    y = ops.sum(_only(a, where, 0), axis, dtype=dtype, keepdims=keepdims)
    return y if initial is None else ops.add(y, ops.astype(initial, y.dtype))


def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    """The product over axes; right also where some elements are 0."""
    no_out("prod", out)
    y = ops.prod(_only(a, where, 1), axis, dtype=dtype, keepdims=keepdims)
    return y if initial is None else ops.multiply(y, ops.astype(initial, y.dtype))


def max(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The largest element over axes; equals share the gradient."""
    return _extreme("max", ops.max, ops.maximum, a, axis, out, keepdims, initial, where)


def min(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The smallest element over axes; equals share the gradient."""
    return _extreme("min", ops.min, ops.minimum, a, axis, out, keepdims, initial, where)


def _extreme(
    name: str, f: Any, pair: Any, a: Any, axis: Any, out: Any, keepdims: bool, initial: Any, where: Any
) -> Any:
    no_out(name, out)
    if initial is None:
        if where is not True:
            raise ArgumentError(f"{name}: got where without initial; expected both, as no element may be left")
        return f(a, axis, keepdims=keepdims)
    initial = ops.astype(initial, as_value(a).dtype)
    a = _only(a, where, initial)
    if not a.size:
        return ops.full_like(ops.astype(ops.sum(a, axis, keepdims=keepdims), a.dtype), initial)
    return pair(f(a, axis, keepdims=keepdims), initial)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """The largest element less the smallest."""
    no_out("ptp", out)
    return ops.subtract(ops.max(a, axis, keepdims=keepdims), ops.min(a, axis, keepdims=keepdims))


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """The mean over axes."""
    no_out("mean", out)
    if dtype is not None and np.dtype(dtype).kind in "iu":  # NumPy cuts the mean of the integers off
        return ops.astype(mean(ops.astype(a, dtype), axis, keepdims=keepdims, where=where), dtype)
    if where is True:
        return ops.mean(a, axis, dtype=dtype, keepdims=keepdims)
    a = floated(a, dtype)
    return ops.sum(_only(a, where, 0), axis, keepdims=keepdims) / _count(a, axis, where)(keepdims)


def floated(a: Any, dtype: Any = None) -> Any:
    a = as_value(a) if dtype is None else ops.astype(a, dtype)
    return a if is_floating(a.dtype) else ops.astype(a, "float64")


def _count(a: Any, axis: Any, where: Any) -> Any:
    ones = ops.where(as_value(where), ops.ones_like(a), ops.zeros_like(a))
    return lambda keepdims: ops.sum(ones, axis, keepdims=keepdims)


def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """The variance over axes: squared deviations from the mean, summed and divided by n - ddof."""
    no_out("var", out)
    ddof, a = ddof if correction is None else correction, floated(a, dtype)
    if where is True and mean is None:
        return ops.var(a, axis, ddof=ddof, keepdims=keepdims)
    count = _count(a, axis, where)
    center = ops.sum(_only(a, where, 0), axis, keepdims=True) / count(True) if mean is None else mean
    deviations = _only(ops.square(a - center), where, 0)
    return ops.sum(deviations, axis, keepdims=keepdims) / ops.maximum(count(keepdims) - ddof, 0)


def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """The square root of the variance; the gradient is 0 where it is 0."""
    no_out("std", out)
    if where is True and mean is None:
        ddof = ddof if correction is None else correction
        return ops.std(floated(a, dtype), axis, ddof=ddof, keepdims=keepdims)
    v = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return ops.where(v == 0, 0.0 * v, ops.sqrt(ops.where(v == 0, 1, v)))


def any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """True where some element over axes is not zero."""
    no_out("any", out)
    return ops.any(_only(a, where, 0), axis, keepdims=keepdims)


def all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """True where no element over axes is zero."""
    no_out("all", out)
    return ops.all(_only(a, where, 1), axis, keepdims=keepdims)


def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The first place of the largest element."""
    no_out("argmax", out)
    return ops.argmax(a, axis, keepdims=keepdims)


def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The first place of the smallest element."""
    no_out("argmin", out)
    return ops.argmin(a, axis, keepdims=keepdims)


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> bool:
    """True where all elements are close."""
    return bool(ops.all(np.isclose(a, b, rtol, atol, equal_nan)))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """True for equal shapes and elements."""
    a1, a2 = as_value(a1), as_value(a2)
    if tuple(a1.shape) != tuple(a2.shape):
        return False
    same = ops.equal(a1, a2)
    return bool(ops.all(ops.logical_or(same, ops.logical_and(a1 != a1, a2 != a2)) if equal_nan else same))


def array_equiv(a1: Any, a2: Any) -> bool:
    """True for elements that are equal after broadcasting."""
    try:
        return bool(ops.all(ops.equal(as_value(a1), as_value(a2))))
    except ShapeError:
        return False


enter_functions(_G, sum, prod, mean, var)
enter(_G, "std", std, "gradient 0 where it is 0")
enter(_G, "max amax", max, "ties share the gradient; where needs initial")
enter(_G, "min amin", min, "ties share the gradient; where needs initial")
enter(_G, "ptp", ptp, "ties share the gradient")
enter_functions(_G, any, all, argmax, argmin, ops.count_nonzero, modes=NONE)
enter_functions(_G, allclose, array_equal, array_equiv, limits="gives a bool; not inside vmap", modes=NONE)
