"""Pointwise calls as loops: one pass over memory for all calls of a group, whole vectors at a time."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from .assembly import Function
from .elementwise import Lanes
from .memory import Place, collapse, load, store

Visit = Callable[[list[str], int, int], None]  # (an address for each array, lanes, live lanes)


class Nest:
    """Loops over all elements of arrays of one shape, of which each visit sees one vector full."""

    def __init__(self, places: list[Place], lanes: int) -> None:
        self.lengths, self.steps = collapse(places[0].shape, [p.strides for p in places])
        self.places = places
        n = self.lengths[-1]
        self.lanes = lanes if n >= lanes else 1 << (n - 1).bit_length()

    @property
    def size(self) -> int:
        """Elements."""
        return int(np.prod(self.lengths))

    def rows(self) -> int:
        """What the outermost loop counts: vectors where there is one loop, else turns."""
        return -(-self.lengths[0] // self.lanes) if len(self.lengths) == 1 else self.lengths[0]

    def write(self, f: Function, visit: Visit, start: Any = 0, stop: Any = None) -> None:
        """The loops, or `rows` from start to stop of them."""
        pointers = [p.address(f) for p in self.places]
        if len(self.lengths) == 1:
            return self._flat(f, visit, pointers, start, stop)
        with ExitStack() as stack:
            for depth, n in enumerate(self.lengths[:-1]):
                own = (start, n if stop is None else stop) if depth == 0 else (0, n)
                index = stack.enter_context(f.loop(*own)).index
                pointers = [f.along(p, index, s[depth]) for p, s in zip(pointers, self.steps, strict=True)]
            self._inner(f, visit, pointers)

    def _inner(self, f: Function, visit: Visit, pointers: list[str]) -> None:
        whole, rest = divmod(self.lengths[-1], self.lanes)
        if whole:
            with f.loop(0, whole * self.lanes, self.lanes) as loop:
                visit(self._moved(f, pointers, loop.index), self.lanes, self.lanes)
        if rest:
            visit(self._moved(f, pointers, str(whole * self.lanes)), self.lanes, rest)

    def _flat(self, f: Function, visit: Visit, pointers: list[str], start: Any, stop: Any) -> None:
        if stop is None:
            return self._inner(f, visit, pointers)
        whole, rest = divmod(self.lengths[-1], self.lanes)
        with f.span(start, stop, 0, whole) as i:
            visit(self._moved(f, pointers, f(f"mul nuw nsw i64 {i}, {self.lanes}")), self.lanes, self.lanes)
        if rest:
            with f.when(f"sgt i64 {stop}, {whole}"):
                visit(self._moved(f, pointers, str(whole * self.lanes)), self.lanes, rest)

    def _moved(self, f: Function, pointers: list[str], index: str) -> list[str]:
        return [f.along(p, index, s[-1]) for p, s in zip(pointers, self.steps, strict=True)]


def written_and_read(calls: list[Any], outputs: list[Any]) -> list[Any]:
    """The outputs of a group of calls, and then the values that it takes from others."""
    made = {v for c in calls for v in c.outputs}
    return [*outputs, *dict.fromkeys(v for c in calls for v in c.values if v not in made)]


class Pointwise:
    """A group of elementwise calls: what it reads and writes, and its loops."""

    def __init__(self, calls: list[Any], outputs: list[Any], place: Callable[[Any], Place], lanes: int) -> None:
        self.calls, self.outputs = calls, outputs
        values = written_and_read(calls, outputs)
        self.inputs = values[len(outputs) :]
        self.nest = Nest([place(v).spread(outputs[0].shape) for v in values], lanes)

    def write(self, f: Function, start: Any = 0, stop: Any = None) -> None:
        """The loops."""
        self.nest.write(f, lambda pointers, lanes, live: self._visit(f, pointers, lanes, live), start, stop)

    def _visit(self, f: Function, pointers: list[str], lanes: int, live: int) -> None:
        n, steps = len(self.outputs), [s[-1] for s in self.nest.steps]
        found = {}
        for v, pointer, step in zip(self.inputs, pointers[n:], steps[n:], strict=True):
            found[v] = load(f, pointer, step, v.dtype, lanes, live)
        machine = Lanes(f, lanes)
        for call in self.calls:
            operands = [found[x] if hasattr(x, "kind") else x for x in call.inputs]
            found[call.outputs[0]] = machine.apply(call, operands)
        for v, pointer, step in zip(self.outputs, pointers[:n], steps[:n], strict=True):
            store(f, found[v], pointer, step if live > 1 else v.dtype.itemsize, v.dtype, lanes, live)
