"""The pseudo-inverse and the rank, by singular values.

Shapes: a (..., m, n), a batch of matrices.  dtypes: float32 and float64, integers as float64; float16 and bfloat16 are
computed in float32 and rounded once.  Each raises ShapeError for what is no matrix, LinAlgError where nothing
converges.  The derivatives hold where the rank does not change nearby, as it does where a has full rank.
Source: Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate, 1973, equation 4.12.
"""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError
from .linalg_errors import explained, floats, require_matrix
from .linalg_parts import batches_itself, mt, product, symmetric
from .reduce import any_
from .shape import astype


def singular_values(xp: Any, a: Any, hermitian: bool) -> Any:
    """Of a raw array; `hermitian` is a help that only NumPy takes."""
    symmetry = {"hermitian": hermitian} if xp is np else {}
    return xp.linalg.svd(floats(a), compute_uv=False, **symmetry)


@explained("has singular values that did not converge", square=False)
@primitive(saves="y a", widen=True)
def pinv_(xp: Any, a: Any, *, rcond: Any, hermitian: bool) -> Any:
    """The pseudo-inverse (..., n, m), singular values up to rcond times the largest taken as 0."""
    if 0 in a.shape[-2:]:
        return xp.empty((*a.shape[:-2], a.shape[-1], a.shape[-2]), dtype=floats(a).dtype)
    symmetry = {"hermitian": hermitian} if xp is np else {}
    u, s, vh = xp.linalg.svd(floats(a), full_matrices=False, **symmetry)
    large = s > xp.asarray(rcond)[..., None] * s.max(axis=-1, keepdims=True)
    inverse = xp.where(large, 1 / xp.where(large, s, 1), 0).astype(s.dtype)
    return xp.matmul(vh.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2))


@pinv_.vjp
def _(F, g, y, a, *, rcond, hermitian):
    yt, gt = mt(F, y), mt(F, g)
    left, right = product(F, gt, y, yt), product(F, yt, y, gt)
    ga = left - product(F, a, y, left) + right - product(F, right, y, a) - product(F, yt, g, yt)
    return symmetric(F, ga) if hermitian else ga


@pinv_.jvp
def _(F, t, y, a, *, rcond, hermitian):
    t = symmetric(F, t) if hermitian else t
    yt, tt = mt(F, y), mt(F, t)
    left, right = product(F, y, yt, tt), product(F, tt, yt, y)
    return left - product(F, left, a, y) + right - product(F, y, a, right) - product(F, y, t, y)


batches_itself(pinv_)


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = ...) -> Any:
    """The pseudo-inverse p (..., n, m) of a (..., m, n), of which a p a = a, p a p = p, and a p and p a are symmetric.

    Singular values up to rcond (rtol is its newer name; a number, or one for each matrix) times the largest count as 0.
    By default that is 1e-15, as in NumPy; rtol=None is max(m, n) eps.  hermitian: a is taken to be symmetric.
    The gradient is -p^T g p^T + (1 - a p) g^T p p^T + p^T p g^T (1 - p a).
    """
    a = as_value(a)
    if rtol is not ... and rcond is not None:
        raise ArgumentError("pinv: got rcond and rtol; expected one of them, rtol is the newer name")
    if rcond is None:
        rcond = 1e-15 if rtol is ... else rtol
    return pinv_(a, rcond=_epsilons("pinv", a) if rcond is None else rcond, hermitian=bool(hermitian))


def _epsilons(name: str, a: Any) -> float:
    """max(m, n) eps, what rounding makes of a singular value of 0 beside one of 1."""
    require_matrix(name, a)
    narrow = a.dtype.itemsize == 2 or a.dtype == np.float32
    return max(a.shape[-2:]) * float(np.finfo(np.float32 if narrow and a.dtype.kind in "fV" else np.float64).eps)


@explained("has singular values that did not converge", square=False)
@primitive(differentiable=False, widen=True)
def matrix_rank_(xp: Any, a: Any, *, tol: Any, rtol: Any, hermitian: bool) -> Any:
    """How many singular values are above tol, or above rtol times the largest."""
    s = singular_values(xp, a, hermitian)
    if tol is None:
        largest = s.max(axis=-1, keepdims=True) if s.shape[-1] else xp.zeros((*s.shape[:-1], 1), s.dtype)
        return xp.count_nonzero(s > largest * xp.asarray(rtol)[..., None], axis=-1)
    return xp.count_nonzero(s > xp.asarray(tol)[..., None], axis=-1)


batches_itself(matrix_rank_)


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """How many singular values of A (..., m, n) are above tol, or above rtol times the largest; rtol is max(m, n) eps.

    Of fewer than two axes: 1, or 0 where all is 0.  It carries no gradient.
    """
    a = as_value(A)
    if tol is not None and rtol is not None:
        raise ArgumentError("matrix_rank: got tol and rtol; expected one of them")
    if a.ndim < 2:
        return astype(any_(a, axis=tuple(range(a.ndim)), keepdims=False), "int64")
    rtol = _epsilons("matrix_rank", a) if rtol is None else rtol
    return matrix_rank_(a, tol=tol, rtol=rtol, hermitian=bool(hermitian))


__all__ = ["matrix_rank", "pinv"]
