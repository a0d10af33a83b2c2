"""Cholesky's factor of symmetric positive definite matrices.

dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
"""

from typing import Any

from ..core.primitive import primitive
from ..core.transform import as_value
from .linalg_errors import explained, floats, require_matrix
from .linalg_parts import batches_itself, mt, symmetric
from .shape import transpose_


@explained("is not positive definite; add a small multiple of the identity")
@primitive(saves="y", widen=True)
def cholesky_(xp: Any, a: Any) -> Any:
    """The lower triangle l with a = l l^T."""
    return xp.linalg.cholesky(floats(a))


@cholesky_.vjp
def _(F, g, y, a):
    p = F.triangle(F.matmul(mt(F, y), g), upper=False, diagonal=0.5)
    return symmetric(F, _congruent(F, mt(F, y), p, lower=False))


@cholesky_.jvp
def _(F, t, y, a):
    return F.matmul(y, F.triangle(_congruent(F, y, symmetric(F, t), lower=True), upper=False, diagonal=0.5))


def _congruent(F: Any, a: Any, x: Any, lower: bool) -> Any:
    """a^-1 x a^-T for a triangle a."""
    left = F.solve_triangular(a, x, lower=lower)
    return mt(F, F.solve_triangular(a, mt(F, left), lower=lower))


batches_itself(cholesky_)


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The lower triangle l with a = l l^T, or the upper one u = l^T with a = u^T u, of positive definite a (..., n, n).

    Only that triangle of a is read, and a is taken to be symmetric: the gradient is, and of a tangent only the
    symmetric part counts.  LinAlgError where a is not positive definite; there is no derivative at its edge either.
    Source: Murray, Differentiation of the Cholesky decomposition, 2016, equations 8 and 9.
    """
    a = as_value(a)
    if not upper:
        return cholesky_(a)
    require_matrix("cholesky", a, square=True)
    axes = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
    return transpose_(cholesky_(transpose_(a, axes=axes)), axes=axes)


__all__ = ["cholesky"]
