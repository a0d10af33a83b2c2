"""What stands between the brackets of x[...]: a static skeleton, and the index arrays that go in its open places."""

import operator
from typing import Any, NoReturn

import numpy as np

from ..backend import array_device
from ..core.tensor import raw
from ..errors import IndexingError


class _Open:
    """The place of an index array in a skeleton."""

    def __repr__(self) -> str:
        return "ARRAY"


ARRAY = _Open()
Key = tuple[Any, ...]
_ALL = slice(None)
_BOUNDS = (int, type(None))


def parse(name: str, key: Any, x: Any) -> tuple[Key, tuple[Any, ...]]:
    """(skeleton, index arrays) of x[key].

    The skeleton holds ints from 0, slices, None, and ARRAY where an index array or mask belongs.
    Raises IndexingError for too many indices, one out of range, or one of no such kind.
    """
    if type(key) is int and x.ndim:
        return (_place(name, key, 0, x.shape),), ()
    if type(key) is slice and x.ndim:
        return (_item(name, key),), ()
    if type(key) is np.ndarray and key.dtype.kind == "i" and x.ndim:
        return (ARRAY,), (_beside(x, key),)
    if type(key) is tuple and (plain := _plain(key, x.shape)) is not None:
        return plain, ()
    items = [_item(name, k) for k in (key if type(key) is tuple else (key,))]
    used = sum(map(_axes_of, items))
    if used > x.ndim:
        raise IndexingError(f"{name}: {used} axes are indexed but the array has {x.ndim}, shape {tuple(x.shape)}")
    skeleton: list[Any] = []
    arrays: list[Any] = []
    axis = 0
    for item in _without_ellipsis(name, items, x.ndim - used):
        if type(item) is int:
            skeleton.append(_place(name, item, axis, x.shape))
        elif item is None or item is Ellipsis or type(item) is slice:
            skeleton.append(item)
        else:
            skeleton.append(ARRAY)
            arrays.append(_beside(x, item))
        axis += _axes_of(item)
    while skeleton and skeleton[-1] == _ALL and Ellipsis not in skeleton:
        skeleton.pop()
    return tuple(skeleton), tuple(arrays)


def _plain(key: Key, shape: tuple[int, ...]) -> Key | None:
    """The skeleton of a key of ints in range, slices and None, the common ones; None for any other."""
    skeleton: list[Any] = []
    axis, last = 0, len(shape)
    for k in key:
        if k is not None:
            if axis == last:
                return None
            if type(k) is int:
                if not -shape[axis] <= k < shape[axis]:
                    return None
                k = k % shape[axis]
            elif type(k) is not slice or not _of_ints(k):
                return None
            axis += 1
        skeleton.append(k)
    while skeleton and skeleton[-1] == _ALL:
        skeleton.pop()
    return tuple(skeleton)


def _of_ints(k: slice) -> bool:
    return type(k.start) in _BOUNDS and type(k.stop) in _BOUNDS and type(k.step) in _BOUNDS


def fill(key: Key, index: tuple[Any, ...]) -> Key:
    """A skeleton with its index arrays, ready for NumPy."""
    if not index:
        return key
    source = iter(index)
    return tuple(next(source) if k is ARRAY else k for k in key)


def _item(name: str, k: Any) -> Any:
    """One index as an int, slice, None, Ellipsis or array."""
    if k is None or k is Ellipsis or type(k) is int:
        return k
    if type(k) is slice:
        if _of_ints(k):
            return k
        return slice(*(None if v is None else _as_int(name, v) for v in (k.start, k.stop, k.step)))
    if isinstance(k, bool | np.bool_ | list | tuple | range):
        k = np.asarray(k)
        k = k.astype(np.intp) if not k.size and k.dtype.kind == "f" else k
    elif isinstance(k, np.integer) or not hasattr(k, "dtype"):
        return _as_int(name, k)
    if k.dtype.kind not in "iub":
        _refuse(name, f"an array of dtype {k.dtype}")
    return k


def _as_int(name: str, k: Any) -> int:
    try:
        return operator.index(k)
    except TypeError:
        _refuse(name, f"a {type(k).__name__}")


def _refuse(name: str, what: str) -> NoReturn:
    raise IndexingError(
        f"{name}: an index is {what}; expected an int, a slice, None, ..., or an array of integers or bools"
    )


def _axes_of(item: Any) -> int:
    """How many axes of x an index takes up."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if hasattr(item, "dtype") and item.dtype.kind == "b" else 1


def _without_ellipsis(name: str, items: list[Any], n_free: int) -> list[Any]:
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexingError(f"{name}: got {len(dots)} ellipses; expected at most one '...'")
    if not dots or (n_free == 0 and any(hasattr(item, "dtype") for item in items)):
        return items  # for NumPy, an ellipsis parts the index arrays beside it even where it stands for no axis
    return [*items[: dots[0]], *(slice(None),) * n_free, *items[dots[0] + 1 :]]


def _place(name: str, i: int, axis: int, shape: tuple[int, ...]) -> int:
    n = shape[axis]
    if not -n <= i < n:
        raise IndexingError(f"{name}: index {i} is out of range for axis {axis} of length {n}")
    return i + n if i < 0 else i


def _beside(x: Any, array: Any) -> Any:
    """A NumPy index array brought to the device of x."""
    there = raw(x)
    if isinstance(there, np.ndarray | np.generic) or not isinstance(array, np.ndarray):  # a trace's arrays too
        return array
    return array_device(there).asarray(array)


def explain_index(name: str, shape: tuple[int, ...], index: tuple[Any, ...], key: Key) -> None:
    """Raise IndexingError for index arrays that do not fit `shape` or each other."""
    shapes: list[tuple[int, ...]] = []
    axis = 0
    arrays = iter(index)
    for k in key:
        if k is not ARRAY:
            axis += k is not None and k is not Ellipsis
            continue
        array = raw(next(arrays))
        if array.dtype.kind == "b":
            here = tuple(shape[axis : axis + array.ndim])
            if array.shape != here:
                raise IndexingError(f"{name}: a mask has shape {array.shape}; expected {here}, of the axes it covers")
            axis += array.ndim
            shapes.append((int(array.sum()),))
            continue
        n = shape[axis]
        if array.size and (int(array.min()) < -n or int(array.max()) >= n):
            raise IndexingError(
                f"{name}: an index array holds {int(array.min())} to {int(array.max())}, out of range for axis {axis} "
                f"of length {n}"
            )
        axis += 1
        shapes.append(tuple(array.shape))
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexingError(f"{name}: index arrays of shapes {shapes} do not broadcast against each other") from None
