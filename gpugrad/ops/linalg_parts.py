"""What the operations on matrices share: transposes, triangles, batches, and what to say when a matrix will not do.

A matrix is the last two axes (..., m, n); axes before them are a batch, and may be empty.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.batch import elementwise as aligned
from ..core.primitive import primitive
from ..errors import GpugradError, LinAlgError, ShapeError


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


def differences(F: Any, low: Any, high: Any) -> Any:
    """Divisors high - low for what belongs to two values of a spectrum: infinite on the diagonal, NaN where equal.

    So the diagonal of a quotient is 0, and a derivative that does not exist is NaN, with no warning.
    """
    gap = high - low
    return F.where(gap == 0, math.nan, gap) + diag(F, F.full_like(diagonal_of(F, gap), value=math.inf))


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


def floats(x: Any) -> Any:
    """Integers and bools as float64."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def require_matrix(name: str, x: Any, square: bool = False) -> None:
    """ShapeError unless x has two axes, and they are equal where `square`."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) < 2:
        raise ShapeError(f"{name}: the argument has shape {shape}; expected at least two axes, (..., m, n)")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(f"{name}: the argument has shape {shape}; expected square matrices, (..., n, n)")


Forward = Callable[..., Any]


def explained(fault: str, square: bool = True) -> Callable[[Forward], Forward]:
    """A decorator for forwards f(xp, a, *others, **params): a failure names the operation, the matrix and the `fault`."""

    def decorate(forward: Forward) -> Forward:
        name = forward.__name__.rstrip("_")

        @functools.wraps(forward)
        def guarded(xp: Any, a: Any, *others: Any, **params: Any) -> Any:
            try:
                return forward(xp, a, *others, **params)
            except np.linalg.LinAlgError as error:
                if isinstance(error, GpugradError):
                    raise
                require_matrix(name, a, square)
                for other in others:
                    require_matrix(name, other)
                at = _which(functools.partial(forward, xp, **params), xp, a, len(others))
                finite = "" if bool(xp.isfinite(a).all()) else " (it holds NaN or infinity)"
                raise LinAlgError(f"{name}: {at} {fault}{finite}") from error

        return guarded

    return decorate


def _which(f: Forward, xp: Any, a: Any, n_others: int) -> str:
    """Name the first matrix for which f fails; the others become identities, for which it would not."""
    for index in np.ndindex(a.shape[:-2]):
        try:
            f(a[index], *(xp.eye(a.shape[-1]) for _ in range(n_others)))
        except np.linalg.LinAlgError:
            return f"the matrix at {list(index)} of the batch" if index else "the matrix"
    return "a matrix"
