"""Shapes and dtypes: the same numbers, laid out, repeated, summed back or rounded otherwise.

NumPy's views stay views: where no copy is needed, the result shares the input's memory.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.tensor import as_dtype, is_floating, methods
from ..core.transform import as_value
from ..errors import DTypeError, ShapeError
from .axes import normal_axes, normal_axis, spread


@primitive(family="elementwise", jvp="linear", saves="x.shape")
def astype_(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x in another floating dtype; the gradient is converted back."""
    return x.astype(dtype, copy=False)


@astype_.vjp
def _(F, g, y, x, *, dtype):
    return F.astype(g, dtype=x.dtype)


@primitive(family="elementwise", differentiable=False)
def discretize(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x in an integer or bool dtype, which carries no gradient: rounded towards zero, or whether it is not zero."""
    return x.astype(dtype, copy=False)


@primitive(family="shape", jvp="linear", saves="x.shape", widen=True, cuda="linear_vjp.sum_to")
def sum_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x summed over the axes that broadcasting `shape` to x.shape adds or stretches: the adjoint of broadcast_to."""
    lead = x.ndim - len(shape)
    if lead == 1 and type(x) is np.ndarray and x.shape[1:] == shape and len(x) > 1:
        return np.add.reduce(x)  # the gradient of a bias, in half the time
    if x.size == math.prod(shape):
        return x.reshape(shape)
    stretched = tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return x.sum(axis=tuple(range(lead)) + stretched, keepdims=True).reshape(shape)


@sum_to.vjp
def _(F, g, y, x, *, shape):
    return F.broadcast_to(g, shape=x.shape)


@sum_to.batch
def _(F, batched, x, *, shape):
    n, new = x.shape[0], len(x.shape) - 1 - len(shape)
    return F.reshape(F.sum_to(x, shape=(n, *(1,) * new, *shape)), shape=(n, *shape))


@primitive(family="shape", jvp="linear", saves="x.shape")
def broadcast_to_(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x repeated along new leading axes and axes of length 1, without copying."""
    return xp.broadcast_to(x, shape)


@broadcast_to_.vjp
def _(F, g, y, x, *, shape):
    return F.sum_to(g, shape=x.shape)


@broadcast_to_.batch
def _(F, batched, x, *, shape):
    n, new = x.shape[0], len(shape) - (len(x.shape) - 1)
    return F.broadcast_to(F.reshape(x, shape=(n, *(1,) * new, *x.shape[1:])), shape=(n, *shape))


@broadcast_to_.check
def _(x, *, shape):
    raise ShapeError(
        f"broadcast_to: shape {tuple(x.shape)} does not broadcast to {shape}; expected axes that are equal or 1, "
        "counted from the last"
    )


@primitive(family="shape", jvp="linear", saves="x.shape")
def reshape_(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """The elements of x in row-major order in another shape."""
    return x.reshape(shape)


@reshape_.vjp
def _(F, g, y, x, *, shape):
    return F.reshape(g, shape=x.shape)


reshape_.batch(lambda F, batched, x, *, shape: F.reshape(x, shape=(x.shape[0], *shape)))


@primitive(family="shape", jvp="linear")
def transpose_(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    """x with its axes in another order: axis i of the result is axis axes[i] of x."""
    return x.transpose(axes)


@transpose_.vjp
def _(F, g, y, x, *, axes):
    return F.transpose(g, axes=tuple(axes.index(i) for i in range(len(axes))))


transpose_.batch(lambda F, batched, x, *, axes: F.transpose(x, axes=(0, *(i + 1 for i in axes))))


def astype(x: Any, dtype: Any) -> Any:
    """x converted to dtype; the gradient is converted back to x's.  To integers and bools, no gradient passes.

    The memory is shared where the dtype is x's own.  Raises DTypeError for complex or unknown dtypes.
    """
    x, dtype = as_value(x), as_dtype(dtype)
    if dtype.kind not in "fiub" and dtype.name != "bfloat16":
        hint = " (complex is not supported)" if dtype.kind == "c" else ""
        raise DTypeError(f"astype: dtype is {dtype}; expected a float, integer or bool dtype{hint}")
    return astype_(x, dtype=dtype) if is_floating(dtype) else discretize(x, dtype=dtype)


def broadcast_to(x: Any, shape: Any) -> Any:
    """x repeated along new leading axes and axes of length 1 to `shape`, without copying; its adjoint sums them.

    Raises ShapeError where an axis of x is neither 1 nor the length asked for.
    """
    return broadcast_to_(as_value(x), shape=spread("broadcast_to", "shape", (shape,)))


def reshape(x: Any, *shape: Any) -> Any:
    """The elements of x in row-major order in another shape: reshape(x, (2, 3)) or reshape(x, 2, 3).

    One length may be -1, which is worked out.  Raises ShapeError where the number of elements would change.
    """
    x, wanted = as_value(x), spread("reshape", "shape", shape)
    return reshape_(x, shape=_without_minus_one(x, wanted) if -1 in wanted else wanted)


@reshape_.check
def _(x, *, shape):
    raise ShapeError(
        f"reshape: shape {tuple(x.shape)} has {x.size} elements, which do not fill {shape}; expected shapes of equal "
        "size (one length may be -1)"
    )


def _without_minus_one(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    known = -math.prod(shape)
    if shape.count(-1) > 1 or known <= 0 or x.size % known:
        reshape_.primitive.check_rule(x, shape=shape)  # type: ignore[misc]
    return tuple([x.size // known if n == -1 else n for n in shape])


def ravel(x: Any) -> Any:
    """x as one axis, row by row."""
    return reshape(x, -1)


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """The axes from start_axis to end_axis, both included, made one.  A 0-d x gets one axis."""
    x = as_value(x)
    if not x.ndim:
        return reshape(x, 1)
    first, last = normal_axis("flatten", start_axis, x.ndim), normal_axis("flatten", end_axis, x.ndim)
    if first > last:
        raise ShapeError(f"flatten: start_axis {start_axis} comes after end_axis {end_axis}; expected it not to")
    return reshape_(x, shape=(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def transpose(x: Any, *axes: Any) -> Any:
    """x with its axes reversed, or in the order given: transpose(x, (1, 0, 2)) or transpose(x, 1, 0, 2).

    Raises ShapeError where the axes are not each axis of x once.
    """
    x = as_value(x)
    if not axes or axes[0] is None:
        return transpose_(x, axes=tuple(reversed(range(x.ndim))))
    order = normal_axes("transpose", spread("transpose", "axes", axes), x.ndim)
    if len(order) != x.ndim:
        raise ShapeError(f"transpose: got {len(order)} axes for shape {tuple(x.shape)}; expected {x.ndim}, each once")
    return transpose_(x, axes=order)


methods(astype, broadcast_to, reshape, ravel, flatten, transpose, permute=transpose, T=property(transpose))

__all__ = ["astype", "broadcast_to", "flatten", "ravel", "reshape", "sum_to", "transpose"]
