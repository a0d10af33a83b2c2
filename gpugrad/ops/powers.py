"""Powers and roots, elementwise.

Shapes: a (...), b (...) -> y, the broadcast shape.  dtypes: NumPy's promotion; Python numbers are weak.
"""

import math
from typing import Any

from ..core.precision import SCALARS
from ..core.primitive import elementwise
from ..core.tensor import methods
from ..errors import DTypeError


@elementwise(saves={"a": "a b", "b": "y a b"})
def power(xp: Any, a: Any, b: Any) -> Any:
    """a ** b, elementwise.

    The gradient for a is b a^(b-1), and 0 where b is 0.  That for b is log(a) a^b: 0 where a is 0 and b >= 0, as in
    PyTorch, and NaN where a is negative.  A Python number as exponent meets no logarithm, so negative bases are fine.
    Raises DTypeError for integers to a negative integer power.
    """
    if type(b) in SCALARS:
        if b == 3 and getattr(a, "dtype", None) is not None and a.dtype.kind == "f":
            return a * a * a  # np.power takes fifty times as long
        if type(a) in SCALARS:
            return xp.power(a, b)
    return a**b


@power.check
def _(a, b):
    if _is_integer(a) and _is_integer(b):
        raise DTypeError("power: integers to a negative integer power; convert one to a float, for example a ** -2.0")


def _is_integer(value: Any) -> bool:
    return type(value) in (bool, int) or (hasattr(value, "dtype") and value.dtype.kind in "iub")


def _power_base(F: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    if type(b) not in SCALARS:
        return g * (b * a ** F.where(b == 0, 1, b - 1))
    if b == 2:
        half = g * a
        return half + half
    if b == 0:
        return F.zeros_like(g)
    return g if b == 1 else g * (b * a ** (b - 1))


def _power_exponent(F: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    if type(a) in SCALARS:
        if a > 0:
            return g * y * math.log(a)
        a = F.zeros_like(y) + a
    return g * y * F.log(F.where(F.logical_and(a == 0, b >= 0), 1, a))


power.vjp(_power_base, _power_exponent)


@elementwise(direct="reciprocal", saves="y")
def reciprocal(x: Any) -> Any:
    """1 / x, elementwise; of integers the integer part, as in NumPy."""


@reciprocal.vjp
def _(F, g, y, x):
    return -g * y * y


@elementwise(direct="square", saves="x")
def square(x: Any) -> Any:
    """x * x, elementwise."""


@square.vjp
def _(F, g, y, x):
    half = g * x
    return half + half


@elementwise(direct="sqrt", saves="y")
def sqrt(x: Any) -> Any:
    """Square root, elementwise; its gradient 1 / (2 sqrt(x)) is infinite at 0."""


@sqrt.vjp
def _(F, g, y, x):
    return g / (y + y)


@elementwise(direct="cbrt", saves="y")
def cbrt(x: Any) -> Any:
    """Cube root, elementwise, real for negative x; its gradient is infinite at 0."""


@cbrt.vjp
def _(F, g, y, x):
    return g / (3 * (y * y))


@elementwise(direct="hypot", saves={"a": "y a", "b": "y b"})
def hypot(a: Any, b: Any) -> Any:
    """sqrt(a^2 + b^2), elementwise, without overflow between; the gradient is 0 where both are 0."""


def _hypot_leg(F: Any, g: Any, y: Any, leg: Any) -> Any:
    return g * (leg / F.where(y == 0, 1, y))


hypot.vjp(lambda F, g, y, a, b: _hypot_leg(F, g, y, a), lambda F, g, y, a, b: _hypot_leg(F, g, y, b))

pow = power
methods(sqrt=sqrt, square=square)

__all__ = ["cbrt", "hypot", "pow", "power", "reciprocal", "sqrt", "square"]
