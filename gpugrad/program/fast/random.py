"""Philox 4x32-10 on vectors of LLVM: dropout's masks, bit for bit those of ops/random.py.

A lane is a block of four words, each in the low half of 64 bits.  The upper halves may hold anything: what is
multiplied is cut to 32 bits first, which processors that multiply 32 by 32 bits do by themselves.
"""

from typing import Any

import numpy as np

from ...ops.random import KEY_STEPS, MULTIPLIERS, ROUNDS, threshold
from .assembly import Function, splat, vector
from .memory import Place, store

WORK = 32  # of a word, where a pointwise call's is 1 for each element
_WORD, _BYTE = np.dtype("u8"), np.dtype("u1")
_LOW = 0xFFFFFFFF


def knows(call: Any) -> bool:
    """True for a mask named by two numbers in memory."""
    return all(hasattr(v, "kind") and v.shape == () and v.dtype == _WORD for v in call.inputs)


class Kept:
    """Which elements dropout keeps: a byte each, in groups of as many blocks as a vector has lanes."""

    def __init__(self, call: Any, key: Place, counter: Place, to: Place, lanes: int) -> None:
        self.key, self.counter, self.to, self.lanes = key, counter, to, lanes
        self.size, self.limit = call.outputs[0].size, threshold(call.params["p"])
        self.group = 4 * lanes

    def rows(self) -> int:
        """Groups, of which the last may not be full."""
        return -(-self.size // self.group)

    def write(self, f: Function, start: Any, stop: Any) -> None:
        """Groups from start to stop."""
        to, philox = self.to.address(f), Philox(f, self.key, self.counter, self.lanes)
        whole, rest = divmod(self.size, self.group)
        if whole:
            with f.span(start, stop, 0, whole) as i:
                self._group(f, philox, i, f.along(to, i, self.group), self.group)
        if rest:
            with f.when(f"sgt i64 {stop}, {whole}"):
                self._group(f, philox, str(whole), f.at(to, whole * self.group), rest)

    def _group(self, f: Function, philox: "Philox", i: str, to: str, live: int) -> None:
        """Words 0 to 3 of a block go to bytes 0 to 3 of a 32-bit lane, and these lie in memory as the words would."""
        kind, bits = philox.kind, vector("i32", self.lanes)
        kept = "zeroinitializer"
        for j, word in enumerate(philox.words(f(f"mul i64 {i}, {self.lanes}"))):
            above = f(f"icmp uge {kind} {philox.low(word)}, {splat(self.limit, _WORD, self.lanes)}")
            byte = splat(1 << 8 * j, np.dtype("u4"), self.lanes)
            own = f(f"select <{self.lanes} x i1> {above}, {bits} {byte}, {bits} zeroinitializer")
            kept = f(f"or {bits} {kept}, {own}")
        store(f, f(f"bitcast {bits} {kept} to {vector('i8', self.group)}"), to, 1, _BYTE, self.group, live)


class Philox:
    """The generator of one key and counter, which are read once."""

    def __init__(self, f: Function, key: Place, counter: Place, lanes: int) -> None:
        self.f, self.lanes, self.kind = f, lanes, vector("i64", lanes)
        self.factors = [splat(m, _WORD, lanes) for m in MULTIPLIERS]
        self.counter = [self._all(half) for half in self._halves(counter)]
        halves = self._halves(key)
        self.keys = [
            [self._all(f(f"add i64 {half}, {int(step)}")) for half, step in zip(halves, KEY_STEPS[i], strict=True)]
            for i in range(ROUNDS)
        ]

    def words(self, first: str) -> list[str]:
        """The four words of each of the blocks from number `first`, a multiple of the lanes."""
        lanes = ", ".join(f"i64 {i}" for i in range(self.lanes))
        c0 = self._xor(self._all(first), f"<{lanes}>")
        c1 = self._all(self.f(f"lshr i64 {first}, 32"))
        c2, c3 = self.counter
        for k0, k1 in self.keys:
            p, q = self._product(c0, 0), self._product(c2, 1)
            c0, c2 = self._xor(self._xor(self._high(q), c1), k0), self._xor(self._xor(self._high(p), c3), k1)
            c1, c3 = q, p
        return [c0, c1, c2, c3]

    def low(self, x: str) -> str:
        """The lower 32 bits alone."""
        return self.f(f"and {self.kind} {x}, {splat(_LOW, _WORD, self.lanes)}")

    def _product(self, x: str, which: int) -> str:
        return self.f(f"mul {self.kind} {self.low(x)}, {self.factors[which]}")

    def _high(self, x: str) -> str:
        return self.f(f"lshr {self.kind} {x}, {splat(32, _WORD, self.lanes)}")

    def _xor(self, a: str, b: str) -> str:
        return self.f(f"xor {self.kind} {a}, {b}")

    def _halves(self, place: Place) -> list[str]:
        x = self.f(f"load i64, ptr {place.address(self.f)}, align 1")
        return [self.f(f"and i64 {x}, {_LOW}"), self.f(f"lshr i64 {x}, 32")]

    def _all(self, x: str) -> str:
        """A vector of one number."""
        one = self.f(f"insertelement {self.kind} poison, i64 {x}, i64 0")
        return self.f(f"shufflevector {self.kind} {one}, {self.kind} poison, <{self.lanes} x i32> zeroinitializer")
