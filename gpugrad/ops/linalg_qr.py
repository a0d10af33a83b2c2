"""QR: a = q r, with orthonormal columns in q and an upper triangle r.

Shapes: a (..., m, n), k = min(m, n) -> q (..., m, k), r (..., k, n), or (..., m, m) and (..., m, n) where complete.
dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
"""

from typing import Any

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError
from .linalg_basis import onto_first, with_complement
from .linalg_errors import explained, floats
from .linalg_parts import batches_itself, mt, split_columns

MODES = ("reduced", "complete", "r")


@explained("could not be factored", square=False)
@primitive(saves="y", widen=True)
def qr_(xp: Any, a: Any, *, mode: str) -> tuple[Any, Any]:
    """(q, r), reduced or complete."""
    q, r = xp.linalg.qr(floats(a), mode=mode)
    return q, r


@qr_.vjp_all
def _(F, g, y, a, *, mode):
    return (_pull(F, *g, *y),)


def _pull(F: Any, gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """The gradient of a.  A wide a = [x, z] has x = q u and z = q v with r = [u, v]."""
    m, n = q.shape[-2], r.shape[-1]
    k = min(m, n)
    q, gq = onto_first(F, "qr", q, gq, k)
    r, gr = _first_rows(F, r, k), None if gr is None else _first_rows(F, gr, k)
    if n <= k:
        return _pull_tall(F, gq, gr, q, r)
    u, v = split_columns(F, r, k)
    gu, gv = (None, None) if gr is None else split_columns(F, gr, k)
    z = F.matmul(q, v)
    if gv is None:
        return F.concatenate(_pull_tall(F, gq, gu, q, u), F.zeros_like(z), axis=z.ndim - 1)
    more = F.matmul(z, mt(F, gv))
    x = _pull_tall(F, more if gq is None else gq + more, gu, q, u)
    return F.concatenate(x, F.matmul(q, gv), axis=z.ndim - 1)


def _pull_tall(F: Any, gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """(gq + q c) r^-T, where c is the lower triangle of r gr^T - gq^T q, mirrored to a symmetric matrix."""
    c = None if gr is None else F.matmul(r, mt(F, gr))
    if gq is not None:
        d = F.matmul(mt(F, gq), q)
        c = -d if c is None else c - d
    mirrored = F.triangle(c, upper=False, diagonal=1) + mt(F, F.triangle(c, upper=False, diagonal=0))
    left = F.matmul(q, mirrored)
    left = left if gq is None else gq + left
    return mt(F, F.solve_triangular(r, mt(F, left), lower=False))


@qr_.jvp
def _(F, t, y, a, *, mode):
    return _push(F, t, *y)


def _push(F: Any, t: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """The tangents of q and r.  A wide a = [x, z] has x = q u and z = q v with r = [u, v]."""
    m, n = q.shape[-2], r.shape[-1]
    k = min(m, n)
    q1, _ = onto_first(F, "qr", q, None, k)
    u, v = split_columns(F, _first_rows(F, r, k), k)
    tx, tz = split_columns(F, t, k)
    x = mt(F, F.solve_triangular(mt(F, u), mt(F, tx), lower=True))
    c = F.matmul(mt(F, q1), x)
    below = F.triangle(c, upper=False, diagonal=0)
    upper = c - below + mt(F, below)
    tq = x - F.matmul(q1, upper)
    tr = F.matmul(upper, u)
    if n > k:
        tr = F.concatenate(tr, F.matmul(mt(F, q1), tz - F.matmul(tq, v)), axis=t.ndim - 1)
    if q.shape[-1] > k:
        _, zeros = F.split(r, indices=(k,), axis=r.ndim - 2)
        tr = F.concatenate(tr, F.zeros_like(zeros), axis=r.ndim - 2)
    return with_complement(F, q, tq), tr


def _first_rows(F: Any, x: Any, k: int) -> Any:
    return x if x.shape[-2] == k else F.split(x, indices=(k,), axis=x.ndim - 2)[0]


@explained("could not be factored", square=False)
@primitive(saves="a", widen=True)
def qr_r(xp: Any, a: Any) -> Any:
    """r alone."""
    return xp.linalg.qr(floats(a), mode="r")


@qr_r.vjp
def _(F, g, y, a):
    return _pull(F, None, g, *F.qr(a, mode="reduced"))


@qr_r.jvp
def _(F, t, y, a):
    return _push(F, t, *F.qr(a, mode="reduced"))[1]


batches_itself(qr_)
batches_itself(qr_r)


def qr(a: Any, mode: str = "reduced") -> Any:
    """(q, r) with a = q r: mode "reduced" (q with k columns) or "complete" (q square); "r" gives r alone.

    There is a derivative where the first k columns of a are linearly independent, else LinAlgError.  The columns that
    "complete" adds to a tall a's q are any basis of what is left: a gradient through them exists for functions of their
    span, and is refused with GradientError for others.  The signs of r's diagonal are LAPACK's choice.
    Source: Walter and Lehmann, Algorithmic differentiation of linear algebra functions, 2010; for wide a, Roberts and
    Roberts, QR and LQ decomposition matrix backpropagation algorithms, 2020.

    Raises ArgumentError for another mode, ShapeError for what is no matrix.
    """
    if mode not in MODES:
        raise ArgumentError(f"qr: mode is {mode!r}; expected one of {MODES}")
    a = as_value(a)
    return qr_r(a) if mode == "r" else qr_(a, mode=mode)


__all__ = ["qr"]
