"""Linear systems and the inverse.

Shapes: a (..., n, n), a batch of matrices.  dtypes: float32 and float64, integers as float64; float16 and bfloat16 are
computed in float32 and rounded once.  Each raises ShapeError for what is no square matrix, and LinAlgError for a matrix
that will not do (on a GPU, where looking would wait for the device, the result is not finite instead).
Rules: Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, 2008.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ShapeError
from .axis_moves import squeeze_
from .linalg_errors import explained, floats, require_matrix
from .linalg_parts import batches_in_pairs, batches_itself, mt, product, wide
from .shape import reshape_

SINGULAR = "is singular; use pinv or lstsq, or add a small multiple of the identity"


@explained(SINGULAR)
@primitive(saves={"a": "y a", "b": "a"}, widen=True)
def solve_(xp: Any, a: Any, b: Any) -> Any:
    """x with a x = b: a (..., m, m), b (..., m, k) -> (..., m, k), leading axes broadcast."""
    return _solved(xp, a, b)


def _solved(xp: Any, a: Any, b: Any) -> Any:
    if a.ndim == 2 and b.ndim > 2:  # one factorisation serves all: the batch of b becomes columns
        wide = xp.moveaxis(b, -2, 0)
        x = xp.linalg.solve(a, wide.reshape(b.shape[-2], math.prod(wide.shape[1:])))
        return xp.moveaxis(x.reshape(wide.shape), 0, -2)
    if xp is not np:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (xp.broadcast_to(v, lead + v.shape[-2:]) for v in (a, b))
    return xp.linalg.solve(a, b)


def _grad_of_matrix(F: Any, gb: Any, y: Any, a: Any) -> Any:
    """-gb y^T, summed at once over a batch that a does not have."""
    if a.ndim == 2 and y.ndim > 2:
        gb, y = wide(F, gb), wide(F, y)
    return -F.matmul(gb, mt(F, y))


@solve_.vjp_all
def _(F, g, y, a, b):
    gb = F.solve(mt(F, a), g)
    return None if y is None else _grad_of_matrix(F, gb, y, a), gb


@solve_.jvp
def _(F, ta, tb, y, a, b):
    return F.solve(a, _right_side(F, ta, tb, y))


def _right_side(F: Any, ta: Any, tb: Any, y: Any) -> Any:
    if ta is None:
        return tb
    return -F.matmul(ta, y) if tb is None else tb - F.matmul(ta, y)


@explained("has a 0 on its diagonal; in a derivative of qr or cholesky: the columns are linearly dependent")
@primitive(saves={"a": "y a", "b": "a"}, widen=True)
def solve_triangular_(xp: Any, a: Any, b: Any, *, lower: bool) -> Any:
    """x with a x = b, of a's lower or upper triangle alone: (..., m, m), (..., m, k) -> (..., m, k)."""
    if not lower:
        return _solved(xp, xp.triu(a), b)  # an upper triangle is its own LU factor: this is back substitution
    return _solved(xp, xp.tril(a)[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]


@solve_triangular_.vjp_all
def _(F, g, y, a, b, *, lower):
    gb = F.solve_triangular(mt(F, a), g, lower=not lower)
    return None if y is None else F.triangle(_grad_of_matrix(F, gb, y, a), upper=not lower, diagonal=1), gb


@solve_triangular_.jvp
def _(F, ta, tb, y, a, b, *, lower):
    ta = ta if ta is None else F.triangle(ta, upper=not lower, diagonal=1)
    return F.solve_triangular(a, _right_side(F, ta, tb, y), lower=lower)


def _fits(name: str) -> Any:
    def check(a: Any, b: Any, **params: Any) -> None:
        require_matrix(name, a, square=True)
        require_matrix(name, b)
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                f"{name}: a has shape {tuple(a.shape)} but b has shape {tuple(b.shape)}; expected b to be (n,) or "
                f"(..., n, k) with n = {a.shape[-1]}"
            )

    return check


for _op in (solve_, solve_triangular_):
    batches_in_pairs(_op)
    _op.check(_fits(_op.__name__))


def _with_vector(op: Any, a: Any, b: Any, **params: Any) -> Any:
    """op(a, b), where a 1-D b is one right-hand side."""
    a, b = as_value(a), as_value(b)
    if b.ndim != 1:
        return op(a, b, **params)
    x = op(a, reshape_(b, shape=(b.shape[0], 1)), **params)
    return squeeze_(x, axis=(x.ndim - 1,))


def solve(a: Any, b: Any) -> Any:
    """x with a x = b: a (..., m, m), b (m,) or (..., m, k) -> (..., m) or (..., m, k), leading axes broadcast.

    As in NumPy 2, b is a vector only where it is 1-D, else a batch of matrices.  With gb = a^-T g, the gradients are gb
    for b and -gb x^T for a.

    >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    array([1. , 0.5])
    """
    return _with_vector(solve_, a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """x with a x = b, for the upper triangle of a (or the lower one): what else is in a is not read.

    Shapes and gradients as `solve`, with the gradient of a in the same triangle.  LinAlgError for a 0 on the diagonal.
    """
    return _with_vector(solve_triangular_, a, b, lower=lower)


@explained(SINGULAR + "; where a derivative asked for it, of slogdet, or a second one of det, there is none to give")
@primitive(saves="y", widen=True)
def inv(xp: Any, a: Any) -> Any:
    """The inverse y = a^-1 of square matrices (..., n, n); its gradient is -y^T g y^T.

    To solve a system, `solve` is faster and more accurate.
    """
    return xp.linalg.inv(floats(a))


@inv.vjp
def _(F, g, y, a):
    h = mt(F, y)
    return -product(F, h, g, h)


@inv.jvp
def _(F, t, y, a):
    return -product(F, y, t, y)


batches_itself(inv)

__all__ = ["inv", "solve", "solve_triangular"]
