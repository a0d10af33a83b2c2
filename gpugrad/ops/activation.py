"""Activations that are straight lines or exponentials, elementwise: x (...) -> (...), x's dtype.

2-byte floats are computed in float32 and rounded once.  The gradient of each is a primitive of its own, with rules of
its own, so that it can be one kernel and still be differentiated again.
"""

from typing import Any

import numpy as np

from ..core.primitive import elementwise, primitive
from ..core.tensor import methods
from ..errors import ArgumentError
from .select import either, select

_ZERO: Any = False if np.__version__.startswith("2.0.") else 0  # NumPy 2.0 makes float32 of bfloat16 beside an int
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@elementwise(saves="y", cuda="elementwise.relu")
def relu(xp: Any, x: Any) -> Any:
    """max(x, 0), elementwise; the gradient at 0 is 0.  Source: Murphy, Probabilistic Machine Learning, 13.3.3.2."""
    return xp.maximum(x, _ZERO)


@relu.vjp
def _(F, g, y, x):
    return F.relu_grad(g, y)


@primitive(family="elementwise", jvp="linear", nondiff="y", saves="y", cuda="elementwise.relu_grad")
def relu_grad(xp: Any, g: Any, y: Any) -> Any:
    """g where y > 0, else exactly 0."""
    return select(g, y > 0)


relu_grad.vjp(lambda F, h, out, g, y: F.relu_grad(h, y))


@elementwise(saves="x", widen=True, cuda="elementwise.leaky_relu")
def leaky_relu_(xp: Any, x: Any, *, negative_slope: float) -> Any:
    """x for x > 0, else negative_slope x."""
    return (xp.maximum if negative_slope <= 1 else xp.minimum)(x, x * negative_slope)


@leaky_relu_.vjp
def _(F, g, y, x, *, negative_slope):
    return F.leaky_relu_grad(g, x, negative_slope=negative_slope)


@primitive(family="elementwise", jvp="linear", nondiff="x", saves="x", widen=True, cuda="elementwise.leaky_relu_grad")
def leaky_relu_grad(xp: Any, g: Any, x: Any, *, negative_slope: float) -> Any:
    """g where x > 0, else negative_slope g."""
    return either(xp, x > 0, g, g * negative_slope)


leaky_relu_grad.vjp(lambda F, h, out, g, x, *, negative_slope: F.leaky_relu_grad(h, x, negative_slope=negative_slope))


@elementwise(saves="y", widen=True, cuda="elementwise.elu")
def elu_(xp: Any, x: Any, *, alpha: float, scale: float) -> Any:
    """scale x for x > 0, else scale alpha (e^x - 1)."""
    y = xp.expm1(xp.minimum(x, 0)) * alpha + xp.maximum(x, 0)
    return y if scale == 1 else y * scale


@elu_.vjp
def _(F, g, y, x, *, alpha, scale):
    return F.elu_grad(g, y, alpha=alpha, scale=scale)


@elementwise(saves={"g": "y", "y": "g y"}, widen=True, cuda="elementwise.elu_grad")
def elu_grad(xp: Any, g: Any, y: Any, *, alpha: float, scale: float) -> Any:
    """scale g where y > 0, else (y + scale alpha) g."""
    return g * either(xp, y > 0, scale, y + scale * alpha)


elu_grad.vjp(
    lambda F, h, out, g, y, *, alpha, scale: F.elu_grad(h, y, alpha=alpha, scale=scale),
    lambda F, h, out, g, y, *, alpha, scale: F.masked(h * g, y <= 0),
)


@elementwise(saves="y", widen=True, cuda="elementwise.hardtanh")
def hardtanh_(xp: Any, x: Any, *, min_val: float, max_val: float) -> Any:
    """x held between min_val and max_val."""
    return xp.minimum(xp.maximum(x, min_val), max_val)


@hardtanh_.vjp
def _(F, g, y, x, *, min_val, max_val):
    return F.hardtanh_grad(g, y, min_val=min_val, max_val=max_val)


@primitive(family="elementwise", jvp="linear", nondiff="y", saves="y", cuda="elementwise.hardtanh_grad")
def hardtanh_grad(xp: Any, g: Any, y: Any, *, min_val: float, max_val: float) -> Any:
    """g where y lies between the limits as y's dtype rounds them, else exactly 0."""
    kind = y.dtype.type
    return select(g, xp.logical_and(y > kind(min_val), y < kind(max_val)))


hardtanh_grad.vjp(lambda F, h, out, g, y, **limits: F.hardtanh_grad(h, y, **limits))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x for x > 0, else negative_slope x, elementwise; the gradient at 0 is negative_slope, as in PyTorch."""
    return leaky_relu_(x, negative_slope=negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, else alpha (e^x - 1), elementwise; the gradient at 0 is alpha.  Raises ArgumentError for alpha < 0.

    Source: Clevert, Unterthiner, Hochreiter, ELU, 2015.
    """
    if alpha < 0:
        raise ArgumentError(f"elu: alpha is {alpha}; expected 0 or more")
    return elu_(x, alpha=alpha, scale=1.0)


def selu(x: Any) -> Any:
    """1.0507 elu(x, alpha=1.6733), elementwise, which keeps mean 0 and variance 1 from layer to layer.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, Self-Normalizing Neural Networks, 2017.
    """
    return elu_(x, alpha=_SELU_ALPHA, scale=_SELU_SCALE)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x held between min_val and max_val, elementwise; the gradient at both is 0, as in PyTorch (that of clip is 1)."""
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val is {min_val}, above max_val {max_val}; expected it below")
    return hardtanh_(x, min_val=min_val, max_val=max_val)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6), elementwise; the gradient at 0 and 6 is 0."""
    return hardtanh(x, 0.0, 6.0)


methods(relu=relu)

__all__ = [
    "elu",
    "elu_grad",
    "hardtanh",
    "hardtanh_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "relu",
    "relu6",
    "relu_grad",
    "selu",
]
