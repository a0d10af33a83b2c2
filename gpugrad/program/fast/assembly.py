"""LLVM assembly written as text: functions, loops, and vectors of numbers."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

SCALARS = {"f4": "float", "f8": "double", "b1": "i1"} | {f"{k}{n}": f"i{8 * n}" for k in "iu" for n in (1, 2, 4, 8)}


def kind_of(dtype: Any) -> str:
    """f4, i8, b1, ..."""
    return f"{dtype.kind}{dtype.itemsize}"


def is_native(dtype: Any) -> bool:
    """True for the dtypes that code is generated for."""
    return kind_of(dtype) in SCALARS and dtype.isnative


def stored(dtype: Any) -> str:
    """The type of one element in memory."""
    return "i8" if dtype.kind == "b" else SCALARS[kind_of(dtype)]


def vector(element: str, lanes: int) -> str:
    """<16 x float>"""
    return f"<{lanes} x {element}>"


def number(x: Any, dtype: Any) -> str:
    """A constant as LLVM writes it."""
    if dtype.kind == "f":
        return "0x" + struct.pack(">d", float(np.asarray(x).astype(dtype))).hex().upper()
    return str(int(np.asarray(x).astype(dtype)))


def splat(x: Any, dtype: Any, lanes: int) -> str:
    """A constant vector of one number."""
    element = SCALARS[kind_of(dtype)]
    return "<" + ", ".join([f"{element} {number(x, dtype)}"] * lanes) + ">"


def mask(n: int, lanes: int) -> str:
    """A constant vector of bits: the first n are set."""
    return "<" + ", ".join(f"i1 {int(i < n)}" for i in range(lanes)) + ">"


class Function:
    """The lines of a function while it is written."""

    def __init__(self, name: str, params: str, result: str = "void", inline: bool = False) -> None:
        self.name, self.params, self.result, self.inline = name, params, result, inline
        self.lines: list[str] = []
        self.block = "entry"
        self._count = 0
        self._entry: dict[str, str] = {}  # lines wanted once, at the start
        self.first: list[str] = []

    def __call__(self, text: str) -> str:
        """A new name for the value of an instruction."""
        name = f"%v{self._new()}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a value."""
        self.lines.append(f"  {text}")

    def once(self, text: str) -> str:
        """The value of an instruction at the function's start, which is written there once."""
        if text not in self._entry:
            self._entry[text] = f"%e{len(self._entry)}"
        return self._entry[text]

    def begin(self, label: str) -> None:
        """Start a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def label(self) -> str:
        """A new name of a block."""
        return f"b{self._new()}"

    def at(self, pointer: str, offset: Any) -> str:
        """The address `offset` bytes further on."""
        return pointer if offset in (0, "0") else self(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def add(self, x: str, n: int) -> str:
        """x + n"""
        return self(f"add nsw i64 {x}, {n}") if n else x

    def along(self, pointer: str, index: str, stride: int) -> str:
        """The address of element `index` of elements that lie `stride` bytes apart."""
        if not stride or index == "0":
            return pointer
        return self.at(pointer, self(f"mul nsw i64 {index}, {stride}") if stride != 1 else index)

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1, carried: Sequence[tuple[str, str]] = ()) -> Iterator["Loop"]:
        """A loop whose body runs at least once; `carried` are (type, first value) of what it hands on."""
        if type(start) is int and type(stop) is int and stop - start <= step:
            once = Loop(self, str(start), [x for _, x in carried])
            yield once
            return
        head, latch, end = self.label(), self.label(), self.label()
        before = self.block
        self.do(f"br label %{head}")
        self.begin(head)
        where = len(self.lines)
        loop = Loop(self, f"%v{self._new()}", [f"%v{self._new()}" for _ in carried])
        yield loop
        self.do(f"br label %{latch}")
        self.begin(latch)
        after = self(f"add nuw nsw i64 {loop.index}, {step}")
        self.do(f"br i1 {self(f'icmp slt i64 {after}, {stop}')}, label %{head}, label %{end}")
        phis = [f"  {loop.index} = phi i64 [ {start}, %{before} ], [ {after}, %{latch} ]"]
        for (kind, first), inside, last in zip(carried, loop.inside, loop.values, strict=True):
            phis.append(f"  {inside} = phi {kind} [ {first}, %{before} ], [ {last}, %{latch} ]")
        self.lines[where:where] = phis
        self.begin(end)

    @contextmanager
    def span(self, start: Any, stop: Any, low: int, high: int) -> Iterator[str]:
        """The part of low to high - 1 that lies in start to stop - 1, which may be empty."""
        if type(start) is int and type(stop) is int:
            start, stop = max(start, low), min(stop, high)
        else:
            start = self(f"call i64 @llvm.smax.i64(i64 {start}, i64 {low})")
            stop = self(f"call i64 @llvm.smin.i64(i64 {stop}, i64 {high})")
        with self.when(f"slt i64 {start}, {stop}"), self.loop(start, stop) as loop:
            yield loop.index

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """A block that is run where two integers compare so."""
        inside, after = self.label(), self.label()
        self.do(f"br i1 {self(f'icmp {condition}')}, label %{inside}, label %{after}")
        self.begin(inside)
        yield
        self.do(f"br label %{after}")
        self.begin(after)

    def _new(self) -> int:
        self._count += 1
        return self._count

    def text(self) -> str:
        """The function, as text."""
        scope = "internal " if self.inline else ""
        head = [f"define {scope}{self.result} @{self.name}({self.params}) #{0 if self.inline else 1} {{", "entry:"]
        head += self.first
        head += [f"  {name} = {text}" for text, name in self._entry.items()]
        return "\n".join([*head, *self.lines, "}"])


class Loop:
    """`index`, and the values handed from one turn to the next: set `values` in the body, read them after it."""

    def __init__(self, function: Function, index: str, carried: list[str]) -> None:
        self.index, self.inside, self.values = index, carried, list(carried)
