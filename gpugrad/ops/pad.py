"""Padding: x with more elements at the ends of its axes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .axes import as_int
from .index import take

Widths = tuple[tuple[int, int], ...]
_BY_INDEX = ("edge", "reflect", "symmetric", "wrap")


@primitive(family="shape", saves="x.shape")
def pad_(xp: Any, x: Any, *, widths: Widths, value: float) -> Any:
    """x with `value` at both ends of every axis, as many elements as `widths` says."""
    y = xp.full(tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)), value, dtype=x.dtype)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


@pad_.vjp
def _(F, g, y, x, *, widths, value):
    return F.getitem(g, key=tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True)))


@pad_.jvp
def _(F, t, y, x, *, widths, value):
    return F.pad(t, widths=widths, value=0)


@pad_.batch
def _(F, batched, x, *, widths, value):
    return F.pad(x, widths=((0, 0), *widths), value=value)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Any:
    """x with elements added before and after along each axis.

    pad_width: a number for all, (before, after) for all axes, or one such pair for each axis.  mode: "constant" adds
    `constant_values`, a number; "edge", "reflect", "symmetric" and "wrap" repeat elements of x as NumPy's pad does, and
    their gradients add up.

    Raises ShapeError for widths that do not fit the axes, ArgumentError for negative widths or an unknown mode.
    """
    x = as_value(x)
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        as_value(constant_values)  # refuses complex numbers, where NumPy would drop a part
        return pad_(x, widths=widths, value=constant_values)
    if mode not in _BY_INDEX:
        raise ArgumentError(f"pad: mode is {mode!r}; expected 'constant' or one of {_BY_INDEX}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            if not x.shape[axis]:
                raise ShapeError(f"pad: axis {axis} is empty and has nothing to repeat; use mode='constant'")
            source = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
            x = take(x, source, axis=axis)
    return x


def _widths(given: Any, ndim: int) -> Widths:
    if not isinstance(given, Iterable):
        given = ((given, given),) * ndim
    pairs = [tuple(p) if isinstance(p, Iterable) else p for p in given]
    if len(pairs) == 2 and not any(isinstance(p, tuple) for p in pairs):
        pairs = [tuple(pairs)] * ndim
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim or any(not isinstance(p, tuple) or len(p) != 2 for p in pairs):
        raise ShapeError(f"pad: pad_width is {given!r}; expected a number or (before, after) for each of {ndim} axes")
    widths = tuple((as_int("pad", "a width", a), as_int("pad", "a width", b)) for a, b in pairs)
    if any(n < 0 for pair in widths for n in pair):
        raise ArgumentError(f"pad: pad_width is {given!r}; expected no negative width (cut with x[1:-1] instead)")
    return widths


__all__ = ["pad"]
