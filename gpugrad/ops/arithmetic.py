"""Arithmetic of two arrays, elementwise with broadcasting, and of one.

Shapes: a (...), b (...) -> y, the broadcast shape.  dtypes: NumPy's promotion; Python numbers are weak.
"""

from typing import Any

from ..core.primitive import elementwise, primitive
from ..core.tensor import methods
from ..errors import DTypeError


@primitive(family="elementwise", jvp="linear", direct="add")
def add(a: Any, b: Any) -> Any:
    """a + b, elementwise."""


add.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: g)


@add.jvp
def _(F, ta, tb, y, a, b):
    return tb if ta is None else ta if tb is None else F.add(ta, tb)


@primitive(family="elementwise", jvp="linear", direct="subtract")
def subtract(a: Any, b: Any) -> Any:
    """a - b, elementwise.  Raises DTypeError for two bool arrays, as NumPy does."""


subtract.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: -g)


@subtract.jvp
def _(F, ta, tb, y, a, b):
    return F.negative(tb) if ta is None else ta if tb is None else F.subtract(ta, tb)


@subtract.check
def _(a, b):
    if all(type(v) is bool or getattr(getattr(v, "dtype", None), "kind", "") == "b" for v in (a, b)):
        raise DTypeError("subtract: both arguments are bool; use logical_xor, or convert one with astype('int64')")


@elementwise(direct="multiply", saves={"a": "b", "b": "a"})
def multiply(a: Any, b: Any) -> Any:
    """a * b, elementwise: the gate that swaps its inputs' values in the backward pass."""


multiply.vjp(lambda F, g, y, a, b: g * b, lambda F, g, y, a, b: g * a)


@elementwise(direct="true_divide", saves={"a": "b", "b": "y b"})
def divide(a: Any, b: Any) -> Any:
    """a / b, elementwise; integers divide to floats."""


divide.vjp(lambda F, g, y, a, b: g / b, lambda F, g, y, a, b: -g * y / b)


@elementwise(direct="remainder", saves={"b": "a b"})
def remainder(a: Any, b: Any) -> Any:
    """a - b floor(a / b), elementwise, with the sign of b; the gradient is 1 for a and -floor(a / b) for b."""


remainder.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: -g * F.floor_divide(a, b))


@primitive(family="elementwise", differentiable=False, direct="floor_divide")
def floor_divide(a: Any, b: Any) -> Any:
    """floor(a / b), elementwise.  Carries no gradient."""


@primitive(family="elementwise", jvp="linear", direct="negative")
def negative(x: Any) -> Any:
    """-x, elementwise.  Raises DTypeError for a bool array, as NumPy does."""


@negative.vjp
def _(F, g, y, x):
    return -g


@negative.check
def _(x):
    if x.dtype.kind == "b":
        raise DTypeError("negative: the argument is bool; use logical_not, or convert it with astype('int64')")


@primitive(family="elementwise", jvp="linear", direct="positive")
def positive(x: Any) -> Any:
    """+x, elementwise: a copy."""


@positive.vjp
def _(F, g, y, x):
    return g


@elementwise(direct="absolute", saves="x")
def absolute(x: Any) -> Any:
    """|x|, elementwise; the gradient is sign(x), so 0 at 0."""


@absolute.vjp
def _(F, g, y, x):
    return g * F.sign(x)


@primitive(family="elementwise", differentiable=False, direct="sign")
def sign(x: Any) -> Any:
    """-1, 0 or 1 by the sign of x, elementwise; NaN stays NaN.  Carries no gradient: it is 0 wherever it exists."""


abs = absolute
mod = remainder
methods(abs=absolute)

__all__ = [
    "abs",
    "absolute",
    "add",
    "divide",
    "floor_divide",
    "mod",
    "multiply",
    "negative",
    "positive",
    "remainder",
    "sign",
    "subtract",
]
