"""Batching rules of indexing.

Where the batch axis comes out depends on the key: NumPy puts the axes of index arrays where the arrays stand if they
stand together (ints count as arrays then), else first.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import array_device
from ..core.batch import example_by_example
from ..core.tensor import raw
from .at import index_extreme_
from .batching import repeated, size
from .index import getitem_, index_add_, index_set_, keep_last
from .keys import ARRAY, Key

Order = tuple[int, ...] | None  # the axes that bring the batch to the front, or None where it is there


class _Layout(NamedTuple):
    """Where the axes of index arrays come out: together or first, after how many axes, and how many they are."""

    together: bool
    before: int
    n_axes: int


def _layout(key: Key, ranks: Sequence[int]) -> _Layout:
    at = [i for i, k in enumerate(key) if k is ARRAY or type(k) is int]
    together = at[-1] - at[0] == len(at) - 1
    return _Layout(together, at[0] if together else 0, max(ranks))


def _batched_key(
    F: Any, base: bool, flags: Sequence[bool], index: Sequence[Any], key: Key, n: int, rank: int
) -> tuple[Key, list[Any], Order]:
    """(key, index arrays, order) for a batch: base says whether what is indexed has the batch axis; the result has
    `rank` axes without the batch."""
    if not index:
        return (slice(None), *key), [], None
    ranks = [1 if i.dtype.kind == "b" else len(i.shape) - mine for i, mine in zip(index, flags, strict=True)]
    together, before, k = _layout(key, ranks)
    if not any(flags):
        return (slice(None), *key), list(index), None if together else _to_front(k, rank + 1)
    aligned = [
        F.reshape(i, shape=(n, *(1,) * (k - own), *i.shape[1:])) if mine else i
        for i, mine, own in zip(index, flags, ranks, strict=True)
    ]
    if not base:
        return key, aligned, _to_front(before, rank + 1) if before else None
    some = raw(aligned[0])
    examples = array_device(some).asarray(np.arange(n).reshape(n, *(1,) * k))
    middle = (0, *range(1 + k, 1 + k + before), *range(1, 1 + k), *range(1 + k + before, rank + 1))
    return (ARRAY, *key), [examples, *aligned], middle if before else None


def _to_front(axis: int, ndim: int) -> Order:
    return (axis, *(i for i in range(ndim) if i != axis))


def _forth(F: Any, y: Any, order: Order) -> Any:
    return y if order is None else F.transpose(y, axes=order)


def _back(F: Any, g: Any, order: Order) -> Any:
    return g if order is None else F.transpose(g, axes=tuple(order.index(i) for i in range(len(order))))


def _rank_of_result(key: Key, flags: Sequence[bool], index: Sequence[Any], x_rank: int) -> int:
    """How many axes x[key] has for one example."""
    ranks = [len(i.shape) - mine for i, mine in zip(index, flags, strict=True)]
    masks = [i.dtype.kind == "b" for i in index]
    covered = sum(k is not None and k is not ARRAY and k is not Ellipsis for k in key)
    covered += sum(r if mask else 1 for r, mask in zip(ranks, masks, strict=True))
    own = sum(k is None or type(k) is slice for k in key) + x_rank - covered
    return own + max((1 if mask else r for r, mask in zip(ranks, masks, strict=True)), default=0)


def _has_batched_mask(flags: Sequence[bool], index: Sequence[Any]) -> bool:
    return any(mine and i.dtype.kind == "b" for i, mine in zip(index, flags, strict=True))


@getitem_.batch
def _(F, batched, x, *index, key):
    (base, *flags) = batched
    if _has_batched_mask(flags, index):  # each example may take another number of elements
        return example_by_example(getitem_.primitive, batched, [x, *index], {"key": key})
    rank = _rank_of_result(key, flags, index, len(x.shape) - base)
    new_key, new_index, order = _batched_key(F, base, flags, index, key, size(batched, (x, *index)), rank)
    return _forth(F, F.getitem(x, *new_index, key=new_key), order)


@index_add_.batch
def _(F, batched, g, *index, shape, key):
    (_, *flags), n = batched, size(batched, (g, *index))
    if _has_batched_mask(flags, index):
        return example_by_example(index_add_.primitive, batched, [g, *index], {"shape": shape, "key": key})
    g = g if batched[0] else repeated(F, g, n)
    new_key, new_index, order = _batched_key(F, True, flags, index, key, n, len(g.shape) - 1)
    return F.index_add(_back(F, g, order), *new_index, shape=(n, *shape), key=new_key)


@keep_last.batch
def _(F, batched, g, *index, shape, key):
    (_, *flags), n = batched, size(batched, (g, *index))
    if _has_batched_mask(flags, index):
        return example_by_example(keep_last.primitive, batched, [g, *index], {"shape": shape, "key": key})
    g = g if batched[0] else repeated(F, g, n)
    new_key, new_index, order = _batched_key(F, True, flags, index, key, n, len(g.shape) - 1)
    return _forth(F, F.keep_last(_back(F, g, order), *new_index, shape=(n, *shape), key=new_key), order)


def _of_changes(op: Any) -> None:
    """The rule of op(x, v, *index, key=..., ...), which puts v into a copy of x."""

    @op.batch
    def _(F, batched, x, v, *index, key, **params):
        (x_batched, v_batched, *flags), n = batched, size(batched, (x, v, *index))
        if _has_batched_mask(flags, index):
            return example_by_example(op.primitive, batched, [x, v, *index], {"key": key, **params})
        x = x if x_batched else repeated(F, x, n)
        rank = _rank_of_result(key, flags, index, len(x.shape) - 1)
        new_key, new_index, order = _batched_key(F, True, flags, index, key, n, rank)
        if hasattr(v, "shape") and (v_batched or order is not None):
            lead, own = (v.shape[:1], v.shape[1:]) if v_batched else ((1,), v.shape)
            own = own[max(0, len(own) - rank) :]
            v = _back(F, F.reshape(v, shape=(*lead, *(1,) * (rank - len(own)), *own)), order)
        return getattr(F, op.primitive.name)(x, v, *new_index, key=new_key, **params)


_of_changes(index_set_)
_of_changes(index_extreme_)

__all__: list[str] = []
