"""Sums, products, maxima and minima along axes, of one array or of two multiplied: products with a vector.

Sums along rows are taken in as many parts as a vector has lanes, and across rows one row after the other.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from .assembly import Function
from .elementwise import Lanes
from .memory import Place, collapse, load, register_type, store

START = {"add": 0.0, "multiply": 1.0}
_AT_ONCE = 4  # vectors of columns that one pass over the rows sums, at most


def knows(call: Any) -> bool:
    """True for reductions of floats."""
    x, y = call.inputs[0], call.outputs[0]
    both = (x.dtype.kind, y.dtype.kind) == ("f", "f") and min(x.dtype.itemsize, y.dtype.itemsize) >= 4
    return both and call.primitive.name in ("add", "multiply", "maximum", "minimum") and x.size > 0


class Reduction:
    """One reduction of x, or of the products of all `xs`, of one shape: `kept` and `gone` axes, each as few as can be.

    The first of xs decides in which order.
    """

    def __init__(self, name: str, axes: Sequence[int], xs: Sequence[Place], y: Place, lanes: int) -> None:
        self.name, self.xs, self.y = name, xs, y
        shape, size = xs[0].shape, xs[0].dtype.itemsize
        kept = [i for i in range(len(shape)) if i not in axes]
        out = [s for i, s in enumerate(y.strides) if len(y.strides) == len(kept) or i not in axes]
        self.kept, (*self.x_kept, self.y_kept) = collapse(
            [shape[i] for i in kept], [*([x.strides[i] for i in kept] for x in xs), out]
        )
        self.gone, self.x_gone = collapse([shape[i] for i in axes], [[x.strides[i] for i in axes] for x in xs])
        self.by_rows = self.x_gone[0][-1] == size or self.x_kept[0][-1] != size
        n = self.gone[-1] if self.by_rows else self.kept[-1]
        self.lanes = lanes if n >= lanes else 1 << (n - 1).bit_length()
        self.at_once = max(1, min(_AT_ONCE, self.kept[-1] // self.lanes // 4))

    def rows(self) -> int:
        """What the outermost loop counts."""
        if self.by_rows or len(self.kept) > 1:
            return self.kept[0]
        return -(-self.kept[0] // (self.lanes * self.at_once))

    def write(self, f: Function, start: Any, stop: Any) -> None:
        """The loops, from start to stop of the outermost."""
        xs, y = [x.address(f) for x in self.xs], self.y.address(f)
        if not self.by_rows and len(self.kept) == 1:
            return self._columns(f, xs, y, start, stop)
        outer = self.kept if self.by_rows else self.kept[:-1]
        with ExitStack() as stack:
            for depth, n in enumerate(outer):
                index = stack.enter_context(f.loop(*((start, stop) if depth == 0 else (0, n)))).index
                xs, y = _along(f, xs, index, self.x_kept, depth), f.along(y, index, self.y_kept[depth])
            if self.by_rows:
                self._row(f, xs, y)
            else:
                self._columns(f, xs, y, 0, -(-self.kept[-1] // (self.lanes * self.at_once)))

    def _load(self, f: Function, pointers: list[str], steps: list[list[int]], index: int, live: int) -> str:
        """The vector from element `index` on along the last axis of steps; of two arrays the product."""
        machine, made = Lanes(f, self.lanes), ""
        for x, pointer, step in zip(self.xs, pointers, steps, strict=True):
            found = load(f, f.at(pointer, index * step[-1]), step[-1], x.dtype, self.lanes, live)
            found = machine.cast(found, x.dtype, self.y.dtype)
            made = machine.binary("multiply", self.y.dtype, made, found) if made else found
        return made

    def _join(self, f: Function, a: str, b: str, lanes: int) -> str:
        return Lanes(f, lanes).binary(self.name, self.y.dtype, a, b)

    def _start(self) -> Any:
        return START.get(self.name, -np.inf if self.name == "maximum" else np.inf)

    def _row(self, f: Function, xs: list[str], y: str) -> None:
        """All that is summed into one element."""
        kind, machine = register_type(self.y.dtype, self.lanes), Lanes(f, self.lanes)
        first = machine.constant(self._start(), self.y.dtype)
        with ExitStack() as stack:
            loops = []
            total = first
            for depth, n in enumerate(self.gone[:-1]):
                loop = stack.enter_context(f.loop(0, n, 1, [(kind, total)]))
                loops.append(loop)
                total, xs = loop.inside[0], _along(f, xs, loop.index, self.x_gone, depth)
            part = self._line(f, xs, first)
            total = self._join(f, total, part, self.lanes)
            for loop in reversed(loops):
                loop.values = [total]
        self._finish(f, total, y)

    def _line(self, f: Function, xs: list[str], first: str) -> str:
        """A vector of partial sums along the innermost axis."""
        n, steps, lanes = self.gone[-1], self.x_gone, self.lanes
        kind = register_type(self.y.dtype, lanes)
        whole, rest = divmod(n, lanes)
        several = 4 if whole >= 8 else 1
        parts = [first] * several
        if whole // several:
            with f.loop(0, whole // several * several * lanes, several * lanes, [(kind, first)] * several) as loop:
                at = _along(f, xs, loop.index, steps, -1)
                loop.values = [
                    self._join(f, part, self._load(f, at, steps, i * lanes, lanes), lanes)
                    for i, part in enumerate(loop.inside)
                ]
            parts = loop.values
        for i in range(whole // several * several, whole):
            more = self._load(f, xs, steps, i * lanes, lanes)
            parts[i % several] = self._join(f, parts[i % several], more, lanes)
        total = parts[0]
        for part in parts[1:]:
            total = self._join(f, total, part, lanes)
        if rest:
            more = self._load(f, xs, steps, whole * lanes, rest)
            bits = f"<{lanes} x i1> <{', '.join(f'i1 {int(i < rest)}' for i in range(lanes))}>"
            more = f(f"select {bits}, {kind} {more}, {kind} {first}")
            total = self._join(f, total, more, lanes)
        return total

    def _finish(self, f: Function, total: str, y: str) -> None:
        """Sum over the lanes, in halves."""
        lanes = self.lanes
        while lanes > 1:
            kind, lanes = register_type(self.y.dtype, lanes), lanes // 2
            low, high = (", ".join(f"i32 {i + part}" for i in range(lanes)) for part in (0, lanes))
            a = f(f"shufflevector {kind} {total}, {kind} poison, <{lanes} x i32> <{low}>")
            b = f(f"shufflevector {kind} {total}, {kind} poison, <{lanes} x i32> <{high}>")
            total = self._join(f, a, b, lanes)
        store(f, total, y, self.y.dtype.itemsize, self.y.dtype, 1, 1)

    def _columns(self, f: Function, xs: list[str], y: str, start: Any, stop: Any) -> None:
        """Rows summed into a row, some vectors of columns in one pass."""
        n, lanes = self.kept[-1], self.lanes
        block = lanes * self.at_once
        whole, rest = divmod(n, block)
        if whole:
            with f.span(start, stop, 0, whole) as i:
                self._pass(f, xs, y, f(f"mul i64 {i}, {block}"), [lanes] * self.at_once)
        if rest:
            with f.span(start, stop, whole, whole + 1):
                self._pass(f, xs, y, str(whole * block), [min(lanes, rest - i) for i in range(0, rest, lanes)])

    def _pass(self, f: Function, xs: list[str], y: str, index: str, live: list[int]) -> None:
        step, kind = self.y_kept[-1], register_type(self.y.dtype, self.lanes)
        first = Lanes(f, self.lanes).constant(self._start(), self.y.dtype)
        xs, y = _along(f, xs, index, self.x_kept, -1), f.along(y, index, step)
        totals = [first] * len(live)
        with ExitStack() as stack:
            loops = []
            for depth, n in enumerate(self.gone):
                loop = stack.enter_context(f.loop(0, n, 1, [(kind, t) for t in totals]))
                loops.append(loop)
                totals, xs = loop.inside, _along(f, xs, loop.index, self.x_gone, depth)
            totals = [
                self._join(f, t, self._load(f, xs, self.x_kept, i * self.lanes, m), self.lanes)
                for i, (t, m) in enumerate(zip(totals, live, strict=True))
            ]
            for loop in reversed(loops):
                loop.values = totals
        totals = loops[0].values
        for i, (t, m) in enumerate(zip(totals, live, strict=True)):
            store(f, t, f.at(y, i * self.lanes * step), step, self.y.dtype, self.lanes, m)


def _along(f: Function, pointers: list[str], index: str, steps: list[list[int]], axis: int) -> list[str]:
    return [f.along(p, index, step[axis]) for p, step in zip(pointers, steps, strict=True)]
