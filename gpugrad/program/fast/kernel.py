"""The innermost part of a matrix product: one tile of the result in registers, and copies into better order."""

from typing import Any, NamedTuple

from .assembly import SCALARS, Function, kind_of, vector
from .memory import load, store

UNROLLED = 24  # multiply-adds in a loop's body, at least


class Tile(NamedTuple):
    """What a tile's code depends on: C[rows, columns] = or += A[rows, k] B[k, columns]; strides in bytes."""

    rows: int
    columns: int
    k: int
    a_row: int
    a_k: int
    b_k: int
    b_full: bool  # whole vectors may be read of B
    c_row: int
    accumulate: bool
    dtype: Any
    lanes: int
    finish: Any = None  # pointwise calls on the result, see finishing.py

    @property
    def live(self) -> list[int]:
        """Columns in each vector."""
        return [min(self.lanes, self.columns - j) for j in range(0, self.columns, self.lanes)]

    @property
    def name(self) -> str:
        flags = ("f" if self.b_full else "m") + ("a" if self.accumulate else "s")
        numbers = (*self[:6], self.c_row, self.lanes)
        text = "_".join(str(x).replace("-", "n") for x in numbers)
        return f"tile_{kind_of(self.dtype)}{flags}_{text}{self.finish.name if self.finish else ''}"


def tile_function(t: Tile) -> Function:
    """The code of a tile."""
    f = Function(t.name, f"ptr %a, ptr %b, ptr %c{t.finish.params if t.finish else ''}", inline=True)
    kind, size = vector(SCALARS[kind_of(t.dtype)], t.lanes), t.dtype.itemsize
    live = t.live
    cells = [(i, j) for i in range(t.rows) for j in range(len(live))]

    def place(i: int, j: int) -> str:
        return f.at("%c", i * t.c_row + j * t.lanes * size)

    first = ["zeroinitializer"] * len(cells)
    if t.accumulate:
        first = [load(f, place(i, j), size, t.dtype, t.lanes, live[j]) for i, j in cells]
    at_once = max(1, min(t.k, UNROLLED // len(cells)))
    whole = t.k // at_once * at_once
    with f.loop(0, whole, at_once, [(kind, x) for x in first]) as loop:
        a, b, sums = f.along("%a", loop.index, t.a_k), f.along("%b", loop.index, t.b_k), loop.inside
        for k in range(at_once):
            sums = _step(f, t, f.at(a, k * t.a_k), f.at(b, k * t.b_k), sums, live)
        loop.values = sums
    sums = loop.values
    for k in range(whole, t.k):
        sums = _step(f, t, f.at("%a", k * t.a_k), f.at("%b", k * t.b_k), sums, live)
    if t.finish:
        t.finish.write(f, [(i, j * t.lanes, live[j]) for i, j in cells], sums, t)
    else:
        for (i, j), x in zip(cells, sums, strict=True):
            store(f, x, place(i, j), size, t.dtype, t.lanes, live[j])
    f.do("ret void")
    return f


def _step(f: Function, t: Tile, a: str, b: str, sums: list[str], live: list[int]) -> list[str]:
    """One step along the summed axis."""
    size = t.dtype.itemsize
    kind, bits = vector(SCALARS[kind_of(t.dtype)], t.lanes), 8 * size
    row = [
        load(f, f.at(b, j * t.lanes * size), size, t.dtype, t.lanes, t.lanes if t.b_full else live[j])
        for j in range(len(live))
    ]
    new = []
    for i in range(t.rows):
        x = load(f, f.at(a, i * t.a_row), 0, t.dtype, t.lanes, t.lanes)
        for j in range(len(live)):
            y = sums[i * len(live) + j]
            new.append(f(f"call {kind} @llvm.fma.v{t.lanes}f{bits}({kind} {x}, {kind} {row[j]}, {kind} {y})"))
    return new


def transposed(f: Function, rows: list[str], kind: str) -> list[str]:
    """A square of vectors, transposed: parts of pairs of rows change places, halves first, single elements last."""
    lanes = len(rows)
    distance = lanes // 2
    while distance:
        new = list(rows)
        for i in (i for i in range(lanes) if not i & distance):
            a, b = rows[i], rows[i + distance]
            low = [k if not k & distance else lanes + k - distance for k in range(lanes)]
            high = [k + distance if not k & distance else lanes + k for k in range(lanes)]
            for at, picked in ((i, low), (i + distance, high)):
                order = ", ".join(f"i32 {k}" for k in picked)
                new[at] = f(f"shufflevector {kind} {a}, {kind} {b}, <{lanes} x i32> <{order}>")
        rows, distance = new, distance // 2
    return rows


class Panel(NamedTuple):
    """A copy of B[k, columns] in which the columns of each k lie together, `step` bytes from those of the next k."""

    columns: int
    step: int
    k: int
    b_k: int
    b_column: int
    dtype: Any
    lanes: int

    @property
    def name(self) -> str:
        numbers = "_".join(str(x).replace("-", "n") for x in (*self[:5], self.lanes))
        return f"panel_{kind_of(self.dtype)}_{numbers}"


def panel_function(p: Panel) -> Function:
    """The code that copies a panel; columns that are missing to a whole vector are zero, where there is room."""
    f = Function(p.name, "ptr %b, ptr %to", inline=True)
    size, step = p.dtype.itemsize, p.step
    for j in range(-(-p.columns // p.lanes)):
        live = min(p.lanes, p.columns - j * p.lanes)
        filled = p.lanes if (j + 1) * p.lanes * size <= step else live
        b, to = f.at("%b", j * p.lanes * p.b_column), f.at("%to", j * p.lanes * size)
        if p.b_k == size and p.b_column != size:
            _turned(f, p, b, to, live)
            continue
        with f.loop(0, p.k) as loop:
            x = load(f, f.along(b, loop.index, p.b_k), p.b_column, p.dtype, p.lanes, live)
            store(f, x, f.along(to, loop.index, step), size, p.dtype, p.lanes, filled)
    f.do("ret void")
    return f


def _turned(f: Function, p: Panel, b: str, to: str, live: int) -> None:
    """Columns that lie along k in memory, a square at a time."""
    whole = p.k // p.lanes * p.lanes
    if whole:
        with f.loop(0, whole, p.lanes) as loop:
            _square(f, p, f.along(b, loop.index, p.b_k), f.along(to, loop.index, p.step), live, p.lanes)
    if whole < p.k:
        _square(f, p, f.at(b, whole * p.b_k), f.at(to, whole * p.step), live, p.k - whole)


def _square(f: Function, p: Panel, b: str, to: str, live: int, k: int) -> None:
    kind, size = vector(SCALARS[kind_of(p.dtype)], p.lanes), p.dtype.itemsize
    rows = [
        load(f, f.at(b, i * p.b_column), size, p.dtype, p.lanes, k) if i < live else "zeroinitializer"
        for i in range(p.lanes)
    ]
    for i, row in enumerate(transposed(f, rows, kind)[:k]):
        store(f, row, f.at(to, i * p.step), size, p.dtype, p.lanes, p.lanes)
