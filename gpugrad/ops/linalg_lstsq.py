"""Least squares.

dtypes: float32 and float64, integers as float64; float16 and bfloat16 are computed in float32 and rounded once.
Source: Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate, 1973; the residuals by the envelope theorem.
"""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ShapeError
from .axis_moves import squeeze_
from .linalg_errors import explained
from .linalg_parts import mt, product
from .shape import astype, reshape_


@explained("has singular values that did not converge", square=False)
@primitive(saves="y a b", widen=True)
def lstsq_(xp: Any, a: Any, b: Any, *, rcond: float | None) -> tuple[Any, Any, Any, Any]:
    """(x, residuals, rank, singular values) for a (m, n) and b (m, k)."""
    x, residuals, rank, s = xp.linalg.lstsq(a, b, rcond=rcond)
    return x, residuals, xp.asarray(rank), s


def _pinv(F: Any, a: Any, rcond: float | None) -> Any:
    eps = float(np.finfo(np.float64).eps)
    cut = max(a.shape) * eps if rcond is None else eps if rcond < 0 else rcond  # as NumPy and LAPACK cut
    return F.pinv(a, rcond=cut, hermitian=False)


@lstsq_.vjp_all
def _(F, g, y, a, b, *, rcond):
    (gx, g_residuals, _, gs), x = g, y[0]
    rest = b - F.matmul(a, x)
    ga, gb = F.zeros_like(a), F.zeros_like(b)
    if gx is not None:
        p = _pinv(F, a, rcond)
        gb = F.matmul(mt(F, p), gx)
        ga = product(F, rest, mt(F, gb), mt(F, p)) - F.matmul(gb, mt(F, x))
        ga = ga + product(F, mt(F, p), x, mt(F, gx - product(F, p, a, gx)))
    if g_residuals is not None and g_residuals.shape[0]:
        slope = 2 * rest * g_residuals
        ga, gb = ga - F.matmul(slope, mt(F, x)), gb + slope
    if gs is not None:
        u, _, vh = F.svd(a, full_matrices=False, hermitian=False)
        ga = ga + F.matmul(u * gs, vh)
    return ga, gb


@lstsq_.jvp
def _(F, ta, tb, y, a, b, *, rcond):
    x, residuals = y[0], y[1]
    ta = F.zeros_like(a) if ta is None else ta
    tb = F.zeros_like(b) if tb is None else tb
    p, rest = _pinv(F, a, rcond), b - F.matmul(a, x)
    change = tb - F.matmul(ta, x)
    across = product(F, mt(F, ta), mt(F, p), x)
    tx = F.matmul(p, change) + product(F, p, mt(F, p), mt(F, ta), rest) + across - product(F, p, a, across)
    t_residuals = F.sum(2 * rest * change, axis=(0,), keepdims=False) if residuals.shape[0] else None
    u, _, vh = F.svd(a, full_matrices=False, hermitian=False)
    ts = F.sum(u * F.matmul(ta, mt(F, vh)), axis=(0,), keepdims=False)
    return tx, t_residuals, None, ts


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """(x, residuals, rank, s): the shortest x with the least |a x - b|^2, for a (m, n) and b (m,) or (m, k).

    residuals: |a x - b|^2 for each column of b, or empty where rank < n or m <= n.  rank and s: a's rank and singular
    values; those up to rcond times the largest count as 0, by default max(m, n) eps.  x, residuals and s carry a
    gradient; x's is exact for any shape and rank, as long as the rank does not change nearby.
    Raises ShapeError for other shapes; a batch goes through vmap.
    """
    a, b = as_value(a), as_value(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            f"lstsq: a has shape {tuple(a.shape)} and b has shape {tuple(b.shape)}; expected (m, n) and (m,) or (m, k)"
        )
    if b.ndim == 2:
        x, residuals, rank, s = lstsq_(a, b, rcond=rcond)
    else:
        x, residuals, rank, s = lstsq_(a, reshape_(b, shape=(b.shape[0], 1)), rcond=rcond)
        x = squeeze_(x, axis=(1,))
    return x, residuals, astype(rank, rank.dtype), s


__all__ = ["lstsq"]
