"""Order along an axis: sorting, partitions, places in a sorted row, the distinct values.

Shapes: x (...) -> y of x's shape; axis None takes x as one row.  Places are int64 and carry no gradient.
NaN counts as larger than every number.  Every order is stable: equal elements stay in the order they came in.
The gradient of what is reordered goes back to where each element stood.
Each raises ShapeError for an axis out of range, also for a 0-d array where NumPy refuses it.
"""

import math
from collections.abc import Iterable
from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from ..errors import ArgumentError, ArgumentTypeError, IndexingError, ShapeError
from .along_axis import take_along_axis_
from .axes import as_int, normal_axis
from .axis_moves import flip_
from .batching import all_batched
from .index import getitem, take
from .shape import ravel

_KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


@primitive(family="axis", differentiable=False, widen=True)
def argsort_(xp: Any, x: Any, *, axis: int) -> Any:
    """The places of the elements in increasing order."""
    return xp.argsort(x, axis, kind="stable")


@primitive(family="axis", saves="x", widen=True)
def sort_(xp: Any, x: Any, *, axis: int) -> Any:
    """The elements in increasing order."""
    return xp.sort(x, axis)


@sort_.vjp
def _(F, g, y, x, *, axis):
    return F.add_along_axis(g, F.argsort(x, axis=axis), axis=axis, n=x.shape[axis])


@sort_.jvp
def _(F, t, y, x, *, axis):
    return F.take_along_axis(t, F.argsort(x, axis=axis), axis=axis)


@primitive(family="axis", differentiable=False, widen=True)
def argpartition_(xp: Any, x: Any, *, kth: tuple[int, ...], axis: int) -> Any:
    """Places such that each of `kth` holds what it would hold in order, smaller elements before and larger after."""
    return xp.argpartition(x, kth, axis)


@primitive(differentiable=False, widen=True)
def searchsorted_(xp: Any, a: Any, v: Any, *, side: str) -> Any:
    """How many elements of the sorted row a are < v (side "left") or <= v ("right"), for each v."""
    return xp.searchsorted(a, v, side)


@searchsorted_.batch
def _(F, batched, a, v, *, side):
    if not batched[0]:
        return F.searchsorted(a, v, side=side)
    a, v = all_batched(F, batched, (a, v))
    flat = F.reshape(v, shape=(v.shape[0], math.prod(v.shape[1:])))
    parts = (flat, a) if side == "left" else (a, flat)  # of equals, what stands first comes first
    ranks = F.split(_ranks(F, F.concatenate(*parts, axis=1)), indices=(parts[0].shape[1],), axis=1)
    return F.reshape(ranks[side == "right"] - _ranks(F, flat), shape=v.shape)


def _ranks(F: Any, x: Any) -> Any:
    """The place each element of a row (N, n) gets in order."""
    return F.argsort(F.argsort(x, axis=1), axis=1)


@primitive(differentiable=False, widen=True)
def distinct_places(xp: Any, x: Any, *, equal_nan: bool) -> Any:
    """The first place of each distinct value of a row, in increasing order of the values."""
    return xp.unique(x, return_index=True, equal_nan=equal_nan)[1]


@distinct_places.batch
def _(F, batched, x, *, equal_nan):
    raise ArgumentTypeError(
        "unique: how many values there are differs between the examples of vmap; expected a loop over them, or sort"
    )


def argsort(x: Any, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    """The places of the elements of x in increasing order along axis.  Carries no gradient.

    kind, stable: NumPy's; every order here is stable, whatever they say.
    """
    x, i = _line("argsort", _at_least_1d(x), axis, kind)
    return argsort_(x, axis=i)


def sort(x: Any, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    """The elements of x in increasing order along axis, as a new array; other arguments as `argsort`.

    y = x[argsort(x)]; each element gets back the cotangent of the place it went to, equal ones in the order they had.
    """
    x, i = _line("sort", x, axis, kind)
    return sort_(x, axis=i)


def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Places such that x taken at them is `partition(x, kth, axis)`.  Carries no gradient."""
    x, i = _line("argpartition", _at_least_1d(x), axis)
    return argpartition_(x, kth=_kth("argpartition", kth, x.shape[i]), axis=i)


def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """x with what belongs at place kth (an int or several) there, nothing larger before it and nothing smaller after.

    The order of the others is not settled: it may differ from NumPy's.  The gradient goes to where each element stood.
    Raises IndexingError for kth out of range.
    """
    x, i = _line("partition", x, axis)
    return take_along_axis_(x, argpartition_(x, kth=_kth("partition", kth, x.shape[i]), axis=i), axis=i)


def topk(x: Any, k: int, axis: int = -1, *, largest: bool = True) -> tuple[Any, Any]:
    """(values, places): the k largest elements along axis, largest first, or the k smallest, smallest first.

    Of equal elements, the largest come in the reverse of their order in x.  NaN counts as largest.  Only the values
    carry a gradient.  Raises ArgumentError for k out of range.
    """
    x, i = _line("topk", x, axis)
    k, n = as_int("topk", "k", k), x.shape[i]
    if not 0 <= k <= n:
        raise ArgumentError(f"topk: k is {k} for axis {i} of length {n}; expected 0 to {n}")
    order = argsort_(x, axis=i)
    order = flip_(order, axis=(i,)) if largest else order
    places = getitem(order, (*(slice(None),) * i, slice(k)))
    return take_along_axis_(x, places, axis=i), places


def lexsort(keys: Any, axis: int = -1) -> Any:
    """Places that sort by the last of `keys`, equals by the one before it, and so on.  Carries no gradient.

    keys: a sequence of arrays of one shape, or an array of them; axis: one of theirs.
    """
    rows = [as_value(key) for key in keys]
    if not rows or any(key.shape != rows[0].shape for key in rows):
        raise ShapeError(f"lexsort: keys have shapes {[tuple(key.shape) for key in rows]}; expected one or more of one")
    i = normal_axis("lexsort", axis, rows[0].ndim)
    order = argsort_(rows[0], axis=i)
    for key in rows[1:]:
        order = take_along_axis_(order, argsort_(take_along_axis_(key, order, axis=i), axis=i), axis=i)
    return order


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where each v goes into the sorted row a (n,): before its equals (side "left") or after them.  No gradient.

    sorter: places that sort a.  Shapes: v's.  Raises ShapeError where a has not one axis, ArgumentError for the side.
    """
    a, v = as_value(a), as_value(v)
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: a has shape {tuple(a.shape)}; expected one axis, sorted")
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side is {side!r}; expected 'left' or 'right'")
    return searchsorted_(a if sorter is None else take(a, sorter), v, side=side)


def unique(x: Any, *, equal_nan: bool = True) -> Any:
    """The distinct values of x, in increasing order, as one row; NaNs count as one value unless equal_nan is False.

    The gradient of a value goes to the first element that has it.  The shape depends on the values: under vmap it
    raises ArgumentTypeError.
    """
    x = ravel(as_value(x))
    return take(x, distinct_places(x, equal_nan=equal_nan))


def _line(name: str, x: Any, axis: int | None, kind: str | None = None) -> tuple[Any, int]:
    if kind not in _KINDS:
        raise ArgumentError(f"{name}: kind is {kind!r}; expected one of {_KINDS}")
    x = as_value(x)
    return (ravel(x), 0) if axis is None else (x, normal_axis(name, axis, x.ndim))


def _at_least_1d(x: Any) -> Any:
    x = as_value(x)
    return x if x.ndim else ravel(x)


def _kth(name: str, kth: Any, n: int) -> tuple[int, ...]:
    given = [as_int(name, "kth", k) for k in (kth if isinstance(kth, Iterable) else (kth,))]
    wrong = [k for k in given if not -n <= k < n]
    if wrong:
        raise IndexingError(f"{name}: kth {wrong[0]} is out of range for {n} elements; expected {-n} to {n - 1}")
    return tuple(sorted({k % n for k in given}))


methods(sort, argsort)

__all__ = [
    "argpartition",
    "argsort",
    "lexsort",
    "partition",
    "searchsorted",
    "sort",
    "topk",
    "unique",
]
