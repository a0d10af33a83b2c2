"""Indexing: x[key], and its adjoint, which adds where the key took.

Index arrays are operands without a gradient; slices, ints and new axes alone are parameters, a skeleton (ops/keys.py).
"""

import math
from typing import Any

import numpy as np

from ..backend.device import to_numpy
from ..core.primitive import primitive
from ..core.tensor import methods, raw
from ..core.transform import as_value
from ..errors import ShapeError
from .axes import normal_axis
from .keys import Key, explain_index, fill, parse
from .scatter import add_rows, places, repeats
from .shape import astype, broadcast_to, ravel


@primitive(family="index", saves="x.shape index")
def getitem_(xp: Any, x: Any, *index: Any, key: Key) -> Any:
    """x[key]: a view where the key has no arrays, else a copy."""
    return x[fill(key, index)]


@getitem_.vjp
def _(F, g, y, x, *index, key):
    return F.index_add(g, *index, shape=x.shape, key=key)


@getitem_.jvp
def _(F, *args, key):
    t, (_, *index) = args[0], args[len(args) // 2 + 1 :]
    return F.getitem(t, *index, key=key)


@getitem_.check
def _(x, *index, key):
    explain_index("getitem", x.shape, index, key)


@primitive(family="index", saves="index", widen=True)
def index_add_(xp: Any, g: Any, *index: Any, shape: tuple[int, ...], key: Key) -> Any:
    """Zeros of `shape` with g added at [key], repeated places adding up: the adjoint of getitem."""
    if repeats(index):
        at, n = places(xp, shape, index, key)
        n_columns = math.prod(shape) // n if n else 0
        return add_rows(xp, g.reshape(at.size, n_columns), at.reshape(at.size), n).reshape(shape)
    y = xp.zeros(shape, dtype=g.dtype)
    y[fill(key, index)] = g
    return y


@index_add_.vjp
def _(F, u, y, g, *index, shape, key):
    return F.getitem(u, *index, key=key)


@index_add_.jvp
def _(F, *args, shape, key):
    t, (_, *index) = args[0], args[len(args) // 2 + 1 :]
    return F.index_add(t, *index, shape=shape, key=key)


@primitive(family="index", saves="x.shape index")
def index_set_(xp: Any, x: Any, v: Any, *index: Any, key: Key) -> Any:
    """A copy of x with v at [key]; of values for one place, the last stands."""
    y = xp.array(x)
    y[fill(key, index)] = v
    return y


def _grad_of_value(F: Any, g: Any, y: Any, x: Any, v: Any, *index: Any, key: Key) -> Any:
    h = F.keep_last(F.getitem(g, *index, key=key), *index, shape=x.shape, key=key)
    extra = v.ndim - h.ndim  # NumPy lets a value have more leading axes of length 1 than the place it goes to
    return F.reshape(h, shape=(1,) * extra + tuple(h.shape)) if extra > 0 else h


index_set_.vjp(lambda F, g, y, x, v, *index, key: F.index_set(g, 0, *index, key=key), _grad_of_value)


@index_set_.jvp
def _(F, *args, key):
    (tx, tv), (x, _, *index) = args[:2], args[len(args) // 2 + 1 :]
    return F.index_set(F.zeros_like(x) if tx is None else tx, 0 if tv is None else tv, *index, key=key)


@index_set_.check
def _(x, v, *index, key):
    explain_index("setitem", x.shape, index, key)
    stand_in = np.broadcast_to(np.int8(0), x.shape)
    place = stand_in[fill(key, tuple(to_numpy(raw(i)) for i in index))].shape
    raise ShapeError(
        f"setitem: the value has shape {tuple(getattr(v, 'shape', ()))}, which does not broadcast to {place}, the "
        "shape of the place it goes to"
    )


@primitive(family="index", saves="index")
def keep_last(xp: Any, g: Any, *index: Any, shape: tuple[int, ...], key: Key) -> Any:
    """g with zeros where a later element of the same assignment to [key] takes its place; its own adjoint."""
    if not repeats(index):
        return g
    at, n = places(xp, shape, index, key)
    writer = xp.zeros(n, dtype=xp.int64)
    order = xp.arange(at.size).reshape(at.shape)
    writer[at] = order
    y = xp.array(g)
    y[writer[at] != order] = 0
    return y


@keep_last.vjp
def _(F, u, y, g, *index, shape, key):
    return F.keep_last(u, *index, shape=shape, key=key)


@keep_last.jvp
def _(F, *args, shape, key):
    t, (_, *index) = args[0], args[len(args) // 2 + 1 :]
    return F.keep_last(t, *index, shape=shape, key=key)


def getitem(x: Any, key: Any) -> Any:
    """x[key] with NumPy's rules: ints, slices, None, ..., integer arrays and bool masks, Tensors among them.

    The gradient adds up where index arrays repeat a place.  Raises IndexingError for an index out of range or of no
    such kind, ShapeError for index arrays that do not broadcast.
    """
    x = as_value(x)
    skeleton, index = parse("getitem", key, x)
    return getitem_(x, *index, key=skeleton)


def index_set(x: Any, key: Any, value: Any) -> Any:
    """A copy of x with `value` at [key], converted to x's dtype: x[key] = value as a function.

    Both carry a gradient; where places repeat, the last value stands and only it has one.  Raises as `getitem`.
    """
    x = as_value(x)
    skeleton, index = parse("index_set", key, x)
    return index_set_(x, value, *index, key=skeleton)


def index_add(x: Any, key: Any, value: Any) -> Any:
    """A copy of x with `value` added at [key], where repeated places add up.  Raises as `getitem`.

    The result has x's dtype.
    """
    x, value = as_value(x), as_value(value)
    skeleton, index = parse("index_add", key, x)
    at = getitem_(x, *index, key=skeleton)
    more = index_add_(broadcast_to(value, at.shape), *index, shape=x.shape, key=skeleton)
    return astype(x + more, x.dtype)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements of x at `indices` along axis; without axis, of x as one row.

    The result has the shape of x with that axis replaced by the shape of `indices`.  Raises IndexingError.
    """
    x = ravel(x) if axis is None else as_value(x)
    i = normal_axis("take", 0 if axis is None else axis, x.ndim)
    if isinstance(indices, list | tuple):
        indices = as_value(indices)
    skeleton, index = parse("take", (*(slice(None),) * i, indices), x)
    return getitem_(x, *index, key=skeleton)


methods(take, __getitem__=getitem)

__all__ = ["getitem", "index_add", "index_set", "take"]
