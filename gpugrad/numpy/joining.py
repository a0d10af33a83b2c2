"""Several arrays made one, and one made several."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core.transform import as_value
from ..ops.axes import normal_axis
from .options import no_out
from .shapes import atleast_2d, atleast_3d
from .table import enter, enter_functions
from .values import host_value, is_tensor, stacked

_G = "joining and splitting"


def _in(dtype: Any, xs: Iterable[Any]) -> list[Any]:
    arrays = [as_value(stacked(x)) for x in xs]
    return arrays if dtype is None else [ops.astype(x, dtype) for x in arrays]


def concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: Any = None
) -> Any:
    """Arrays one after the other along an axis they have; with axis None, each as one row first."""
    no_out("concatenate", out)
    return ops.concatenate(_in(dtype, arrays), axis)


def stack(arrays: Sequence[Any], axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    """Arrays of one shape side by side along a new axis."""
    no_out("stack", out)
    return ops.stack(_in(dtype, arrays), axis)


def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = None) -> Any:
    """Arrays one below the other; rows count as matrices."""
    return ops.vstack(_in(dtype, tup))


def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = None) -> Any:
    """Arrays joined along the second axis, or along the only one."""
    return ops.hstack(_in(dtype, tup))


def dstack(tup: Sequence[Any]) -> Any:
    """Arrays joined along the third axis."""
    return ops.concatenate([atleast_3d(x) for x in tup], 2)


def column_stack(tup: Sequence[Any]) -> Any:
    """Rows as columns, and matrices, side by side."""
    arrays = _in(None, tup)
    return ops.concatenate([ops.transpose(atleast_2d(x)) if x.ndim < 2 else x for x in arrays], 1)


def block(arrays: Any) -> Any:
    """A nest of lists as one array: the innermost joined along the last axis, and so outwards."""
    depth = _depth(arrays)

    def joined(nest: Any, level: int, rank: int) -> Any:
        if isinstance(nest, list):
            return ops.concatenate([joined(x, level + 1, rank) for x in nest], rank - depth + level)
        x = as_value(nest)
        return ops.reshape(x, (1,) * (rank - x.ndim) + tuple(x.shape))

    def ranks(nest: Any) -> Iterable[int]:
        return [r for x in nest for r in ranks(x)] if isinstance(nest, list) else [as_value(nest).ndim]

    return joined(arrays, 0, max(depth, *ranks(arrays)))


def _depth(nest: Any) -> int:
    return 1 + _depth(nest[0]) if isinstance(nest, list) else 0


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Values after an array, along an axis or, without one, each as one row."""
    return ops.concatenate(_in(None, (arr, values)), axis)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into n equal parts, or before each of the given indices."""
    return list(ops.split(ary, indices_or_sections, axis))


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into n parts that differ by one in length at most, or before each of the given indices."""
    if isinstance(indices_or_sections, Iterable):
        return split(ary, indices_or_sections, axis)
    size, longer = divmod(ary.shape[axis], indices_or_sections)
    ends = [(size + 1) * min(i, longer) + size * max(i - longer, 0) for i in range(1, indices_or_sections)]
    return split(ary, ends, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the first axis."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the second axis, or the only one."""
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the third axis."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, without that axis."""
    return ops.unstack(x, axis)


def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Without the places `obj`: an int, a slice, or several."""
    arr, i = (ops.ravel(arr), 0) if axis is None else (as_value(arr), normal_axis("delete", axis, as_value(arr).ndim))
    return ops.take(arr, np.delete(np.arange(arr.shape[i]), _place("delete", obj)), i)


def _place(name: str, obj: Any) -> Any:
    return host_value(name, obj) if is_tensor(obj) else obj


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """With values put in before the places `obj`: an int, a slice, or several."""
    arr, i = (ops.ravel(arr), 0) if axis is None else (as_value(arr), normal_axis("insert", axis, as_value(arr).ndim))
    n, values = arr.shape[i], ops.astype(stacked(values), arr.dtype)
    places = np.arange(n)[obj] if isinstance(obj, slice) else host_value("insert", obj)
    count = places.size
    if count == 1:  # one place takes as many as there are values
        values = ops.reshape(values, (1,) * (arr.ndim - values.ndim) + tuple(values.shape))
        values = values if places.ndim else ops.moveaxis(values, 0, i)
        count, obj = values.shape[i], int(places.item())
    shape = (*arr.shape[:i], count, *arr.shape[i + 1 :])
    both = ops.concatenate([arr, ops.broadcast_to(values, shape)], i)
    return ops.take(both, np.insert(np.arange(n), obj, n + np.arange(count)), i)


enter(_G, "concatenate concat", concatenate, sequence=True)
enter_functions(_G, stack, vstack, hstack, dstack, column_stack, block, sequence=True)
enter_functions(_G, append, split, array_split, vsplit, hsplit, dsplit, unstack, delete, insert)
