"""Elements chosen by place, by mask or by condition."""

from typing import Any

import numpy as np

from .. import ops
from ..core.namespace import OPS
from ..core.transform import as_value
from ..errors import ArgumentError, ArgumentTypeError, IndexingError
from .options import no_out
from .table import enter, enter_constant, enter_functions, enter_values
from .values import host_value, stacked, value_of

_G = "indexing"


def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """x where condition is true, else y; both must be given."""
    if x is None or y is None:
        raise ArgumentTypeError(
            "where: got a condition alone beside a Tensor; expected where(condition, x, y) (the places where it holds, "
            "which have no derivative, are np.nonzero(condition))"
        )
    return ops.where(as_value(condition), _number_or_value(x), _number_or_value(y))


def _number_or_value(x: Any) -> Any:
    return x if type(x) in (bool, int, float) else as_value(stacked(x))


def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """The elements at indices; those out of range raise, wrap around, or are clipped."""
    no_out("take", out)
    a, indices = as_value(a), as_value(indices)
    n = a.size if axis is None else a.shape[axis]
    return ops.take(a, _in_range("take", indices, n, mode), axis)


def _in_range(name: str, indices: Any, n: int, mode: str) -> Any:
    if mode == "raise":
        return indices
    if mode not in ("wrap", "clip"):
        raise ArgumentError(f"{name}: mode is {mode!r}; expected 'raise', 'wrap' or 'clip'")
    return ops.remainder(indices, n) if mode == "wrap" else ops.minimum(ops.maximum(indices, 0), n - 1)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """The elements at indices along an axis, line by line."""
    return ops.take_along_axis(ops.ravel(arr) if axis is None else arr, indices, 0 if axis is None else axis)


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """For each element the choice of the number that stands there; all broadcast."""
    no_out("choose", out)
    a, options = as_value(a), [as_value(c) for c in choices]
    n = len(options)
    if mode == "raise" and a.size:
        low, high = (int(f(value_of("choose", a))) for f in (np.min, np.max))
        if low < 0 or high >= n:
            raise IndexingError(f"choose: numbers reach from {low} to {high}; expected 0 to {n - 1}")
    a = _in_range("choose", a, n, mode)
    y = options[-1]
    for i in range(n - 2, -1, -1):
        y = ops.where(ops.equal(a, i), options[i], y)
    return ops.broadcast_to(y, np.broadcast_shapes(tuple(a.shape), *(tuple(c.shape) for c in options)))


def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The places along an axis where a row of conditions holds."""
    no_out("compress", out)
    return ops.take(a, np.flatnonzero(host_value("compress", condition)), axis)


def extract(condition: Any, arr: Any) -> Any:
    """The elements where a condition holds, as one row."""
    return ops.take(arr, np.flatnonzero(host_value("extract", condition)))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element the choice whose condition is the first to hold, else the default."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(f"select: got {len(condlist)} conditions for {len(choicelist)} choices; expected as many")
    y = default
    for condition, choice in zip(reversed(list(condlist)), reversed(list(choicelist)), strict=True):
        y = ops.where(as_value(condition), choice, y)
    return y


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """For each element the function (or number) whose condition is the last to hold; one function more is for the rest.

    A function sees the elements of its condition alone, so a slope outside its domain does no harm.
    """
    x = as_value(x)
    single = not getattr(condlist, "ndim", not isinstance(condlist, bool)) or (x.ndim and np.ndim(condlist[0]) == 0)
    masks = [host_value("piecewise", c).astype(bool) for c in ([condlist] if single else condlist)]
    functions = list(funclist)
    if len(functions) == len(masks) + 1:
        masks.append(~np.logical_or.reduce(masks))
    if len(functions) != len(masks):
        raise ArgumentError(f"piecewise: got {len(functions)} functions for {len(masks)} conditions; expected as many")
    y = ops.zeros_like(x)
    for mask, f in zip(masks, functions, strict=True):
        if mask.any():
            y = ops.index_set(y, mask, f(x[mask], *args, **kw) if callable(f) else f)
    return y


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number 0, 1, ... stands in x, or the sum of the weights where it does."""
    places = host_value("bincount", x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    n = max(int(places.max()) + 1 if places.size else 0, minlength)
    weights = ops.astype(weights, "float64")
    return ops.index_add(OPS.new_zeros(weights, shape=(n,)), places, weights)


def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    """True where an element is one of the others."""
    found = ops.any(ops.equal(ops.expand_dims(element, -1), ops.ravel(test_elements)), -1)
    return ops.logical_not(found) if invert else found


enter(_G, "where", where, "one argument is refused")
enter(_G, "take", take, "the gradient adds up where an index repeats")
enter(_G, "take_along_axis", take_along_axis, "the gradient adds up where an index repeats")
enter_functions(_G, choose, select)
enter_functions(_G, compress, extract, piecewise, limits="conditions not inside vmap")
enter(_G, "bincount", bincount, "for the weights; x not inside vmap")
enter_constant(_G, "isin", isin)
enter_values(_G, "nonzero flatnonzero argwhere digitize")
enter_values("sets", "unique unique_all unique_counts unique_inverse unique_values")
enter_values("sets", "intersect1d union1d setdiff1d setxor1d histogram histogram_bin_edges histogram2d histogramdd")
enter_values("integers", "gcd lcm left_shift bitwise_left_shift right_shift bitwise_right_shift bitwise_count packbits")
