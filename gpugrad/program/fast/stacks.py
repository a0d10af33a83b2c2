"""Products of stacks of matrices of static shape: one after the other, each by one thread."""

import math
from contextlib import ExitStack
from typing import Any, NamedTuple

from .assembly import Function
from .memory import Place, collapse
from .products import Product


class Matrix(NamedTuple):
    """One of a stack: as a Place, but at an address that is computed while the code runs."""

    at: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any

    def address(self, f: Function) -> str:
        """The address of the first element."""
        return self.at


class Stack:
    """C = A B for each pair of matrices of stacks that broadcast; threads share the outermost axis of C."""

    def __init__(self, a: Place, b: Place, c: Place, lanes: int, registers: int) -> None:
        lead = c.shape[:-2]
        self.a, self.b, self.c = (p.spread((*lead, *p.shape[-2:])) for p in (a, b, c))
        self.lengths, self.steps = collapse(lead, [p.strides[:-2] for p in (self.c, self.a, self.b)])
        self._lanes, self._registers = lanes, registers
        one = self._product([""] * 3)
        self.flop, self.bytes_own = one.flop * math.prod(lead), one.bytes_alone

    def _product(self, at: list[str]) -> Product:
        c, a, b = (
            Matrix(where, p.shape[-2:], p.strides[-2:], p.dtype)
            for where, p in zip(at, (self.c, self.a, self.b), strict=True)
        )
        return Product(a, b, c, self._lanes, self._registers, by_one=True)

    def rows(self) -> int:
        """Units of work."""
        return self.lengths[0]

    def write(self, f: Function, own: str, need: Any, start: Any, stop: Any) -> None:
        """Units start to stop, with room for the thread's copies."""
        at = [p.address(f) for p in (self.c, self.a, self.b)]
        with ExitStack() as loops:
            for axis, n in enumerate(self.lengths):
                index = loops.enter_context(f.loop(*((start, stop) if axis == 0 else (0, n)))).index
                at = [f.along(p, index, s[axis]) for p, s in zip(at, self.steps, strict=True)]
            self._product(at).write_alone(f, own, need)
