"""Pointwise calls on a matrix product, done to each of its tiles while that is in the registers."""

from collections.abc import Callable
from typing import Any

from ..elementary import COSTLY
from .assembly import Function
from .elementwise import Lanes
from .loops import written_and_read
from .memory import Place, load, register_type, store
from .products import turned


def is_light(call: Any) -> bool:
    """False with costly functions: for each vector of a tile again they take long to compile, and gain no time."""
    return not any(c.primitive.name in COSTLY for c in call.primitive.pointwise)


class Finish:
    """The pointwise calls behind a product, on a tile of it: no other memory is touched at any element than its own.

    call: a "finished" one, see passes/finishing.py.
    """

    def __init__(self, number: int, call: Any, place: Callable[[Any], Place]) -> None:
        self.name, self.calls, self.n_outputs = f"finish{number}", call.primitive.pointwise, len(call.outputs)
        self.values = written_and_read(self.calls, list(call.outputs))
        self.is_product = [v in call.primitive.products for v in self.values]
        shape = call.outputs[0].shape
        none = Place(0, 0, shape, (0, 0), None)
        self.places = [
            none if own else place(v).spread(shape) for v, own in zip(self.values, self.is_product, strict=True)
        ]

    def turn(self) -> None:
        """For the transposed product."""
        self.places = [turned(p) for p in self.places]

    def pointers(self, f: Function, i: str, j: str, columns: int) -> str:
        """The addresses of row i and panel j in all arrays, as a tile's function takes them."""
        found = []
        for p, own in zip(self.places, self.is_product, strict=True):
            row = "poison" if own else f.along(p.address(f), i, p.strides[0])
            found.append(f", ptr {f.along(row, j, columns * p.strides[1])}")
        return "".join(found)

    @property
    def params(self) -> str:
        """Those of a tile's function."""
        return "".join(f", ptr %p{k}" for k in range(len(self.places)))

    def write(self, f: Function, cells: list[Any], sums: list[str], tile: Any) -> None:
        """The calls on vectors of the result; a cell is its row, first column and live lanes."""
        machine, loaded = Lanes(f, tile.lanes), dict[Any, str]()
        for n, cell in enumerate(cells):
            found = {}
            for k in range(self.n_outputs, len(self.values)):
                found[self.values[k]] = self._operand(f, loaded, k, cell, sums[n], tile)
            for call in self.calls:
                operands = [found[x] if hasattr(x, "kind") else x for x in call.inputs]
                found[call.outputs[0]] = machine.apply(call, operands)
            for k in range(self.n_outputs):
                p, x = self.places[k], found[self.values[k]]
                store(f, x, self._at(f, k, cell), p.strides[1], p.dtype, tile.lanes, cell[2])

    def _operand(self, f: Function, loaded: dict[Any, str], k: int, cell: Any, product: str, tile: Any) -> str:
        p = self.places[k]
        if self.is_product[k]:
            kinds = [register_type(d, tile.lanes) for d in (tile.dtype, self.values[k].dtype)]
            return product if kinds[0] == kinds[1] else f(f"bitcast {kinds[0]} {product} to {kinds[1]}")
        key = k, cell[0] * p.strides[0], cell[1] * p.strides[1], cell[2]
        if key not in loaded:
            loaded[key] = load(f, self._at(f, k, cell), p.strides[1], p.dtype, tile.lanes, cell[2])
        return loaded[key]

    def _at(self, f: Function, k: int, cell: Any) -> str:
        p = self.places[k]
        return f.at(f"%p{k}", cell[0] * p.strides[0] + cell[1] * p.strides[1])
