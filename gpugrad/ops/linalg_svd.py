"""Singular values and singular vectors.

Shapes: a (..., m, n), k = min(m, n) -> u (..., m, k), s (..., k), descending, vh (..., k, n); full matrices are square,
(..., m, m) and (..., n, n).
dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
Each raises ShapeError for what is no matrix, LinAlgError where nothing converges.
With `hermitian`, a is taken to be symmetric: the gradient is, and of a tangent only the symmetric part counts.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from .linalg_basis import onto_first, with_complement
from .linalg_errors import explained, floats
from .linalg_parts import as_divisors, batches_itself, column, diag, diagonal_of, mt, row, skew, symmetric


@explained("has singular values that did not converge", square=False)
@primitive(saves="y", widen=True)
def svd_(xp: Any, a: Any, *, full_matrices: bool, hermitian: bool) -> tuple[Any, Any, Any]:
    """(u, s, vh) with a = u diag(s) vh."""
    symmetry = {"hermitian": hermitian} if xp is np else {}
    u, s, vh = xp.linalg.svd(floats(a), full_matrices=full_matrices, **symmetry)
    return u, s, vh


def _gaps(F: Any, s: Any) -> Any:
    """s_j^2 - s_i^2, as divisors."""
    i, j = column(F, s), row(F, s)
    return as_divisors(F, (j - i) * (j + i))


def _nonzero(F: Any, s: Any) -> Any:
    """s as a divisor of rows or columns; 0 becomes NaN, quietly."""
    return F.where(s == 0, math.nan, s)


@svd_.vjp_all
def _(F, g, y, a, *, full_matrices, hermitian):
    (gu, gs, gvh), (u, s, vh) = g, y
    k = s.shape[-1]
    u, gu = onto_first(F, "svd", u, gu, k)
    v, gv = onto_first(F, "svd", mt(F, vh), None if gvh is None else mt(F, gvh), k)
    inner, outer_u, outer_v = (None if gs is None else diag(F, gs)), None, None
    if gu is not None:
        p = F.matmul(mt(F, u), gu)
        inner = _plus(inner, skew(F, p) / _gaps(F, s) * row(F, s))
        outer_u = (gu - F.matmul(u, p)) / row(F, _nonzero(F, s)) if u.shape[-2] > k else None
    if gv is not None:
        p = F.matmul(mt(F, v), gv)
        inner = _plus(inner, column(F, s) * skew(F, p) / _gaps(F, s))
        outer_v = (gv - F.matmul(v, p)) / row(F, _nonzero(F, s)) if v.shape[-2] > k else None
    left = _plus(F.matmul(u, inner), outer_u)
    ga = _plus(F.matmul(left, mt(F, v)), None if outer_v is None else F.matmul(u, mt(F, outer_v)))
    return (symmetric(F, ga) if hermitian else ga,)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


@svd_.jvp
def _(F, t, y, a, *, full_matrices, hermitian):
    u, s, vh = y
    t, k = symmetric(F, t) if hermitian else t, s.shape[-1]
    u1, _ = onto_first(F, "svd", u, None, k)
    v = mt(F, vh)
    v1, _ = onto_first(F, "svd", v, None, k)
    tv = F.matmul(t, v1)
    p = F.matmul(mt(F, u1), tv)
    columns, rows = p * row(F, s), column(F, s) * p
    tu1 = F.matmul(u1, (columns + mt(F, columns)) / _gaps(F, s))
    tv1 = F.matmul(v1, (rows + mt(F, rows)) / _gaps(F, s))
    if u1.shape[-2] > k:
        tu1 = tu1 + (tv - F.matmul(u1, p)) / row(F, _nonzero(F, s))
    if v1.shape[-2] > k:
        tv1 = tv1 + (F.matmul(mt(F, t), u1) - F.matmul(v1, mt(F, p))) / row(F, _nonzero(F, s))
    return with_complement(F, u, tu1), diagonal_of(F, p), mt(F, with_complement(F, v, tv1))


@explained("has singular values that did not converge", square=False)
@primitive(saves="a", widen=True)
def svdvals_(xp: Any, a: Any, *, hermitian: bool) -> Any:
    """The singular values s alone."""
    symmetry = {"hermitian": hermitian} if xp is np else {}
    return xp.linalg.svd(floats(a), compute_uv=False, **symmetry)


@svdvals_.vjp
def _(F, g, y, a, *, hermitian):
    u, _, vh = F.svd(a, full_matrices=False, hermitian=hermitian)
    ga = F.matmul(u * row(F, g), vh)
    return symmetric(F, ga) if hermitian else ga


@svdvals_.jvp
def _(F, t, y, a, *, hermitian):
    u, _, vh = F.svd(a, full_matrices=False, hermitian=hermitian)
    t = symmetric(F, t) if hermitian else t
    return F.sum(u * F.matmul(t, mt(F, vh)), axis=(u.ndim - 2,), keepdims=False)


batches_itself(svd_)
batches_itself(svdvals_)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """(u, s, vh) with a = u diag(s) vh, with square u and vh where `full_matrices`; s alone without `compute_uv`.

    The gradient, with p = u^T gu, q = v^T gv and f_ij = 1 / (s_j^2 - s_i^2), 0 for i = j, is
    u ((f * (p - p^T)) diag(s) + diag(gs) + diag(s) (f * (q - q^T))) v^T + (1 - u u^T) gu diag(1/s) v^T
    + u diag(1/s) gv^T (1 - v v^T).  Through singular vectors it is NaN where two singular values are equal, and, of a
    matrix that is not square, where one is 0; through s alone it is finite (there a member of the subdifferential).
    The columns that `full_matrices` adds are any basis of what is left: a gradient through them exists for functions
    of their span, and is refused with GradientError for others.
    Source: Giles 2008, 3.2; Townsend, Differentiating the singular value decomposition, 2016.

    >>> u, s, vh = svd(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), full_matrices=False)
    >>> s
    array([3., 2.])
    """
    a = as_value(a)
    if not compute_uv:
        return svdvals_(a, hermitian=bool(hermitian))
    return svd_(a, full_matrices=bool(full_matrices), hermitian=bool(hermitian))


def svdvals(x: Any) -> Any:
    """The singular values of `svd` alone; their gradient u diag(g) v^T is finite also where some are equal or 0."""
    return svdvals_(as_value(x), hermitian=False)


__all__ = ["svd", "svdvals"]
