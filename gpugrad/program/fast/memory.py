"""Where code finds arrays: a table of addresses, and for each array its place in the table, offset and strides."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .assembly import SCALARS, Function, kind_of, mask, stored, vector


class Place(NamedTuple):
    """An array: entry `slot` of the table plus `offset` bytes is its first element's address; strides in bytes."""

    slot: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any

    def spread(self, shape: tuple[int, ...]) -> "Place":
        """Seen with another shape that it broadcasts to."""
        missing = len(shape) - len(self.shape)
        strides = [0] * missing + [s if n != 1 else 0 for n, s in zip(self.shape, self.strides, strict=True)]
        return self._replace(shape=shape, strides=tuple(strides))

    def address(self, f: Function) -> str:
        """The address of the first element."""
        slot = f.once(f"getelementptr i8, ptr %table, i64 {8 * self.slot}")
        base = f.once(f"load ptr, ptr {slot}, align 8, !invariant.load !0")
        return f.once(f"getelementptr i8, ptr {base}, i64 {self.offset}") if self.offset else base


def collapse(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Fewer, longer axes over which all arrays step alike; the first array's smallest stride last."""
    order = sorted((i for i, n in enumerate(shape) if n != 1), key=lambda i: [-abs(s[i]) for s in strides])
    lengths: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for i in order:
        n = shape[i]
        if lengths and all(own[-1] == s[i] * n for own, s in zip(steps, strides, strict=True)):
            lengths[-1] *= n
            for own, s in zip(steps, strides, strict=True):
                own[-1] = s[i]
        else:
            lengths.append(n)
            for own, s in zip(steps, strides, strict=True):
                own.append(s[i])
    return lengths or [1], [own or [0] for own in steps]


def load(f: Function, pointer: str, stride: int, dtype: Any, lanes: int, live: int) -> str:
    """`live` elements that lie `stride` bytes apart, in a vector of lanes, in the register's type."""
    element, of = stored(dtype), vector(stored(dtype), lanes)
    if stride == 0:
        x = f(f"load {element}, ptr {pointer}, align 1")
        x = f(f"insertelement {of} poison, {element} {x}, i64 0")
        x = f(f"shufflevector {of} {x}, {of} poison, <{lanes} x i32> zeroinitializer") if lanes > 1 else x
    elif stride == dtype.itemsize and live == lanes:
        x = f(f"load {of}, ptr {pointer}, align 1")
    elif stride == dtype.itemsize:
        name, bits = f"llvm.masked.load.{_suffix(element, lanes)}.p0", f"<{lanes} x i1> {mask(live, lanes)}"
        x = f(f"call {of} @{name}(ptr {pointer}, i32 1, {bits}, {of} zeroinitializer)")
    else:
        x = "zeroinitializer"
        for i in range(live):
            one = f(f"load {element}, ptr {f.at(pointer, i * stride)}, align 1")
            x = f(f"insertelement {of} {x}, {element} {one}, i64 {i}")
    return f(f"icmp ne {of} {x}, zeroinitializer") if dtype.kind == "b" else x


def store(f: Function, x: str, pointer: str, stride: int, dtype: Any, lanes: int, live: int) -> None:
    """The first `live` elements of a vector, `stride` bytes apart."""
    element, of = stored(dtype), vector(stored(dtype), lanes)
    if dtype.kind == "b":
        x = f(f"zext <{lanes} x i1> {x} to {of}")
    if stride == dtype.itemsize and live == lanes:
        f.do(f"store {of} {x}, ptr {pointer}, align 1")
    elif stride == dtype.itemsize:
        bits = f"<{lanes} x i1> {mask(live, lanes)}"
        f.do(f"call void @llvm.masked.store.{_suffix(element, lanes)}.p0({of} {x}, ptr {pointer}, i32 1, {bits})")
    else:
        for i in range(live):
            one = f(f"extractelement {of} {x}, i64 {i}")
            f.do(f"store {element} {one}, ptr {f.at(pointer, i * stride)}, align 1")


def _suffix(element: str, lanes: int) -> str:
    return f"v{lanes}{element.replace('float', 'f32').replace('double', 'f64')}"


def register_type(dtype: Any, lanes: int) -> str:
    """The type of a vector in registers."""
    return vector(SCALARS[kind_of(dtype)], lanes)
