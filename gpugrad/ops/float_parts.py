"""Signs, remainders and scalings of floating numbers, elementwise with broadcasting.

Shapes: a (...), b (...) -> y, the broadcast shape.  dtypes: NumPy's; integers become floats where NumPy makes them so.
"""

import functools
import math
from typing import Any

import numpy as np

from ..core.primitive import elementwise, primitive


@elementwise(direct="copysign", saves="a b")
def copysign(a: Any, b: Any) -> Any:
    """|a| with the sign of b, elementwise; the gradient is 0 for b, and for a where a is 0."""


copysign.vjp(lambda F, g, y, a, b: g * F.sign(a) * F.copysign(F.ones_like(g), b), lambda F, g, y, a, b: g * 0)


@elementwise(direct="fmod", saves={"b": "a b"})
def fmod(a: Any, b: Any) -> Any:
    """a - b trunc(a / b), elementwise, with the sign of a; the gradient is 1 for a and -trunc(a / b) for b."""


fmod.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: -g * F.trunc(a / b))


@elementwise(direct="fmax", saves="a b")
def fmax(a: Any, b: Any) -> Any:
    """The larger of a and b, elementwise; a number wins over NaN.  Equals get half of the gradient each."""


@elementwise(direct="fmin", saves="a b")
def fmin(a: Any, b: Any) -> Any:
    """The smaller of a and b, elementwise; a number wins over NaN.  Equals get half of the gradient each."""


def _won(F: Any, g: Any, wins: Any, loser: Any, ties: Any) -> Any:
    return F.where(ties, 0.5 * g, F.masked(g, F.logical_or(wins, F.isnan(loser))))


fmax.vjp(
    lambda F, g, y, a, b: _won(F, g, a > b, b, a == b),
    lambda F, g, y, a, b: _won(F, g, b > a, a, a == b),
)
fmin.vjp(
    lambda F, g, y, a, b: _won(F, g, a < b, b, a == b),
    lambda F, g, y, a, b: _won(F, g, b < a, a, a == b),
)


@elementwise(direct="logaddexp2", saves="a b")
def logaddexp2(a: Any, b: Any) -> Any:
    """log2(2^a + 2^b), elementwise, without overflow."""


logaddexp2.vjp(lambda F, g, y, a, b: g * _share2(F, a, b), lambda F, g, y, a, b: g * _share2(F, b, a))


def _share2(F: Any, a: Any, b: Any) -> Any:
    return F.exp_share(a * math.log(2), b * math.log(2))


@primitive(family="elementwise", jvp="linear")
def deg2rad(xp: Any, x: Any) -> Any:
    """x pi / 180, elementwise: degrees as radians."""
    return x * _ratio(x, math.pi, 180) if _is_wide(x) else xp.deg2rad(x)


@primitive(family="elementwise", jvp="linear")
def rad2deg(xp: Any, x: Any) -> Any:
    """180 x / pi, elementwise: radians as degrees."""
    return x * _ratio(x, 180, math.pi) if _is_wide(x) else xp.rad2deg(x)


def _is_wide(x: Any) -> bool:
    return getattr(x, "dtype", np.dtype(int)) in (np.float32, np.float64)


def _ratio(x: Any, a: float, b: float) -> Any:
    """a / b as NumPy's loops take it, in x's dtype: the same bits, and a product of arrays is 10 times as fast."""
    kind = x.dtype.type
    return kind(a) / kind(b)


deg2rad.vjp(lambda F, g, y, x: F.deg2rad(g))
rad2deg.vjp(lambda F, g, y, x: F.rad2deg(g))


@elementwise(nondiff="n", saves="n", widen=True)
def ldexp(xp: Any, x: Any, n: Any) -> Any:
    """x 2^n, elementwise, for integers n, which carry no gradient."""
    return xp.ldexp(x, n)


ldexp.vjp(lambda F, g, y, x, n: F.ldexp(g, n))


@ldexp.jvp
def _(F, t, t_n, y, x, n):
    return F.ldexp(t, n)


@primitive(family="elementwise", differentiable=False)
def exponent(xp: Any, x: Any) -> Any:
    """The integer n with x = m 2^n and 1/2 <= |m| < 1, elementwise; 0 for 0 and for what is not finite."""
    return xp.frexp(x)[1]


@elementwise(saves="x", widen=True)
def sinc(xp: Any, x: Any) -> Any:
    """sin(pi x) / (pi x), elementwise, and 1 at 0."""
    return xp.sinc(x)


@sinc.vjp
def _(F, g, y, x):
    return g * F.sinc_slope(x, n=1)


@elementwise(saves="x", widen=True)
def sinc_slope(xp: Any, x: Any, *, n: int) -> Any:
    """The n-th derivative of sinc, elementwise.

    With z = pi x it is pi^n f_n(z), where f_n is the integral of t^n cos(t z + n pi/2) over t from 0 to 1: taken by
    Gauss's rule for small z, and by z f_n = sin(z + n pi/2) - n f_(n-1) for large z, where that is stable.
    """
    z = math.pi * (x if x.dtype.kind == "f" else x.astype(np.float64))
    large = abs(z) > n + 8
    away = xp.where(large, z, 1)
    f = xp.sin(away) / away
    for k in range(1, n + 1):
        f = (xp.sin(away + k * (math.pi / 2)) - k * f) / away
    near, total = xp.where(large, 0, z), 0.0
    for t, weight in _gauss():
        total = total + (weight * t**n) * xp.cos(t * near + n * (math.pi / 2))
    return xp.where(large, f, total) * math.pi**n


@sinc_slope.vjp
def _(F, g, y, x, *, n):
    return g * F.sinc_slope(x, n=n + 1)


@functools.cache
def _gauss() -> list[tuple[float, float]]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    return [(float(t), float(w)) for t, w in zip((nodes + 1) / 2, weights / 2, strict=True)]


@primitive(family="elementwise", differentiable=False, direct="signbit")
def signbit(x: Any) -> Any:
    """True where the sign bit is set, elementwise: for negative x and -0."""


@primitive(family="elementwise", differentiable=False, direct="heaviside")
def heaviside(a: Any, b: Any) -> Any:
    """0 where a < 0, 1 where a > 0, and b where a is 0, elementwise.  Carries no gradient."""


@primitive(family="elementwise", differentiable=False, direct="nextafter")
def nextafter(a: Any, b: Any) -> Any:
    """The next floating number after a towards b, elementwise.  Carries no gradient."""


@primitive(family="elementwise", differentiable=False)
def spacing(xp: Any, x: Any) -> Any:
    """The distance from x to the next floating number, elementwise.  Carries no gradient."""
    if hasattr(xp, "spacing"):
        return xp.spacing(x)
    return xp.nextafter(x, xp.copysign(xp.inf, x)) - x  # CuPy; infinite at the largest number


def frexp(x: Any) -> tuple[Any, Any]:
    """(m, n) with x = m 2^n and 1/2 <= |m| < 1, elementwise; the gradient of m is 2^-n."""
    n = exponent(x)
    return ldexp(x, -n), n


__all__ = [
    "copysign",
    "deg2rad",
    "exponent",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "heaviside",
    "ldexp",
    "logaddexp2",
    "nextafter",
    "rad2deg",
    "signbit",
    "sinc",
    "sinc_slope",
    "spacing",
]
