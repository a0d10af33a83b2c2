"""Pass "finish": a matrix product and the pointwise calls that alone read it become one call.

The product itself is nobody's any more, so it needs no memory, and what is made of it may be written over another input
of the pointwise calls: the gradient behind a relu over the relu's value.
"""

from typing import Any

from ..ir import Call, Program, Value
from ..listed import made_in_order


class Finished:
    """What stands in such a call in place of a primitive: a product, views of it, and one pointwise call."""

    name = kind = "finished"

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls

    @property
    def product(self) -> Call:
        """The matrix product."""
        return self.calls[0]

    @property
    def products(self) -> list[Value]:
        """The product's value, and the views of it."""
        return [v for c in self.calls[:-1] for v in c.outputs]

    @property
    def pointwise(self) -> list[Call]:
        """The pointwise calls, one by one."""
        last = self.calls[-1]
        return last.primitive.calls if last.kind == "fused" else [last]

    @property
    def n_product(self) -> int:
        """How many of the inputs are the product's; the others are the pointwise call's."""
        return len(self.product.inputs)

    def run(self, call: Call, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs' arrays, computed one call after the other."""
        return made_in_order(self.calls, call, arrays)


def finish_products(program: Program) -> Program:
    """The program with products and what follows them in one call, at the place of what follows."""
    search = _Search(program)
    calls: dict[int, Call] = {id(call): call for call in program.calls}
    for call in program.calls:
        found = search.before(call)
        if found:
            calls[id(call)] = _joined([*found, call])
            for c in found:
                del calls[id(c)]
    return program.with_calls(list(calls.values()))


def _joined(calls: list[Call]) -> Call:
    product, last = calls[0], calls[-1]
    made = {v for c in calls for v in c.outputs}
    others = [v for v in dict.fromkeys(last.values) if v not in made]
    return Call(Finished(calls), (*product.inputs, *others), last.outputs)


class _Search:
    def __init__(self, program: Program) -> None:
        self._makers, self._readers, self._ends = program.makers(), program.readers(), program.ends()
        self._position = {id(call): i for i, call in enumerate(program.calls)}

    def before(self, call: Call) -> list[Call]:
        """The latest product, with views of it, that this pointwise call may be joined to; or nothing."""
        if call.kind not in ("pointwise", "fused") or len({v.shape for v in call.outputs}) != 1:
            return []
        chains = [self._chain(v, call) for v in dict.fromkeys(call.values)]
        chains = [c for c in chains if c and self._fits(c[0], call)]
        return max(chains, key=lambda chain: self._position[id(chain[0])], default=[])

    def _chain(self, v: Value, reader: Call) -> list[Call]:
        found: list[Call] = []
        while self._readers[v] == [reader] and v not in self._ends and (maker := self._makers.get(v)) is not None:
            found.insert(0, maker)
            if maker.kind == "product":
                return found
            if maker.primitive.name != "bitcast":
                break
            v, reader = next(maker.values), maker
        return []

    def _fits(self, product: Call, call: Call) -> bool:
        """True for a product of matrices, of the shape of the call, for which no more has to be kept than it is."""
        (y,) = product.outputs
        of_values = all(type(x) is Value and x.dtype == y.dtype and len(x.shape) == 2 for x in product.inputs)
        if not of_values or y.shape != call.outputs[0].shape:
            return False
        kept = {self._root(x) for x in product.values}
        kept = {x for x in kept if x.kind == "temp" and self._last_read(x) < self._position[id(call)]}
        is_next = self._position[id(call)] == self._position[id(product)] + 1
        return is_next or sum(x.nbytes for x in kept) <= y.nbytes

    def _root(self, x: Value) -> Value:
        while x in self._makers and self._makers[x].kind == "view":
            x = next(self._makers[x].values)
        return x

    def _last_read(self, x: Value) -> float:
        """The position of the last call that reads it, or a view of it."""
        if x in self._ends:
            return float("inf")
        found = [-1.0]
        for c in self._readers.get(x, ()):
            found.append(max(map(self._last_read, c.outputs)) if c.kind == "view" else self._position[id(c)])
        return max(found)
