"""Diagonals of matrices, and their adjoint, which puts a diagonal into zeros."""

from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from ..errors import ShapeError
from .axes import as_int, normal_axes
from .index import getitem
from .shape import reshape_, sum_to


@primitive(family="shape", jvp="linear", saves="x.shape")
def diagonal_(xp: Any, x: Any, *, axis1: int, axis2: int) -> Any:
    """The elements with equal index on two axes, along a new last axis in place of both."""
    return xp.diagonal(x, axis1=axis1, axis2=axis2)


@diagonal_.vjp
def _(F, g, y, x, *, axis1, axis2):
    return F.embed_diagonal(g, axis1=axis1, axis2=axis2, shape=x.shape)


@diagonal_.batch
def _(F, batched, x, *, axis1, axis2):
    return F.diagonal(x, axis1=axis1 + 1, axis2=axis2 + 1)


@primitive(family="shape", jvp="linear")
def embed_diagonal(xp: Any, x: Any, *, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the last axis of x on the diagonal of two axes: the adjoint of diagonal."""
    y = xp.zeros(shape, dtype=x.dtype)
    i = xp.arange(x.shape[-1])
    xp.moveaxis(y, (axis1, axis2), (-2, -1))[..., i, i] = x
    return y


@embed_diagonal.vjp
def _(F, g, y, x, *, axis1, axis2, shape):
    return F.diagonal(g, axis1=axis1, axis2=axis2)


@embed_diagonal.batch
def _(F, batched, x, *, axis1, axis2, shape):
    return F.embed_diagonal(x, axis1=axis1 + 1, axis2=axis2 + 1, shape=(x.shape[0], *shape))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal x[i, i + offset] of axes axis1 and axis2, along a new last axis in their place.

    Raises ShapeError for fewer than two axes, or the same one twice.
    """
    x, k = as_value(x), as_int("diagonal", "offset", offset)
    if x.ndim < 2:
        raise ShapeError(f"diagonal: x has shape {tuple(x.shape)}; expected at least two axes")
    i, j = normal_axes("diagonal", (axis1, axis2), x.ndim)
    if k:
        start = slice(min(abs(k), x.shape[j if k > 0 else i]), None)
        x = getitem(x, tuple(start if a == (j if k > 0 else i) else slice(None) for a in range(x.ndim)))
    return diagonal_(x, axis1=i, axis2=j)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal; arguments as `diagonal`."""
    d = diagonal(x, offset, axis1, axis2)
    lead = tuple(d.shape[:-1])
    return reshape_(sum_to(d, shape=(*lead, 1)), shape=lead)


methods(diagonal, trace)

__all__ = ["diagonal", "trace"]
