"""Determinants: of square matrices (..., n, n), a number each (...).

dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
Each raises ShapeError for what is no square matrix.
"""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from .linalg_errors import explained, floats
from .linalg_parts import batches_itself, mt, product, scalar, total
from .linalg_solve import SINGULAR


@explained("has no determinant")
@primitive(saves="a", widen=True)
def det(xp: Any, a: Any) -> Any:
    """The determinant of square matrices (..., n, n) -> (...).

    The gradient is the matrix of cofactors, det(a) a^-T, right also where a is singular.  Higher derivatives need the
    inverse, and raise LinAlgError there.  Source: Giles 2008, 2.2.4; Jacobi's formula.
    """
    return xp.linalg.det(floats(a))


@det.vjp
def _(F, g, y, a):
    return scalar(F, g) * F.cofactors(a)


@det.jvp
def _(F, t, y, a):
    return total(F, F.cofactors(a) * t)


@explained(SINGULAR)
@primitive(saves="y a", widen=True)
def cofactors(xp: Any, a: Any) -> Any:
    """det(a) a^-T, the derivative of det; by singular values where a matrix is singular."""
    d = xp.linalg.det(a)
    if not bool((abs(d) < np.finfo(d.dtype).tiny).any()):
        return d[..., None, None] * xp.linalg.inv(a).swapaxes(-1, -2)
    u, s, vh = xp.linalg.svd(a)
    one = xp.ones_like(s[..., :1])
    below = xp.cumprod(xp.concatenate([one, s[..., :-1]], axis=-1), axis=-1)
    above = xp.cumprod(xp.concatenate([one, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    sign = xp.linalg.det(u) * xp.linalg.det(vh)
    return (u * (sign[..., None] * below * above)[..., None, :]) @ vh


@cofactors.vjp
def _(F, g, y, a):
    return _second_derivative(F, g, y, a)


@cofactors.jvp
def _(F, t, y, a):
    return _second_derivative(F, t, y, a)


def _second_derivative(F: Any, h: Any, y: Any, a: Any) -> Any:
    """That of det, applied to h: symmetric, so the same in both modes."""
    m = mt(F, F.inv(a))
    return scalar(F, total(F, m * h)) * y - product(F, y, mt(F, h), m)


@explained("has no determinant")
@primitive(saves="a", widen=True, several=True)
def slogdet(xp: Any, a: Any) -> tuple[Any, Any]:
    """(sign, log |det|) of square matrices (..., n, n), each (...): without overflow where det would.

    The gradient of the logarithm is a^-T and the sign has none.  Of a singular matrix they are 0 and -inf; its gradient
    does not exist, and asking for it raises LinAlgError.  Source: Giles 2008, 2.2.4.
    """
    sign, logarithm = xp.linalg.slogdet(floats(a))
    return sign, logarithm


@slogdet.vjp_all
def _(F, g, y, a):
    return (None if g[1] is None else scalar(F, g[1]) * mt(F, F.inv(a)),)


@slogdet.jvp
def _(F, t, y, a):
    return None, total(F, mt(F, F.inv(a)) * t)


for _op in (det, cofactors, slogdet):
    batches_itself(_op)

__all__ = ["det", "slogdet"]
