from ..core.primitive import elementwise
from typing import Any

@elementwise(direct="tanh", saves="y")
def tanh(x: Any) -> Any:
    """tanh(x), elementwise."""

@tanh.vjp
def _(F, g, y, x):
    return g * (1 - y * y)

@elementwise(direct="sin", saves="x")
def sin(x: Any) -> Any:
    """sin(x), elementwise, x in radians."""

@sin.vjp
def _(F, g, y, x):
    return g * F.cos(x)

@elementwise(direct="cos", saves="x")
def cos(x: Any) -> Any:
    """cos(x), elementwise, x in radians."""

@cos.vjp
def _(F, g, y, x):
    return -g * F.sin(x)

__all__ = ["cos", "sin", "tanh"]
