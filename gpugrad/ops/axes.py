"""Axes as users give them, made non-negative ints before a primitive sees them."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import ArgumentTypeError, ShapeError

_INTS = frozenset([int])


def normal_axis(name: str, axis: Any, ndim: int) -> int:
    """`axis` counted from 0.  Raises ShapeError where it is out of range, ArgumentTypeError where it is no int."""
    if type(axis) is int and -ndim <= axis < ndim:
        return axis % ndim
    i = as_int(name, "axis", axis)
    if not -ndim <= i < ndim:
        expected = f"{-ndim} to {ndim - 1}" if ndim else "none, since the array is 0-d"
        raise ShapeError(f"{name}: axis {i} is out of range for {ndim} axes; expected {expected}")
    return i % ndim


def normal_axes(name: str, axes: Any, ndim: int) -> tuple[int, ...]:
    """An int or several as a tuple counted from 0, in the order given.  Raises ShapeError for one named twice."""
    given = axes if type(axes) is tuple or isinstance(axes, Iterable) else (axes,)
    normal = tuple([normal_axis(name, axis, ndim) for axis in given])
    if len(set(normal)) != len(normal):
        raise ShapeError(f"{name}: axes {tuple(given)} name an axis twice; expected each at most once")
    return normal


def as_int(name: str, what: str, value: Any) -> int:
    """`value` as an int; ArgumentTypeError for anything that is not an integer."""
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name}: {what} is {value!r}; expected an int") from None


def spread(name: str, what: str, given: Sequence[Any]) -> tuple[int, ...]:
    """The ints of `f(2, 3)` or `f((2, 3))` alike."""
    first = given[0] if len(given) == 1 else None
    values = first if type(first) is tuple or isinstance(first, Iterable) else given
    return tuple(values) if _INTS.issuperset(map(type, values)) else tuple([as_int(name, what, v) for v in values])
