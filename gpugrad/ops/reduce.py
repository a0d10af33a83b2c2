"""Sums and products over axes, and whether any or all elements hold.

Shapes: x (...) -> y without the reduced axes, or with them as 1 (keepdims); axis: an int, several, or None for all.
dtypes: NumPy's: x's own, and int64 for ints and bools.  float16 and bfloat16 add up in float32.
Each raises ShapeError for an axis out of range.
"""

import math
from typing import Any

import numpy as np

from ..core.precision import is_narrow
from ..core.primitive import Operation, primitive
from ..core.tensor import methods
from ..core.transform import as_value
from .axes import normal_axes
from .batching import all_ranked
from .shape import astype

_WORTH_A_VIEW = 1024  # elements; of fewer, NumPy makes a copy in a quarter of the time


def axes_of(name: str, x: Any, axis: Any) -> tuple[int, ...]:
    """The axes to reduce, counted from 0; all of them for None."""
    n = x.ndim
    if type(axis) is int and -n <= axis < n:
        return (axis % n,)
    return tuple(range(n)) if axis is None else normal_axes(name, axis, n)


def kept(F: Any, y: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced value with the reduced axes as 1, so that it broadcasts against the input."""
    return y if keepdims or not axis else F.expand_dims(y, axis=axis)


def batch_front(op: Operation) -> None:
    """Under vmap, for inputs of equal rank: each gets the batch axis in front, and every axis moves up by one."""

    @op.batch
    def _(F: Any, batched: tuple[bool, ...], *inputs: Any, axis: tuple[int, ...]) -> Any:
        return op(*all_ranked(F, batched, inputs), axis=tuple(i + 1 for i in axis))


@primitive(family="reduce", jvp="linear", saves="x.shape")
def sum_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The sum over the axes."""
    if x.itemsize == 2 and is_narrow(x.dtype):
        return x.sum(axis=axis, dtype=np.float32, keepdims=keepdims).astype(x.dtype)
    return xp.add.reduce(x, axis, None, None, keepdims) if xp is np else x.sum(axis=axis, keepdims=keepdims)


@sum_.vjp
def _(F, g, y, x, *, axis, keepdims):
    return F.unreduce(g, axis=axis, shape=x.shape)


@primitive(jvp="linear", saves="x.shape")
def unreduce(xp: Any, x: Any, *, axis: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """x repeated along the reduced axes of `shape`: the adjoint of sum."""
    if x.size == 1:
        y = xp.empty(shape, x.dtype)
        y.fill(x.reshape(()))  # an eighth of the time that broadcast_to takes
        return y
    columns = x.reshape(tuple(1 if i in axis else n for i, n in enumerate(shape)))
    if math.prod(shape) > _WORTH_A_VIEW:
        return xp.broadcast_to(columns, shape)
    y = xp.empty(shape, x.dtype)
    y[...] = columns
    return y


@unreduce.vjp
def _(F, g, y, x, *, axis, shape):
    return F.sum(g, axis=axis, keepdims=len(x.shape) == len(shape))


@unreduce.batch
def _(F, batched, x, *, axis, shape):
    return F.unreduce(x, axis=tuple(i + 1 for i in axis), shape=(x.shape[0], *shape))


@primitive(family="reduce", saves="x", widen=True)
def prod_(xp: Any, x: Any, *, axis: tuple[int], keepdims: bool) -> Any:
    """The product over one axis."""
    return x.prod(axis=axis, keepdims=keepdims)


@prod_.vjp
def _(F, g, y, x, *, axis, keepdims):
    return kept(F, g, axis, keepdims) * _others(F, x, axis[0])


@prod_.jvp
def _(F, t, y, x, *, axis, keepdims):
    return F.sum(t * _others(F, x, axis[0]), axis=axis, keepdims=keepdims)


def _others(F: Any, x: Any, axis: int) -> Any:
    """For each element the product of all others along the axis, by halves: without a division, zeros do no harm."""
    half = x.shape[axis] // 2
    if not half:
        return F.ones_like(x)
    a, b, rest = F.split(x, indices=(half, 2 * half), axis=axis)
    pairs = _others(F, F.concatenate(a * b, rest, axis=axis), axis)
    outside, outside_rest = F.split(pairs, indices=(half,), axis=axis)
    return F.concatenate(outside * b, outside * a, outside_rest, axis=axis)


@primitive(family="reduce", differentiable=False)
def any_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """True where some element is not zero."""
    return (x != 0).any(axis=axis, keepdims=keepdims)


@primitive(family="reduce", differentiable=False)
def all_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """True where no element is zero."""
    return (x != 0).all(axis=axis, keepdims=keepdims)


@primitive(family="reduce", differentiable=False)
def count_nonzero_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """How many elements are not zero."""
    return (x != 0).sum(axis=axis, keepdims=keepdims)


def sum(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over `axis`, of x converted to `dtype` first where that is given; 0 over no elements."""
    x = as_value(x) if dtype is None else astype(x, dtype)
    return sum_(x, axis=axes_of("sum", x, axis), keepdims=keepdims)


def prod(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over `axis`, of x converted to `dtype` first where that is given; 1 over no elements.

    The gradient of an element is the product of the others, right also where some are 0.
    """
    x = as_value(x) if dtype is None else astype(x, dtype)
    axes = axes_of("prod", x, axis)
    if not axes:
        return sum_(x, axis=(), keepdims=keepdims)
    for i in sorted(axes, reverse=True):
        x = prod_(x, axis=(i,), keepdims=keepdims)
    return x


def any(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """True where some element over `axis` is not zero; NaN is not.  Carries no gradient."""
    x = as_value(x)
    return any_(x, axis=axes_of("any", x, axis), keepdims=keepdims)


def all(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """True where no element over `axis` is zero.  Carries no gradient."""
    x = as_value(x)
    return all_(x, axis=axes_of("all", x, axis), keepdims=keepdims)


def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """How many elements over `axis` are not zero.  Carries no gradient."""
    x = as_value(x)
    return count_nonzero_(x, axis=axes_of("count_nonzero", x, axis), keepdims=keepdims)


methods(sum, prod, any, all)

__all__ = ["all", "any", "count_nonzero", "prod", "sum", "unreduce"]
