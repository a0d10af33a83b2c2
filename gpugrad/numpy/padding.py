"""np.pad in every mode that has a meaning for Tensors: each axis in turn, as NumPy goes."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..errors import ArgumentError, ShapeError
from ..ops.axes import as_int

_KEYWORD = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "maximum": "stat_length",
    "mean": "stat_length",
    "median": "stat_length",
    "minimum": "stat_length",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    "edge": "",
    "empty": "",
    "wrap": "",
}
_STATISTICS = {"maximum": "max", "mean": "mean", "median": "median", "minimum": "min"}
Pair = tuple[Any, Any]


def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """numpy.pad: a Tensor with more elements at the ends of its axes; mode "empty" fills with zeros.

    Gradients of elements that are used again add up.  Raises ArgumentError for another mode (a function among them, as
    it would write in place) or a keyword of another mode, ShapeError for widths that do not fit the axes.
    """
    if not isinstance(mode, str) or mode not in _KEYWORD:
        raise ArgumentError(f"pad: mode is {mode!r}; expected one of {tuple(_KEYWORD)}")
    if others := set(kwargs) - {_KEYWORD[mode]}:
        raise ArgumentError(f"pad: got {sorted(others)} with mode {mode!r}; expected {_KEYWORD[mode] or 'none'}")
    value: Any = kwargs.get(_KEYWORD[mode])
    given = _pairs("pad_width", _by_axis(pad_width, array.ndim), array.ndim)
    widths = [(as_int("pad", "a width", a), as_int("pad", "a width", b)) for a, b in given]
    if any(n < 0 for pair in widths for n in pair):
        raise ArgumentError(f"pad: pad_width is {pad_width!r}; expected no negative width (cut with x[1:-1] instead)")
    if mode in ("reflect", "symmetric") and value not in (None, "even", "odd"):
        raise ArgumentError(f"pad: reflect_type is {value!r}; expected 'even' or 'odd'")
    if mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and value != "odd"):
        return ops.pad(array, widths, mode)
    if mode in ("constant", "empty") and np.ndim(value) == 0:
        return ops.pad(array, widths, constant_values=0 if value is None else value)
    ends = _pairs(_KEYWORD[mode], 0 if value is None and mode not in _STATISTICS else value, array.ndim)
    for axis, width in enumerate(widths):
        if any(width):
            array = _of_axis(mode)(array, axis, width, ends[axis])
    return array


def _of_axis(mode: str) -> Callable[..., Any]:
    if mode in _STATISTICS:
        return lambda x, axis, width, lengths: _statistic(_STATISTICS[mode], x, axis, width, lengths)
    if mode in ("reflect", "symmetric"):
        return lambda x, axis, width, _: _odd(mode == "symmetric", x, axis, width)
    return _ramp if mode == "linear_ramp" else _constants


def _by_axis(given: Any, ndim: int) -> Any:
    """pad_width as a dictionary, {axis: width}, written out."""
    if not isinstance(given, dict):
        return given
    pairs: list[Any] = [(0, 0)] * ndim
    for axis, width in given.items():
        if not -ndim <= axis < ndim:
            raise ShapeError(f"pad: pad_width has axis {axis}; expected {-ndim} to {ndim - 1}")
        pairs[axis] = (width, width) if np.ndim(width) == 0 else width
    return pairs


def _pairs(name: str, given: Any, ndim: int) -> tuple[Pair, ...]:
    """(before, after) for each axis, from one number, one pair or one for each."""
    if given is None or isinstance(given, str):
        return ((given, given),) * ndim
    try:
        return tuple((a, b) for a, b in np.broadcast_to(np.asarray(given), (ndim, 2)).tolist())
    except ValueError:
        raise ShapeError(
            f"pad: {name} is {given!r}; expected a number, or (before, after) for each of {ndim} axes"
        ) from None


def _constants(x: Any, axis: int, width: Pair, values: Pair) -> Any:
    for side, value in enumerate(values):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (width[0], 0) if side == 0 else (0, width[1])
        x = ops.pad(x, widths, constant_values=value)
    return x


def _cut(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _joined(x: Any, axis: int, width: Pair, ends: Pair) -> Any:
    parts = [part for part, n in ((ends[0], width[0]), (x, 1), (ends[1], width[1])) if n]
    return ops.concatenate([ops.astype(part, x.dtype) for part in parts], axis=axis)


def _wide(x: Any, axis: int, n: int) -> Any:
    return ops.broadcast_to(x, (*x.shape[:axis], n, *x.shape[axis + 1 :]))


def _statistic(name: str, x: Any, axis: int, width: Pair, lengths: Pair) -> Any:
    n = x.shape[axis]
    chosen = [n if length is None else min(int(length), n) for length in lengths]
    if min(chosen) < 1:
        raise ArgumentError(f"pad: axis {axis} of length {n} has stat_length {lengths}; expected at least one element")
    ends = []
    for part, k in ((_cut(x, axis, 0, chosen[0]), width[0]), (_cut(x, axis, n - chosen[1], n), width[1])):
        y = getattr(ops, name)(part, axis=axis, keepdims=True)
        ends.append(_wide(ops.round(y) if x.dtype.kind in "iu" else y, axis, k))
    return _joined(x, axis, width, (ends[0], ends[1]))


def _ramp(x: Any, axis: int, width: Pair, values: Pair) -> Any:
    """From an end value, which is reached, to the edge, which is not repeated."""
    n, ends = x.shape[axis], []
    if not n:
        raise ShapeError(f"pad: axis {axis} is empty and has no edge; use mode='constant'")
    for side, (k, value) in enumerate(zip(width, values, strict=True)):
        edge = _cut(x, axis, 0, 1) if side == 0 else _cut(x, axis, n - 1, n)
        steps = np.arange(k, dtype=x.dtype if x.dtype.kind == "f" else np.float64)
        steps = (steps if side == 0 else steps[::-1]).reshape(-1, *(1,) * (x.ndim - 1 - axis))
        y = (edge - value) / max(k, 1) * steps + value
        ends.append(ops.floor(y) if x.dtype.kind in "iu" else y)
    return _joined(x, axis, width, (ends[0], ends[1]))


def _odd(with_edge: bool, x: Any, axis: int, width: Pair) -> Any:
    """Turned about its ends again and again: element i + 2 period is element i plus twice the rise from end to end."""
    n = x.shape[axis]
    if n <= 1:
        return ops.pad(x, [width if i == axis else (0, 0) for i in range(x.ndim)], "edge")
    period = n if with_edge else n - 1
    number = ops.astype(x, np.int64) if x.dtype.kind == "b" else x
    first, last = _cut(number, axis, 0, 1), _cut(number, axis, n - 1, n)

    def turn(k: int, start: int, stop: int) -> Any:
        """Elements start to stop, both between k period and (k + 1) period."""
        start, stop = start - k * period, stop - k * period
        odd = k % 2
        y = -ops.flip(_cut(number, axis, n - stop, n - start), axis) if odd else _cut(number, axis, start, stop)
        for times, end in ((k + odd, last), (odd - k, first)):
            y = y + times * end if times else y  # no 0 * infinity
        return y

    def stretch(start: int, stop: int) -> Any:
        marks = sorted({start, stop, *range(-(-start // period) * period, stop, period)})
        return ops.concatenate([turn(i // period, i, j) for i, j in itertools.pairwise(marks)], axis=axis)

    ends = (stretch(-width[0], 0) if width[0] else None), (stretch(n, n + width[1]) if width[1] else None)
    return _joined(x, axis, width, ends)


__all__ = ["pad"]
