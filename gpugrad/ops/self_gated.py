"""Activations that multiply x by a gate of itself, elementwise: x (...) -> (...), x's dtype.

2-byte floats are computed in float32 and rounded once.  Each keeps x, and its gradient is a primitive of its own.
"""

import math
from typing import Any

from ..core.primitive import elementwise
from ..errors import ArgumentError
from .sigmoid import logistic
from .special import erf_array

_HALF_ROOT = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_TANH_SCALE, _CUBIC = math.sqrt(2 / math.pi), 0.044715


@elementwise(saves="x", widen=True, cuda="elementwise.gelu")
def gelu_(xp: Any, x: Any, *, approximate: str) -> Any:
    """x Phi(x), with the normal distribution function Phi or its approximation by tanh."""
    return x * _gelu_gate(xp, x, approximate)


def _gelu_gate(xp: Any, x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return xp.tanh(x * (x * x * (_TANH_SCALE * _CUBIC) + _TANH_SCALE)) * 0.5 + 0.5
    return erf_array(xp, x * _HALF_ROOT) * 0.5 + 0.5


@gelu_.vjp
def _(F, g, y, x, *, approximate):
    return F.gelu_grad(g, x, approximate=approximate)


@elementwise(saves={"g": "x", "x": "g x"}, widen=True, cuda="elementwise.gelu_grad")
def gelu_grad(xp: Any, g: Any, x: Any, *, approximate: str) -> Any:
    """g times the first derivative of gelu at x."""
    gate = _gelu_gate(xp, x, approximate)
    if approximate == "tanh":  # gate (1 - gate) = (1 - tanh^2) / 4
        return g * (gate + 2 * x * gate * (1 - gate) * (x * x * (3 * _TANH_SCALE * _CUBIC) + _TANH_SCALE))
    return g * (gate + x * xp.exp(x * x * -0.5) * _DENSITY)


def _gelu_second(F: Any, x: Any, approximate: str) -> Any:
    square = x * x
    if approximate != "tanh":
        return F.exp(square * -0.5) * (2 - square) * _DENSITY
    tanh = F.tanh(x * (square * (_TANH_SCALE * _CUBIC) + _TANH_SCALE))
    slope = square * (3 * _TANH_SCALE * _CUBIC) + _TANH_SCALE
    return (1 - tanh * tanh) * (slope + square * (3 * _TANH_SCALE * _CUBIC) - x * tanh * slope * slope)


gelu_grad.vjp(
    lambda F, h, out, g, x, *, approximate: F.gelu_grad(h, x, approximate=approximate),
    lambda F, h, out, g, x, *, approximate: h * g * _gelu_second(F, x, approximate),
)


@elementwise(saves="x", widen=True, cuda="elementwise.silu")
def silu(xp: Any, x: Any) -> Any:
    """x sigmoid(x), elementwise, also called swish.  Source: Hendrycks and Gimpel, 2016; Elfwing and others, 2017."""
    return x * logistic(xp, x)


@silu.vjp
def _(F, g, y, x):
    return F.silu_grad(g, x)


@elementwise(saves={"g": "x", "x": "g x"}, widen=True, cuda="elementwise.silu_grad")
def silu_grad(xp: Any, g: Any, x: Any) -> Any:
    """g s (1 + x (1 - s)) with s = sigmoid(x)."""
    s = logistic(xp, x)
    return g * (s + x * s * (1 - s))


def _silu_second(F: Any, x: Any) -> Any:
    s = F.sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


silu_grad.vjp(lambda F, h, out, g, x: F.silu_grad(h, x), lambda F, h, out, g, x: h * g * _silu_second(F, x))


@elementwise(saves="x", widen=True, cuda="elementwise.mish")
def mish(xp: Any, x: Any) -> Any:
    """x tanh(softplus(x)), elementwise.  Source: Misra, Mish, 2019."""
    e = xp.exp(xp.minimum(x, 20))  # tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2), and 1 to rounding above
    n = e * (e + 2)
    return x * (n / (n + 2))


@mish.vjp
def _(F, g, y, x):
    return F.mish_grad(g, x)


@elementwise(saves={"g": "x", "x": "g x"}, widen=True, cuda="elementwise.mish_grad")
def mish_grad(xp: Any, g: Any, x: Any) -> Any:
    """g (w + x w') with w = tanh(softplus(x))."""
    e = xp.exp(xp.minimum(x, 20))
    n = e * (e + 2)
    return g * (n / (n + 2) + x * (4 * e * (e + 1)) / ((n + 2) * (n + 2)))


def _mish_second(F: Any, x: Any) -> Any:
    s, w = F.sigmoid(x), F.tanh(F.softplus(x, beta=1.0))
    return s * (1 - w * w) * (2 + x * (1 - s - 2 * s * w))


mish_grad.vjp(lambda F, h, out, g, x: F.mish_grad(h, x), lambda F, h, out, g, x: h * g * _mish_second(F, x))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Phi(x), elementwise, Phi the normal distribution function; approximate="tanh" takes
    x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) instead.  Raises ArgumentError for another `approximate`.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate is {approximate!r}; expected 'none' or 'tanh'")
    return gelu_(x, approximate=approximate)


__all__ = ["gelu", "gelu_grad", "mish", "mish_grad", "silu", "silu_grad"]
