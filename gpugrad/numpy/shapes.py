"""The same elements in another shape, order or number."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from ..core.namespace import OPS
from ..core.transform import as_value
from ..errors import ShapeError
from ..ops.axes import normal_axis
from .options import row_major
from .padding import pad
from .table import NONE, enter, enter_functions
from .values import host_value

_G = "shapes"


def reshape(a: Any, /, shape: Any = None, order: str = "C", *, copy: Any = None) -> Any:
    """The elements in another shape, row by row or, with order "F", column by column."""
    if row_major("reshape", order):
        return ops.reshape(a, shape)
    wanted = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    return ops.transpose(ops.reshape(ops.transpose(a), wanted[::-1]))


def ravel(a: Any, order: str = "C") -> Any:
    """The elements as one axis, row by row or, with order "F", column by column."""
    return ops.ravel(a if row_major("ravel", order) else ops.transpose(a))


def transpose(a: Any, axes: Any = None) -> Any:
    """The axes reversed, or in the order given."""
    return ops.transpose(a) if axes is None else ops.transpose(a, axes)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return ops.swapaxes(x, -1, -2)


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """An axis moved back until it lies before place `start`."""
    a = as_value(a)
    i = normal_axis("rollaxis", axis, a.ndim)
    end = start + a.ndim if start < 0 else start
    return ops.moveaxis(a, i, end - 1 if i < end else end)


def atleast_1d(*arys: Any) -> Any:
    """Numbers as arrays of one element; several arguments give a tuple."""
    return _each(arys, lambda x: ops.reshape(x, 1) if not x.ndim else x)


def atleast_2d(*arys: Any) -> Any:
    """Numbers and rows as matrices; several arguments give a tuple."""
    return _each(arys, lambda x: ops.reshape(x, 1, x.size) if x.ndim < 2 else x)


def atleast_3d(*arys: Any) -> Any:
    """At least three axes: (n) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    new = {0: (1, 1, 1), 1: (1, -1, 1)}
    return _each(
        arys, lambda x: ops.reshape(x, new[x.ndim]) if x.ndim < 2 else ops.expand_dims(x, 2) if x.ndim == 2 else x
    )


def _each(arys: Any, f: Any) -> Any:
    found = tuple(f(as_value(x)) for x in arys)
    return found[0] if len(found) == 1 else found


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """The array repeated along new leading axes and axes of length 1."""
    return ops.broadcast_to(array, shape)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """All arrays in the shape that they broadcast to."""
    xs = [as_value(x) for x in args]
    shape = np.broadcast_shapes(*(tuple(x.shape) for x in xs))
    return tuple(ops.broadcast_to(x, shape) for x in xs)


def fliplr(m: Any) -> Any:
    """The second axis reversed."""
    return ops.flip(m, 1)


def flipud(m: Any) -> Any:
    """The first axis reversed."""
    return ops.flip(m, 0)


def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turned k times by 90 degrees in the plane of two axes, from the first to the second."""
    m = as_value(m)
    i, j = (normal_axis("rot90", a, m.ndim) for a in axes)
    if i == j:
        raise ShapeError(f"rot90: axes {tuple(axes)} name an axis twice; expected two")
    k %= 4
    if k == 2:
        return ops.flip(m, (i, j))
    if k == 1:
        return ops.swapaxes(ops.flip(m, j), i, j)
    return ops.flip(ops.swapaxes(m, i, j), j) if k else m


def resize(a: Any, new_shape: Any) -> Any:
    """The elements, over and over, until they fill a shape; zeros where there are none."""
    row, shape = ops.ravel(a), tuple(new_shape) if isinstance(new_shape, Iterable) else (new_shape,)
    n = math.prod(shape)
    if not row.size:
        return OPS.new_zeros(row, shape=shape)
    return ops.reshape(ops.take(row, np.arange(n) % row.size), shape)


def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    """A row without the zeros at its front ("f") and back ("b")."""
    full = np.flatnonzero(host_value("trim_zeros", filt))
    n = filt.shape[0]
    start = (int(full[0]) if full.size else n) if "f" in trim.lower() else 0
    end = (int(full[-1]) + 1 if full.size else start) if "b" in trim.lower() else n
    return filt[start:end]


def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """A new value with the same elements."""
    return ops.positive(as_value(a)) if as_value(a).dtype.kind != "b" else ops.logical_or(a, False)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Converted to a dtype; the gradient is converted back."""
    return ops.astype(x, dtype)


def shape(a: Any) -> tuple[int, ...]:
    """The length of each axis."""
    return tuple(a.shape)


def ndim(a: Any) -> int:
    """The number of axes."""
    return a.ndim


def size(a: Any, axis: Any = None) -> int:
    """The number of elements, of all or along axes."""
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod(a.shape[i] for i in axes)


enter_functions(_G, ops.squeeze, ops.expand_dims, ops.swapaxes, ops.moveaxis, ops.flip, ops.roll, ops.tile, ops.repeat)
enter_functions(_G, ops.diagonal, matrix_transpose, rollaxis, atleast_1d, atleast_2d, atleast_3d, broadcast_to)
enter_functions(_G, broadcast_arrays, fliplr, flipud, rot90, resize, copy, astype)
enter(_G, "transpose permute_dims", transpose)
enter(_G, "reshape", reshape, "order 'C' or 'F'")
enter(_G, "ravel", ravel, "order 'C' or 'F'")
enter(_G, "pad", pad, "every mode but a function; empty gives zeros")
enter(_G, "trim_zeros", trim_zeros, "rows; not inside vmap")
enter_functions(_G, shape, ndim, size, modes=NONE)
