"""What the derivative rules of matrices share: transposes, triangles, scaling by vectors, batching rules.

A matrix is the last two axes (..., m, n); axes before them are a batch, and may be empty.
"""

import functools
import math
from typing import Any

from ..core.batch import elementwise as aligned
from ..core.primitive import primitive


def mt(F: Any, x: Any) -> Any:
    """The matrices transposed."""
    n = x.ndim
    return F.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def product(F: Any, a: Any, *others: Any) -> Any:
    """The matrix product, from left to right."""
    return functools.reduce(F.matmul, others, a)


def symmetric(F: Any, x: Any) -> Any:
    """The symmetric part (x + x^T) / 2."""
    return 0.5 * (x + mt(F, x))


def skew(F: Any, x: Any) -> Any:
    """Twice the skew part, x - x^T."""
    return x - mt(F, x)


def row(F: Any, s: Any) -> Any:
    """Vectors (..., n) as (..., 1, n), to scale columns with."""
    return F.expand_dims(s, axis=(s.ndim - 1,))


def column(F: Any, s: Any) -> Any:
    """Vectors (..., n) as (..., n, 1), to scale rows with."""
    return F.expand_dims(s, axis=(s.ndim,))


def diag(F: Any, s: Any) -> Any:
    """Vectors (..., n) as diagonal matrices (..., n, n)."""
    return F.embed_diagonal(s, axis1=s.ndim - 1, axis2=s.ndim, shape=(*s.shape, s.shape[-1]))


def diagonal_of(F: Any, x: Any) -> Any:
    """The diagonals (..., n) of square matrices."""
    return F.diagonal(x, axis1=x.ndim - 2, axis2=x.ndim - 1)


def total(F: Any, x: Any) -> Any:
    """The sum of each matrix, (...)."""
    return F.sum(x, axis=(x.ndim - 2, x.ndim - 1), keepdims=False)


def scalar(F: Any, s: Any) -> Any:
    """Numbers (...) as (..., 1, 1), to scale matrices with."""
    return F.expand_dims(s, axis=(s.ndim, s.ndim + 1))


def split_columns(F: Any, x: Any, k: int) -> Any:
    """The first k columns, and the others."""
    return F.split(x, indices=(k,), axis=x.ndim - 1)


def wide(F: Any, x: Any) -> Any:
    """(..., m, n) as one matrix (m, ... n): the batch folded into the columns."""
    n = x.ndim
    y = F.transpose(x, axes=(n - 2, *range(n - 2), n - 1))
    return F.reshape(y, shape=(y.shape[0], math.prod(y.shape[1:])))


def as_divisors(F: Any, gap: Any) -> Any:
    """Differences between the values of a spectrum, made infinite on the diagonal, and NaN where two values are equal.

    So the diagonal of a quotient is 0, and a derivative that does not exist is NaN, with no warning.
    """
    gap = gap + diag(F, F.full_like(diagonal_of(F, gap), value=math.inf))
    return F.where(gap == 0, math.nan, gap)


@primitive(jvp="linear")
def triangle(xp: Any, x: Any, *, upper: bool, diagonal: float) -> Any:
    """The upper or lower triangle of x with its diagonal times a number, 0 elsewhere; its own adjoint."""
    y = xp.triu(x) if upper else xp.tril(x)
    if diagonal != 1:
        i = xp.arange(min(x.shape[-2:]))
        y[..., i, i] *= diagonal
    return y


@triangle.vjp
def _(F, g, y, x, *, upper, diagonal):
    return F.triangle(g, upper=upper, diagonal=diagonal)


def batches_itself(op: Any) -> None:
    """Give `op` of one matrix argument the batching rule that one more leading axis is."""
    op.batch(lambda F, batched, x, **params: op(x, **params))


def batches_in_pairs(op: Any) -> None:
    """Give `op` of two matrix arguments the batching rule that their leading axes broadcast."""
    op.batch(lambda F, batched, *inner, **params: aligned(op.primitive, batched, list(inner), params))


batches_itself(triangle)
