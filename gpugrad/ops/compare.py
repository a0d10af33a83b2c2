"""Comparison, logic, tests for special values, and rounding, elementwise: none of these carries a gradient.

Shapes: a (...), b (...) -> the broadcast shape.  dtypes: comparisons and tests give bool; rounding keeps the dtype.
"""

import functools
from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods

_plain = functools.partial(primitive, family="elementwise", differentiable=False)


@_plain(direct="equal")
def equal(a: Any, b: Any) -> Any:
    """a == b, elementwise."""


@_plain(direct="not_equal")
def not_equal(a: Any, b: Any) -> Any:
    """a != b, elementwise."""


@_plain(direct="less")
def less(a: Any, b: Any) -> Any:
    """a < b, elementwise."""


@_plain(direct="less_equal")
def less_equal(a: Any, b: Any) -> Any:
    """a <= b, elementwise."""


@_plain(direct="greater")
def greater(a: Any, b: Any) -> Any:
    """a > b, elementwise."""


@_plain(direct="greater_equal")
def greater_equal(a: Any, b: Any) -> Any:
    """a >= b, elementwise."""


@_plain(direct="logical_and")
def logical_and(a: Any, b: Any) -> Any:
    """True where both a and b are not zero, elementwise."""


@_plain(direct="logical_or")
def logical_or(a: Any, b: Any) -> Any:
    """True where a or b is not zero, elementwise."""


@_plain(direct="logical_xor")
def logical_xor(a: Any, b: Any) -> Any:
    """True where just one of a and b is not zero, elementwise."""


@_plain(direct="logical_not")
def logical_not(x: Any) -> Any:
    """True where x is zero, elementwise."""


@_plain(direct="bitwise_and")
def bitwise_and(a: Any, b: Any) -> Any:
    """a & b, bit by bit, for integers and bools."""


@_plain(direct="bitwise_or")
def bitwise_or(a: Any, b: Any) -> Any:
    """a | b, bit by bit, for integers and bools."""


@_plain(direct="bitwise_xor")
def bitwise_xor(a: Any, b: Any) -> Any:
    """a ^ b, bit by bit, for integers and bools."""


@_plain(direct="invert")
def invert(x: Any) -> Any:
    """~x, bit by bit, for integers and bools."""


@_plain(direct="isnan")
def isnan(x: Any) -> Any:
    """True where x is NaN, elementwise."""


@_plain(direct="isinf")
def isinf(x: Any) -> Any:
    """True where x is inf or -inf, elementwise."""


@_plain(direct="isfinite")
def isfinite(x: Any) -> Any:
    """True where x is neither infinite nor NaN, elementwise."""


@_plain(direct="floor")
def floor(x: Any) -> Any:
    """The largest whole number <= x, elementwise."""


@_plain(direct="ceil")
def ceil(x: Any) -> Any:
    """The smallest whole number >= x, elementwise."""


@_plain(direct="trunc")
def trunc(x: Any) -> Any:
    """x without its fraction, elementwise."""


@_plain(direct="rint")
def rint(x: Any) -> Any:
    """The nearest whole number, halves to the even one, elementwise."""


@_plain()
def round_(xp: Any, x: Any, *, decimals: int) -> Any:
    """x rounded to so many decimals, halves to the even digit."""
    return xp.round(x, decimals)


def round(x: Any, decimals: int = 0) -> Any:
    """x rounded to `decimals` places (negative: to tens, hundreds, ...), halves to the even digit, elementwise."""
    return round_(x, decimals=decimals) if decimals else rint(x)


methods(round=round)

__all__ = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "ceil",
    "equal",
    "floor",
    "greater",
    "greater_equal",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "rint",
    "round",
    "trunc",
]
