"""Exponentials and logarithms, elementwise: x (...) -> (...); integers become floats, as in NumPy."""

import math
from typing import Any

import numpy as np

from ..core.primitive import elementwise
from ..core.tensor import methods

_LOG2, _LOG10 = math.log(2.0), math.log(10.0)


@elementwise(direct="exp", saves="y")
def exp(x: Any) -> Any:
    """e^x, elementwise."""


@exp.vjp
def _(F, g, y, x):
    return g * y


@elementwise(direct="exp2", saves="y")
def exp2(x: Any) -> Any:
    """2^x, elementwise."""


@exp2.vjp
def _(F, g, y, x):
    return g * y * _LOG2


@elementwise(direct="expm1", saves="y")
def expm1(x: Any) -> Any:
    """e^x - 1, elementwise, exact near 0."""


@expm1.vjp
def _(F, g, y, x):
    return g * y + g


@elementwise(direct="log", saves="x")
def log(x: Any) -> Any:
    """Natural logarithm, elementwise: -inf at 0 and NaN below, with NumPy's warnings."""


@log.vjp
def _(F, g, y, x):
    return g / x


@elementwise(direct="log2", saves="x")
def log2(x: Any) -> Any:
    """Logarithm to base 2, elementwise."""


@log2.vjp
def _(F, g, y, x):
    return g / (x * _LOG2)


@elementwise(direct="log10", saves="x")
def log10(x: Any) -> Any:
    """Logarithm to base 10, elementwise."""


@log10.vjp
def _(F, g, y, x):
    return g / (x * _LOG10)


@elementwise(direct="log1p", saves="x")
def log1p(x: Any) -> Any:
    """log(1 + x), elementwise, exact near 0."""


@log1p.vjp
def _(F, g, y, x):
    return g / (x + 1)


@elementwise(direct="logaddexp", saves="a b")
def logaddexp(a: Any, b: Any) -> Any:
    """log(e^a + e^b), elementwise, without overflow; the gradient is 0 where both are -inf, as is that of logsumexp."""


logaddexp.vjp(lambda F, g, y, a, b: g * F.exp_share(a, b), lambda F, g, y, a, b: g * F.exp_share(b, a))


@elementwise(saves="y", widen=True)
def exp_share(xp: Any, a: Any, b: Any) -> Any:
    """e^a / (e^a + e^b), elementwise: 1/2 where both are inf, 0 where both are -inf."""
    largest = float(np.finfo(xp.result_type(a, b)).max)
    m = xp.maximum(xp.minimum(xp.maximum(a, b), largest), -largest)
    ea, eb = xp.exp(xp.minimum(a - m, 0)), xp.exp(xp.minimum(b - m, 0))
    return ea / xp.maximum(ea + eb, 1)


exp_share.vjp(lambda F, g, y, a, b: F.sigmoid_grad(g, y), lambda F, g, y, a, b: -F.sigmoid_grad(g, y))

methods(exp=exp, log=log)

__all__ = ["exp", "exp2", "exp_share", "expm1", "log", "log1p", "log2", "log10", "logaddexp"]
