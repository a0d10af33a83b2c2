"""Operations that add, drop, exchange, reverse, shift or repeat axes; most are transposes and reshapes."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend.device import to_numpy
from ..core.primitive import primitive
from ..core.tensor import methods, raw
from ..core.transform import as_value
from ..errors import ShapeError
from .axes import as_int, normal_axes, normal_axis, spread
from .index import take
from .shape import broadcast_to_, ravel, reshape_, transpose_


@primitive(family="axis", jvp="linear")
def expand_dims_(xp: Any, x: Any, *, axis: Any) -> Any:
    """x with new axes of length 1 at the places `axis` of the result."""
    shape = list(x.shape)
    for i in sorted(axis):
        shape.insert(i, 1)
    return x.reshape(shape)


@expand_dims_.vjp
def _(F, g, y, x, *, axis):
    return F.squeeze(g, axis=axis)


@primitive(family="axis", jvp="linear")
def squeeze_(xp: Any, x: Any, *, axis: Any) -> Any:
    """x without the axes of length 1 named by `axis`."""
    return x.squeeze(axis)


@squeeze_.vjp
def _(F, g, y, x, *, axis):
    return F.expand_dims(g, axis=axis)


@primitive(family="axis", jvp="linear")
def flip_(xp: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    """x with the order along the axes reversed; its own adjoint."""
    return xp.flip(x, axis)


@flip_.vjp
def _(F, g, y, x, *, axis):
    return F.flip(g, axis=axis)


@primitive(family="axis", jvp="linear")
def roll_(xp: Any, x: Any, *, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """x shifted along each axis, what falls off coming in again at the other end."""
    return xp.roll(x, shift, axis)


@roll_.vjp
def _(F, g, y, x, *, shift, axis):
    return F.roll(g, shift=tuple(-n for n in shift), axis=axis)


def expand_dims(x: Any, axis: Any) -> Any:
    """x with a new axis of length 1 at each place `axis` (an int or several) of the result."""
    x = as_value(x)
    n_new = len(tuple(axis)) if isinstance(axis, Iterable) else 1
    return expand_dims_(x, axis=normal_axes("expand_dims", axis, x.ndim + n_new))


def squeeze(x: Any, axis: Any = None) -> Any:
    """x without its axes of length 1, or without those named.  Raises ShapeError for an axis of another length."""
    x = as_value(x)
    axes = normal_axes("squeeze", [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axis, x.ndim)
    long = [i for i in axes if x.shape[i] != 1]
    if long:
        raise ShapeError(
            f"squeeze: axis {long[0]} has length {x.shape[long[0]]}; expected 1 (use reshape to merge axes)"
        )
    return squeeze_(x, axis=axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    x = as_value(x)
    i, j = normal_axis("swapaxes", axis1, x.ndim), normal_axis("swapaxes", axis2, x.ndim)
    order = list(range(x.ndim))
    order[i], order[j] = j, i
    return transpose_(x, axes=tuple(order))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """x with the axes `source` (an int or several) at the places `destination`; the others keep their order."""
    x = as_value(x)
    start, end = normal_axes("moveaxis", source, x.ndim), normal_axes("moveaxis", destination, x.ndim)
    if len(start) != len(end):
        raise ShapeError(f"moveaxis: got {len(start)} source axes and {len(end)} destinations; expected as many")
    order = [i for i in range(x.ndim) if i not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        order.insert(place, axis)
    return transpose_(x, axes=tuple(order))


def flip(x: Any, axis: Any = None) -> Any:
    """x with the order along `axis` reversed: an int, several, or None for all."""
    x = as_value(x)
    return flip_(x, axis=normal_axes("flip", range(x.ndim) if axis is None else axis, x.ndim))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """x shifted by `shift` places along `axis`, around the end; without axis, as one row.  Both may be tuples."""
    x = as_value(x)
    if axis is None:
        return reshape_(roll_(ravel(x), shift=(sum(spread("roll", "shift", (shift,))),), axis=(0,)), shape=x.shape)
    shifts = spread("roll", "shift", (shift,))
    given = tuple(axis) if isinstance(axis, Iterable) else (axis,)
    axes = tuple(normal_axis("roll", i, x.ndim) for i in given)
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise ShapeError(f"roll: got {len(shifts)} shifts for {len(axes)} axes; expected as many, or one")
    n = max(len(shifts), len(axes))
    return roll_(x, shift=shifts * (n // len(shifts)), axis=axes * (n // len(axes)))


def tile(x: Any, reps: Any) -> Any:
    """x laid side by side reps[i] times along axis i; reps count from the last axis, as NumPy's do."""
    x, counts = as_value(x), spread("tile", "reps", (reps,))
    ndim = max(x.ndim, len(counts))
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    counts = (1,) * (ndim - len(counts)) + counts
    between = tuple(m for n in shape for m in (1, n))
    spread_out = tuple(m for k, n in zip(counts, shape, strict=True) for m in (k, n))
    copies = broadcast_to_(reshape_(x, shape=between), shape=spread_out)
    return reshape_(copies, shape=tuple(k * n for k, n in zip(counts, shape, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element repeated, one after the other: by one count, or one for each place along `axis`.

    Without axis, x is one row.  Raises ShapeError for counts that are not one, or one a place.
    """
    x = as_value(x)
    if axis is None:
        x, axis = ravel(x), 0
    i = normal_axis("repeat", axis, x.ndim)
    if getattr(repeats, "ndim", 0) or isinstance(repeats, Iterable):
        counts = to_numpy(raw(repeats))
        if counts.size not in (1, x.shape[i]):
            raise ShapeError(f"repeat: got {counts.size} counts for axis {i} of length {x.shape[i]}; expected as many")
        return take(x, np.repeat(np.arange(x.shape[i]), counts), axis=i)
    k, before, after = as_int("repeat", "repeats", repeats), tuple(x.shape[: i + 1]), tuple(x.shape[i + 1 :])
    copies = broadcast_to_(reshape_(x, shape=(*before, 1, *after)), shape=(*before, k, *after))
    return reshape_(copies, shape=(*before[:-1], math.prod((before[-1], k)), *after))


methods(expand_dims, squeeze, swapaxes, moveaxis, flip, roll, tile, repeat, unsqueeze=expand_dims)

__all__ = ["expand_dims", "flip", "moveaxis", "repeat", "roll", "squeeze", "swapaxes", "tile"]
