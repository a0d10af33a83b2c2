"""The logistic sigmoid and its kin softplus and log-sigmoid, elementwise: x (...) -> (...), x's dtype.

Each is stable for x of any size, and right to rounding in both tails.  2-byte floats are computed in float32 and
rounded once.  All keep only their output for the gradient.
"""

from typing import Any

import numpy as np

from ..core.primitive import elementwise
from ..core.tensor import methods
from ..errors import ArgumentError


def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + e^-x) of a raw array; e^-x may overflow to inf, which gives the right 0."""
    with np.errstate(over="ignore"):
        return 1 / (xp.exp(-x) + 1)


@elementwise(saves="y", widen=True, cuda="elementwise.sigmoid")
def sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + e^-x), elementwise."""
    return logistic(xp, x)


@sigmoid.vjp
def _(F, g, y, x):
    return F.sigmoid_grad(g, y)


@elementwise(saves={"g": "y", "y": "g y"}, widen=True, cuda="elementwise.sigmoid_grad")
def sigmoid_grad(xp: Any, g: Any, y: Any) -> Any:
    """g y (1 - y)."""
    gy = g * y
    return gy - gy * y


def _sigmoid_grad_y(F: Any, h: Any, out: Any, g: Any, y: Any) -> Any:
    hg = h * g
    return hg - (hg + hg) * y


sigmoid_grad.vjp(lambda F, h, out, g, y: F.sigmoid_grad(h, y), _sigmoid_grad_y)


@elementwise(saves="y", widen=True, cuda="elementwise.softplus")
def softplus_(xp: Any, x: Any, *, beta: float) -> Any:
    """log(1 + e^(beta x)) / beta."""
    z = x if beta == 1 else x * beta
    y = xp.maximum(z, 0) + xp.log1p(xp.exp(-abs(z)))
    return y if beta == 1 else y / beta


@softplus_.vjp
def _(F, g, y, x, *, beta):
    return F.softplus_grad(g, y, beta=beta)


@elementwise(saves={"g": "y", "y": "g y"}, widen=True, cuda="elementwise.softplus_grad")
def softplus_grad(xp: Any, g: Any, y: Any, *, beta: float) -> Any:
    """g (1 - e^(-beta y)): g times the sigmoid of beta x."""
    return -g * xp.expm1(-y if beta == 1 else y if beta == -1 else y * -beta)


softplus_grad.vjp(
    lambda F, h, out, g, y, *, beta: F.softplus_grad(h, y, beta=beta),
    lambda F, h, out, g, y, *, beta: h * g * (F.exp(y * -beta) * beta),
)


@elementwise(saves="y", widen=True, cuda="elementwise.log_sigmoid")
def log_sigmoid(xp: Any, x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x), elementwise."""
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-abs(x)))


@log_sigmoid.vjp
def _(F, g, y, x):
    return F.softplus_grad(g, y, beta=-1.0)  # it is softplus(x, beta=-1)


def softplus(x: Any, beta: float = 1.0) -> Any:
    """log(1 + e^(beta x)) / beta, elementwise: relu made smooth.  Raises ArgumentError for beta <= 0."""
    if not beta > 0:
        raise ArgumentError(f"softplus: beta is {beta}; expected a positive number")
    return softplus_(x, beta=beta)


methods(sigmoid=sigmoid)

__all__ = ["log_sigmoid", "sigmoid", "sigmoid_grad", "softplus", "softplus_grad"]
