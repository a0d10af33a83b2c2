"""Trigonometric and hyperbolic functions and their inverses, elementwise: x (...) -> (...), angles in radians.

dtypes: integers become floats, as in NumPy.  Outside its domain a function gives NaN, with NumPy's warning.
"""

from typing import Any

from ..core.primitive import elementwise
from ..core.tensor import methods


@elementwise(direct="sin", saves="x")
def sin(x: Any) -> Any:
    """sin(x), elementwise."""


@sin.vjp
def _(F, g, y, x):
    return g * F.cos(x)


@elementwise(direct="cos", saves="x")
def cos(x: Any) -> Any:
    """cos(x), elementwise."""


@cos.vjp
def _(F, g, y, x):
    return -g * F.sin(x)


@elementwise(direct="tan", saves="y")
def tan(x: Any) -> Any:
    """tan(x), elementwise."""


@tan.vjp
def _(F, g, y, x):
    return g + g * y * y


@elementwise(direct="arcsin", saves="x")
def arcsin(x: Any) -> Any:
    """Inverse sine on [-1, 1], elementwise; its gradient is infinite at the ends."""


@arcsin.vjp
def _(F, g, y, x):
    return g / F.sqrt(1 - x * x)


@elementwise(direct="arccos", saves="x")
def arccos(x: Any) -> Any:
    """Inverse cosine on [-1, 1], elementwise; its gradient is infinite at the ends."""


@arccos.vjp
def _(F, g, y, x):
    return -g / F.sqrt(1 - x * x)


@elementwise(direct="arctan", saves="x")
def arctan(x: Any) -> Any:
    """Inverse tangent, elementwise."""


@arctan.vjp
def _(F, g, y, x):
    return g / (x * x + 1)


@elementwise(direct="arctan2", saves="a b")
def arctan2(a: Any, b: Any) -> Any:
    """The angle of the point (b, a), elementwise, in [-pi, pi]; its gradient is NaN at the origin."""


def _arctan2_leg(F: Any, g: Any, a: Any, b: Any, leg: Any) -> Any:
    r = F.hypot(a, b)  # its square overflows early in float16
    return g * (leg / r / r)


arctan2.vjp(lambda F, g, y, a, b: _arctan2_leg(F, g, a, b, b), lambda F, g, y, a, b: _arctan2_leg(F, -g, a, b, a))


@elementwise(direct="sinh", saves="x")
def sinh(x: Any) -> Any:
    """Hyperbolic sine, elementwise."""


@sinh.vjp
def _(F, g, y, x):
    return g * F.cosh(x)


@elementwise(direct="cosh", saves="x")
def cosh(x: Any) -> Any:
    """Hyperbolic cosine, elementwise."""


@cosh.vjp
def _(F, g, y, x):
    return g * F.sinh(x)


@elementwise(direct="tanh", saves="y", cuda="elementwise.tanh")
def tanh(x: Any) -> Any:
    """Hyperbolic tangent, elementwise."""


@tanh.vjp
def _(F, g, y, x):
    return F.tanh_grad(g, y)


@elementwise(saves={"g": "y", "y": "g y"}, cuda="elementwise.tanh_grad")
def tanh_grad(xp: Any, g: Any, y: Any) -> Any:
    """g (1 - y^2)."""
    return g - g * y * y


tanh_grad.vjp(lambda F, h, out, g, y: F.tanh_grad(h, y), lambda F, h, out, g, y: h * g * y * -2)


@elementwise(direct="arcsinh", saves="x")
def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine, elementwise."""


@arcsinh.vjp
def _(F, g, y, x):
    return g / F.hypot(x, 1)


@elementwise(direct="arccosh", saves="x")
def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine for x >= 1, elementwise; its gradient is infinite at 1."""


@arccosh.vjp
def _(F, g, y, x):
    return g / (F.sqrt(x - 1) * F.sqrt(x + 1))


@elementwise(direct="arctanh", saves="x")
def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent on (-1, 1), elementwise."""


@arctanh.vjp
def _(F, g, y, x):
    return g / (1 - x * x)


methods(sin=sin, cos=cos, tanh=tanh)

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
]
