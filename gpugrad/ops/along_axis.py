"""One index for each line of an array: take_along_axis with its adjoint, and one-hot vectors."""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.tensor import as_dtype, methods
from ..core.transform import as_value
from ..errors import ArgumentError, DTypeError, IndexingError, ShapeError
from .axes import as_int, normal_axis
from .batching import all_batched, all_ranked
from .labels import one_hot as one_hot_
from .scatter import add_rows


@primitive(family="index", saves="x.shape index", nondiff="index")
def take_along_axis_(xp: Any, x: Any, index: Any, *, axis: int) -> Any:
    """x at `index` along axis, line by line."""
    return xp.take_along_axis(x, index, axis)


@take_along_axis_.vjp
def _(F, g, y, x, index, *, axis):
    return F.add_along_axis(g, index, axis=axis, n=x.shape[axis])


@take_along_axis_.jvp
def _(F, t, t_index, y, x, index, *, axis):
    return F.take_along_axis(t, index, axis=axis)


@take_along_axis_.batch
def _(F, batched, x, index, *, axis):
    return F.take_along_axis(*all_ranked(F, batched, (x, index)), axis=axis + 1)


@take_along_axis_.check
def _(x, index, *, axis):
    if index.dtype.kind not in "iu":
        raise DTypeError(f"take_along_axis: indices have dtype {index.dtype}; expected integers")
    if index.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: indices have {index.ndim} axes but x has {x.ndim}; expected as many")
    n = x.shape[axis]
    if index.size and (int(index.min()) < -n or int(index.max()) >= n):
        raise IndexingError(
            f"take_along_axis: indices reach from {int(index.min())} to {int(index.max())}; expected {-n} to {n - 1} "
            f"for axis {axis} of length {n}"
        )


@primitive(family="index", saves="g.shape index", nondiff="index", widen=True)
def add_along_axis(xp: Any, g: Any, index: Any, *, axis: int, n: int) -> Any:
    """Zeros of g's shape, but n long on axis, with g added at `index` line by line: the adjoint of take_along_axis."""
    shape = (*g.shape[:axis], n, *g.shape[axis + 1 :])
    index = xp.broadcast_to(index, g.shape)
    size = int(np.prod(shape))
    at = xp.take_along_axis(xp.arange(size).reshape(shape), index, axis).reshape(g.size)
    if g.shape[axis] > 1:
        return add_rows(xp, g.reshape(g.size, 1), at, size).reshape(shape)
    y = xp.zeros(size, dtype=g.dtype)
    y[at] = g.reshape(g.size)
    return y.reshape(shape)


@add_along_axis.vjp
def _(F, u, y, g, index, *, axis, n):
    return F.take_along_axis(u, index, axis=axis)


@add_along_axis.jvp
def _(F, t, t_index, y, g, index, *, axis, n):
    return F.add_along_axis(t, index, axis=axis, n=n)


@add_along_axis.batch
def _(F, batched, g, index, *, axis, n):
    return F.add_along_axis(*all_batched(F, batched, (g, index)), axis=axis + 1, n=n)


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """x at `indices` along axis, line by line: y[i, j] = x[i, indices[i, j]] for a matrix and axis 1.

    x and integer indices have as many axes, and broadcast on all but `axis`.  The gradient adds up where an index
    repeats.  Raises IndexingError, ShapeError, DTypeError.
    """
    x, indices = as_value(x), as_value(indices)
    return take_along_axis_(x, indices, axis=normal_axis("take_along_axis", axis, x.ndim))


def one_hot(indices: Any, n_classes: int, dtype: Any = "float64") -> Any:
    """Class indices (...) as rows (..., n_classes) of zeros with a single one.  It carries no gradient.

    Raises IndexingError for an index out of range (on a GPU, where looking would wait for the device, its row is all
    zeros), DTypeError for indices that are no integers, ArgumentError for less than one class.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    n = as_int("one_hot", "n_classes", n_classes)
    if n < 1:
        raise ArgumentError(f"one_hot: n_classes is {n}; expected at least 1")
    return one_hot_(as_value(indices), n_classes=n, dtype=as_dtype(dtype))


methods(take_along_axis)

__all__ = ["one_hot", "take_along_axis"]
