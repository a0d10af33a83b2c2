"""Pass "fuse": pointwise calls of one shape that feed each other become one call, which needs one pass over memory."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any

from ...backend import backend_of_type
from ..elementary import COSTLY
from ..ir import Call, Program, Value
from ..listed import made_in_order

LARGEST = 128  # weight of a group: what makes code of it takes ever longer for longer ones, and little is left to gain


class Fused:
    """What stands in a fused call in place of a primitive: its elementary `calls`, in order, on Values of its own."""

    name, kind = "fused", "fused"

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.kernels: Any = None  # written for it, once it has run on a GPU

    def bind(self, backend: Any) -> Callable[..., Any]:
        """A function of the fused call's input arrays; for where nothing better is done with it."""
        raise TypeError("a fused call is run by its calls")

    def run(self, call: Call, arrays: tuple[Any, ...], outs: dict[int, Any] | None = None) -> tuple[Any, ...]:
        """The outputs' arrays, on a GPU by one kernel, else computed one call after the other.

        outs: on a GPU, arrays in C order that take some of the outputs, by position.
        """
        if backend_of_type(type(arrays[0])).name == "cupy":
            from .pointwise import launched

            if (made := launched(call, arrays, outs)) is not NotImplemented:
                return made
        return made_in_order(self.calls, call, arrays)


def fuse_pointwise(program: Program) -> Program:
    """The program with groups of pointwise calls fused."""
    return fuse(program, _pointwise, lambda call: call.kind == "product")


def fuse(
    program: Program, joins: Callable[[Call], bool], divides: Callable[[Call], bool], numbers: bool = False
) -> Program:
    """The program with groups of calls that join fused; those before and after one that divides stay apart.

    With `numbers` a 0-d value that one call reads is computed where that is, for each element again.
    """
    groups = _Groups(program)
    makers, readers, ends = program.makers(), program.readers(), program.ends()
    stage, stages = 0, {}
    for call in program.calls:
        # What backward makes of a value of forward (the mask of a relu) is made in backward, or it had to be kept.
        stage += divides(call)
        stages[id(call)] = stage
        if not joins(call):
            continue
        for v in call.values:
            maker = makers.get(v)
            if maker is None or stages[id(maker)] != stage or not joins(maker):
                continue
            alone = numbers and v.shape == () and len(readers[v]) == 1 and v not in ends
            if alone or maker.outputs[0].shape == call.outputs[0].shape:
                groups.merge(call, maker)
    calls = [c for group in groups.in_order() for c in _fused(group, readers, ends)]
    return program.with_calls([c for c in calls if c.outputs or not isinstance(c.primitive, Fused)])  # read by nobody


def _pointwise(call: Call) -> bool:
    return call.kind == "pointwise" and call.outputs[0].shape != ()


def _fused(group: list[Call], readers: dict[Value, list[Call]], ends: set[Value]) -> list[Call]:
    """One call for a group; the group itself where its outputs differ in shape."""
    made = {v: None for call in group for v in call.outputs}
    inputs = dict.fromkeys(v for call in group for v in call.values if v not in made)
    outputs = [v for v in made if v in ends or any(c not in group for c in readers.get(v, ()))]
    if len(group) == 1 or len({v.shape for v in outputs}) > 1:
        return group
    return [Call(Fused(group), tuple(inputs), tuple(outputs))]


class _Groups:
    """The calls in groups, of which none waits for itself in a circle."""

    def __init__(self, program: Program) -> None:
        makers = program.makers()
        self._calls = program.calls
        self._number = {id(call): i for i, call in enumerate(program.calls)}
        self._group = list(range(len(program.calls)))  # by number of the call
        self._members = [[i] for i in self._group]  # by group
        self._weights = [8 if call.primitive.name in COSTLY else 1 for call in program.calls]  # by group
        self._needs = [{self._number[id(makers[v])] for v in call.values if v in makers} for call in program.calls]

    def merge(self, a: Call, b: Call) -> None:
        """Put two calls' groups together, unless a third stands between them or they would be too large."""
        ga, gb = self._group[self._number[id(a)]], self._group[self._number[id(b)]]
        if ga == gb or self._weights[ga] + self._weights[gb] > LARGEST:
            return
        if self._leads(ga, gb) or self._leads(gb, ga):
            return
        self._weights[ga] += self._weights[gb]
        self._members[ga] += self._members[gb]
        for i in self._members[gb]:
            self._group[i] = ga
        self._members[gb] = []

    def _before(self, group: int) -> Iterator[int]:
        return (self._group[j] for i in self._members[group] for j in self._needs[i] if self._group[j] != group)

    def _leads(self, start: int, goal: int) -> bool:
        """True where `start` needs `goal` by way of another group."""
        ahead, seen = [g for g in self._before(start) if g != goal], set()
        while ahead:
            g = ahead.pop()
            if g == goal:
                return True
            if g not in seen:
                seen.add(g)
                ahead += self._before(g)
        return False

    def in_order(self) -> list[list[Call]]:
        """The groups, each after those that it needs, otherwise in the order of the program."""
        waits = {g: set(self._before(g)) for g, members in enumerate(self._members) if members}
        after: dict[int, list[int]] = {g: [] for g in waits}
        for g, needed in waits.items():
            for n in needed:
                after[n].append(g)
        ready: list[tuple[int, int]] = []
        for g in waits:
            if not waits[g]:
                heappush(ready, (max(self._members[g]), g))
        ordered = []
        while ready:
            _, g = heappop(ready)
            ordered.append([self._calls[i] for i in sorted(self._members[g])])
            for later in after[g]:
                waits[later].discard(g)
                if not waits[later]:
                    heappush(ready, (max(self._members[later]), later))
        return ordered
