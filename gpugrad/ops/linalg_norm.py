"""Norms of vectors and matrices, of every order, and the condition number.

Shapes: x (...) -> without the axes of the vectors, or the last two, those of the matrices; with them as 1 (keepdims).
dtypes: x's own, float64 for integers and bools; float16 and bfloat16 are computed in float32 and rounded once.
Where a norm has no derivative, a member of the subdifferential is given, as PyTorch does: 0 for an element of 0, and at
the zero vector; equal shares for elements, or sums, or singular values, that are all the largest (or smallest).
"""

import math
import numbers
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.tensor import is_floating
from ..core.transform import as_value
from ..errors import ArgumentError, LinAlgError, ShapeError
from .arithmetic import absolute, divide, multiply
from .compare import isnan, logical_and, logical_not
from .extrema import max_, min_
from .index import getitem
from .linalg_errors import explained, floats, require_matrix
from .linalg_parts import batches_itself, mt, product
from .linalg_svd import svdvals_
from .norm import norm2
from .reduce import any_, axes_of, kept, sum_
from .select import where
from .shape import astype, reshape_


@primitive(family="reduce", saves="x y", widen=True)
def power_norm(xp: Any, x: Any, *, ord: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    """(sum |x|^p)^(1/p) over the axes."""
    with np.errstate(divide="ignore"):  # 0 to a negative power: the norm is 0
        return (abs(x) ** ord).sum(axis=axis, keepdims=keepdims) ** (1 / ord)


@power_norm.vjp
def _(F, g, y, x, *, ord, axis, keepdims):
    return kept(F, g, axis, keepdims) * _slope(F, y, x, ord, axis, keepdims)


@power_norm.jvp
def _(F, t, y, x, *, ord, axis, keepdims):
    return F.sum(t * _slope(F, y, x, ord, axis, keepdims), axis=axis, keepdims=keepdims)


def _slope(F: Any, y: Any, x: Any, ord: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    """sign(x) (|x| / y)^(p - 1), and 0 where x or y is 0."""
    y = kept(F, y, axis, keepdims)
    ratio = F.where(x == 0, 1, F.absolute(x)) / F.where(y == 0, 1, y)
    return F.where(y == 0, 0, F.sign(x) * ratio ** (ord - 1))


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The norm of the vectors along `axis`: an int, several taken as one, or None for all elements as one vector.

    ord: any number p, for (sum |x|^p)^(1/p); inf and -inf, the largest and smallest |x|; 0, how many are not 0, which
    has gradient 0.  Raises ArgumentError for another ord, ShapeError for an axis out of range or, with ord -inf, of no
    elements.
    """
    x = _floating(x)
    axes = axes_of("vector_norm", x, axis)
    if not isinstance(ord, numbers.Real) or ord != ord:
        raise ArgumentError(f"vector_norm: ord is {ord!r}; expected a number, inf or -inf")
    if ord == 2:
        return norm2(x, axis=axes, keepdims=keepdims)
    if ord == 0:
        return astype(sum_(x != 0, axis=axes, keepdims=keepdims), x.dtype)
    if ord == -math.inf:
        return min_(absolute(x), axis=axes, keepdims=keepdims)
    if ord == 1 or (ord == math.inf and any(x.shape[i] == 0 for i in axes)):
        return sum_(absolute(x), axis=axes, keepdims=keepdims)
    if ord == math.inf:
        return max_(absolute(x), axis=axes, keepdims=keepdims)
    return power_norm(x, ord=float(ord), axis=axes, keepdims=keepdims)


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices x (..., m, n).

    ord: "fro" or None, the root of the sum of squares; 1 and -1, the largest and smallest column sum of |x|; inf and
    -inf, of row sums; 2 and -2, the largest and smallest singular value; "nuc", the sum of singular values.
    Raises ArgumentError for another ord, ShapeError for what is no matrix.
    """
    x = _floating(x)
    require_matrix("matrix_norm", x)
    rows, columns = x.ndim - 2, x.ndim - 1
    if ord in ("fro", "f", None):
        return norm2(x, axis=(rows, columns), keepdims=keepdims)
    if ord in (1, -1):
        sums = sum_(absolute(x), axis=(rows,), keepdims=False)
    elif ord in (math.inf, -math.inf):
        sums = sum_(absolute(x), axis=(columns,), keepdims=False)
    elif ord in (2, -2, "nuc"):
        sums = svdvals_(x, hermitian=False)
    else:
        raise ArgumentError(f"matrix_norm: ord is {ord!r}; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    if ord == "nuc" or (ord > 0 and not sums.shape[-1]):
        y = sum_(sums, axis=(sums.ndim - 1,), keepdims=False)
    else:
        y = (max_ if ord > 0 else min_)(sums, axis=(sums.ndim - 1,), keepdims=False)
    return reshape_(y, shape=(*y.shape, 1, 1)) if keepdims else y


def _floating(x: Any) -> Any:
    x = as_value(x)
    return x if is_floating(x.dtype) else astype(x, "float64")


@explained("could not be inverted")
@primitive(saves="y", widen=True)
def inv_or_nan(xp: Any, a: Any) -> Any:
    """The inverse, NaN for each singular matrix."""
    try:
        return xp.linalg.inv(floats(a))
    except np.linalg.LinAlgError:
        require_matrix("cond", a, square=True)
        if a.ndim == 2:
            return xp.full_like(floats(a), math.nan)
        return xp.stack([inv_or_nan.primitive.forward(xp, x) for x in a])


@inv_or_nan.vjp
def _(F, g, y, a):
    return -product(F, mt(F, y), g, mt(F, y))


@inv_or_nan.jvp
def _(F, t, y, a):
    return -product(F, y, t, y)


batches_itself(inv_or_nan)


def cond(x: Any, p: Any = None) -> Any:
    """The condition number of x (..., m, n): |x| |x^-1| in the norm p of `matrix_norm`; by default s_max / s_min.

    None, 2 and -2 take any shape, the others square matrices.  Where x is singular it is inf, with derivative NaN.
    Raises LinAlgError for an empty matrix, ShapeError for what is no matrix.
    """
    x = _floating(x)
    require_matrix("cond", x)
    if 0 in x.shape[-2:]:
        raise LinAlgError(f"cond: x has shape {tuple(x.shape)}; expected matrices that are not empty")
    if p in (None, 2, -2):
        s = svdvals_(x, hermitian=False)
        ends = getitem(s, (..., 0)), getitem(s, (..., -1))
        with np.errstate(divide="ignore", invalid="ignore"):
            r = divide(*ends) if p != -2 else divide(*ends[::-1])
    else:
        if x.shape[-1] != x.shape[-2]:
            raise ShapeError(f"cond: x has shape {tuple(x.shape)}; expected square matrices for p = {p!r}")
        r = multiply(matrix_norm(x, ord=p), matrix_norm(inv_or_nan(x), ord=p))
    unknown = any_(isnan(x), axis=(x.ndim - 2, x.ndim - 1), keepdims=False)
    return where(logical_and(isnan(r), logical_not(unknown)), math.inf, r)


__all__ = ["cond", "matrix_norm", "vector_norm"]
