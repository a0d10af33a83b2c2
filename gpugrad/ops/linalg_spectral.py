"""Eigenvalues and eigenvectors of symmetric matrices.

Shapes: a (..., n, n) -> eigenvalues w (..., n), ascending, and eigenvectors as the columns of v (..., n, n).
dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
Only one triangle of a is read (uplo "L" or "U"), and a is taken to be symmetric: the gradient is, and of a tangent only
the symmetric part counts.  Each raises ShapeError for what is no square matrix, LinAlgError where nothing converges.
"""

from typing import Any

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError
from .linalg_errors import explained, floats
from .linalg_parts import as_divisors, batches_itself, column, diag, diagonal_of, mt, product, row, symmetric


@explained("has eigenvalues that did not converge")
@primitive(saves="y", widen=True)
def eigh_(xp: Any, a: Any, *, uplo: str) -> tuple[Any, Any]:
    """(w, v) with a = v diag(w) v^T."""
    w, v = xp.linalg.eigh(floats(a), UPLO=uplo)
    return w, v


def _gaps(F: Any, w: Any) -> Any:
    """w_j - w_i, as divisors."""
    return as_divisors(F, row(F, w) - column(F, w))


@eigh_.vjp_all
def _(F, g, y, a, *, uplo):
    (gw, gv), (w, v) = g, y
    inner = None if gw is None else diag(F, gw)
    if gv is not None:
        turn = F.matmul(mt(F, v), gv) / _gaps(F, w)
        inner = turn if inner is None else inner + turn
    return (symmetric(F, product(F, v, inner, mt(F, v))),)


@eigh_.jvp
def _(F, t, y, a, *, uplo):
    w, v = y
    p = product(F, mt(F, v), symmetric(F, t), v)
    return diagonal_of(F, p), F.matmul(v, p / _gaps(F, w))


@explained("has eigenvalues that did not converge")
@primitive(saves="a", widen=True)
def eigvalsh_(xp: Any, a: Any, *, uplo: str) -> Any:
    """The eigenvalues w alone."""
    return xp.linalg.eigvalsh(floats(a), UPLO=uplo)


@eigvalsh_.vjp
def _(F, g, y, a, *, uplo):
    _, v = F.eigh(a, uplo=uplo)
    return F.matmul(v * row(F, g), mt(F, v))


@eigvalsh_.jvp
def _(F, t, y, a, *, uplo):
    _, v = F.eigh(a, uplo=uplo)
    return F.sum(v * F.matmul(symmetric(F, t), v), axis=(v.ndim - 2,), keepdims=False)


batches_itself(eigh_)
batches_itself(eigvalsh_)


def eigh(a: Any, UPLO: str = "L") -> Any:
    """(w, v), the eigenvalues and eigenvectors of symmetric a, from its lower triangle ("L") or its upper one ("U").

    With f_ij = 1 / (w_j - w_i) and 0 for i = j, the gradient is v (diag(gw) + f * (v^T gv)) v^T, its symmetric part.
    Where eigenvalues are equal, their eigenvectors are no function of a, and a derivative through v is NaN, as the
    literature has it; so is a second derivative of w.  A first one through w alone is finite: exact for a symmetric
    function of the eigenvalues, else one of the subdifferential.  The sign of an eigenvector is LAPACK's choice.
    Source: Giles 2008, 3.1; Seeger et al., Auto-differentiating linear algebra, 2017.

    >>> import numpy as np
    >>> w, v = eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> w
    array([1., 3.])
    """
    return eigh_(as_value(a), uplo=_uplo("eigh", UPLO))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of `eigh` alone; their gradient v diag(g) v^T is finite also where some are equal."""
    return eigvalsh_(as_value(a), uplo=_uplo("eigvalsh", UPLO))


def _uplo(name: str, given: Any) -> str:
    if given not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{name}: UPLO is {given!r}; expected 'L' or 'U', the triangle to read")
    return str(given).upper()


__all__ = ["eigh", "eigvalsh"]
