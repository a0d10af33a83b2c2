"""Elements picked by labels, one in each row, and the check of labels."""

import math
from typing import Any

from .assembly import SCALARS, Function, kind_of
from .memory import Place


def knows(call: Any) -> bool:
    """True for floats picked by integer labels."""
    x, index = call.inputs[:2]
    return x.dtype.kind == "f" and index.dtype.kind in "iu" and all(hasattr(v, "kind") for v in call.inputs)


def _label(f: Function, index: Place, row: str, stride: int) -> str:
    kind = SCALARS[kind_of(index.dtype)]
    label = f(f"load {kind}, ptr {f.along(index.address(f), row, stride)}, align 1")
    if kind == "i64":
        return label
    return f(f"{'sext' if index.dtype.kind == 'i' else 'zext'} {kind} {label} to i64")


def write(f: Function, call: Any, places: list[Place]) -> None:
    """pick: y[i] = x[i, index[i]]; unpick, where y holds x already: y[i, index[i]] -= h[i]."""
    x, index, y = places[0], places[1], places[-1]
    picks = len(places) == 3
    kind, of = SCALARS[kind_of(x.dtype)], x if picks else y
    with f.loop(0, index.shape[0]) as loop:
        label = _label(f, index, loop.index, index.strides[0])
        picked = f.along(f.along(of.address(f), loop.index, of.strides[0]), label, of.strides[1])
        value, to = f(f"load {kind}, ptr {picked}, align 1"), picked
        if picks:
            to = f.along(y.address(f), loop.index, y.strides[0])
        else:
            h = f.along(places[2].address(f), loop.index, places[2].strides[0])
            less = f(f"load {kind}, ptr {h}, align 1")
            value = f(f"fsub {kind} {value}, {less}")
        f.do(f"store {kind} {value}, ptr {to}, align 1")


def check(f: Function, index: Place, n_classes: int, status: int) -> None:
    """Leave with a status where a label is not one of the classes."""
    with f.loop(0, math.prod(index.shape), 1, [("i1", "0")]) as loop:
        label = _label(f, index, loop.index, index.dtype.itemsize)
        loop.values = [f(f"or i1 {loop.inside[0]}, {f(f'icmp uge i64 {label}, {n_classes}')}")]
    leave, on = f.label(), f.label()
    f.do(f"br i1 {loop.values[0]}, label %{leave}, label %{on}")
    f.begin(leave)
    f.do(f"ret i32 {status}")
    f.begin(on)
