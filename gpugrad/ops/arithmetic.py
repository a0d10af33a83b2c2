"""Arithmetic of two arrays, elementwise with broadcasting, and of one.

Shapes: a (...), b (...) -> y, the broadcast shape.  dtypes: NumPy's promotion; Python numbers are weak.
"""

from typing import Any

from ..core.primitive import elementwise, primitive


@primitive(family="elementwise", jvp="linear", direct="add")
def add(a: Any, b: Any) -> Any:
    """a + b, elementwise."""


add.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: g)


@add.jvp
def _(F, ta, tb, y, a, b):
    return tb if ta is None else ta if tb is None else F.add(ta, tb)


@primitive(family="elementwise", jvp="linear", direct="subtract")
def subtract(a: Any, b: Any) -> Any:
    """a - b, elementwise."""


subtract.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: -g)


@subtract.jvp
def _(F, ta, tb, y, a, b):
    return F.negative(tb) if ta is None else ta if tb is None else F.subtract(ta, tb)


@elementwise(direct="multiply", saves={"a": "b", "b": "a"})
def multiply(a: Any, b: Any) -> Any:
    """a * b, elementwise: the gate that swaps its inputs' values in the backward pass."""


multiply.vjp(lambda F, g, y, a, b: g * b, lambda F, g, y, a, b: g * a)


@elementwise(direct="true_divide", saves={"a": "b", "b": "y b"})
def divide(a: Any, b: Any) -> Any:
    """a / b, elementwise; integers divide to floats."""


divide.vjp(lambda F, g, y, a, b: g / b, lambda F, g, y, a, b: -g * y / b)


@primitive(family="elementwise", jvp="linear", direct="negative")
def negative(x: Any) -> Any:
    """-x, elementwise."""


@negative.vjp
def _(F, g, y, x):
    return -g

__all__ = ["add", "divide", "multiply", "negative", "subtract"]
