"""Pass "tile": a program whose values follow the rows of a batch is written out for a few rows after the other.

What it rests on: for a batch of rows X = [X1; X2] and D = [D1; D2], f(X) = [f(X1); f(X2)] where f works on rows, and
X^T D = X1^T D1 + X2^T D2.  So forward and backward of some rows can be done before those of the next, and what lies
between (activations and their gradients) stays in the cache.  Sums over the batch are added in another order.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ..elementary import Elementary
from ..ir import Call, Program, Value

WORTH = 48 << 20  # bytes of all values between, from which on a program is cut: more than a cache has
TILE = 8 << 20  # about so many bytes of them in one tile
MOST, ROWS = 8, 16  # tiles, which make a program long; a tile's rows are a multiple

SUM = -1  # in place of an axis: the call adds up over the batch
Found = tuple[list[int | None], int] | None  # the batch's axis in each input and in the output; None: no such call


def tile_batch(program: Program) -> Program:
    """The program, cut where it is worth it and every call allows it; else as it is."""
    for n in dict.fromkeys(v.shape[0] for v in program.inputs if v.shape):
        cut = _Cut(program, n)
        if n >= 2 * ROWS and cut.understood and cut.bytes_between() >= WORTH:
            return cut.program(max(2, min(MOST, n // ROWS, cut.bytes_between() // TILE)))
    return program


class _Cut:
    """Which calls come before the tiles, in each of them, and after, when batches have n rows."""

    def __init__(self, program: Program, n: int) -> None:
        self.whole, self.n = program, n
        self.axis: dict[Value, int] = {v: 0 for v in program.inputs if v.shape[:1] == (n,)}
        self.before: list[Call] = []
        self.after: list[Call] = []
        self.within: list[tuple[Call, list[int | None], int]] = []
        late: set[Value] = set()  # sums over the batch, and what is made of them
        self.understood = bool(self.axis) and all(self._sort(call, late) for call in program.calls)

    def _sort(self, call: Call, late: set[Value]) -> bool:
        kind, waits = getattr(call.primitive, "kind", "opaque"), any(v in late for v in call.values)
        if kind == "check" or not any(v in self.axis for v in call.values):
            (self.after if waits else self.before).append(call)
            if waits:
                late.update(call.outputs)
            return True
        found = None if waits or kind not in _RULES else _RULES[kind](call, self.axis, self.n)
        if found is None:
            return False
        self.within.append((call, *found))
        if found[1] == SUM:
            late.update(call.outputs)
        else:
            self.axis[call.outputs[0]] = found[1]
        return True

    def bytes_between(self) -> int:
        """Of values with the batch's axis that other than pointwise calls make or read, so that they lie in memory."""
        apart = [call for call, _, _ in self.within if call.primitive.kind != "pointwise"]
        met = {v for call in apart for v in (*call.values, *call.outputs)}
        met -= {v for call in apart if call.primitive.kind == "view" for v in call.outputs}
        return sum(v.nbytes for v in met if v in self.axis and v.kind == "temp")

    def program(self, n_tiles: int) -> Program:
        """The program with so many tiles written out."""
        rows = -(-self.n // (n_tiles * ROWS)) * ROWS
        calls, sums = list(self.before), dict[Value, Value]()
        parts: dict[Value, list[Value]] = {v: [] for v in self.axis if v in self.whole.ends() and v.kind == "temp"}
        for start in range(0, self.n, rows):
            tile = _Tile(start, min(rows, self.n - start), start + rows >= self.n, calls, sums)
            for call, inputs, axis in self.within:
                tile.add(call, inputs, axis)
            for v, own in parts.items():
                own.append(tile.values[v])
        for v, own in parts.items():
            calls.append(Call(Elementary("concatenate", "join"), tuple(own), (v,), {"axis": self.axis[v]}))
        return self.whole.with_calls(calls + self.after)


class _Tile:
    """Some rows: writes calls on them; `values` are the whole values' parts, `sums` those of all tiles so far."""

    def __init__(self, start: int, rows: int, last: bool, calls: list[Call], sums: dict[Value, Value]) -> None:
        self.start, self.rows, self.last, self.calls, self.sums = start, rows, last, calls, sums
        self.values: dict[Value, Value] = {}
        self._views: dict[tuple[Value, int], Value] = {}

    def add(self, call: Call, inputs: list[int | None], axis: int) -> None:
        """The call on these rows."""
        (v,) = call.outputs
        operands = tuple(x if at is None else self._part(x, at) for x, at in zip(call.inputs, inputs, strict=True))
        if axis == SUM:
            return self._sum(call, operands, v)
        shape = (*v.shape[:axis], self.rows, *v.shape[axis + 1 :])
        params = call.params | ({"shape": shape} if "shape" in call.params else {})
        self.values[v] = part = _like(v, shape)
        self.calls.append(Call(call.primitive, operands, (part,), params))

    def _part(self, x: Value, axis: int) -> Value:
        """These rows of a value; a view of one that is there as a whole."""
        if x in self.values:
            return self.values[x]
        if (x, axis) not in self._views:
            self._views[x, axis] = part = _like(x, (*x.shape[:axis], self.rows, *x.shape[axis + 1 :]))
            key = (*(slice(None),) * axis, slice(self.start, self.start + self.rows))
            self.calls.append(Call(Elementary("item", "view"), (x,), (part,), {"key": key}))
        return self._views[x, axis]

    def _sum(self, call: Call, operands: tuple[Any, ...], v: Value) -> None:
        """Add this tile's share to that of those before."""
        share = _like(v, v.shape)
        self.calls.append(Call(call.primitive, operands, (share,), call.params))
        if v in self.sums:
            total = v if self.last else _like(v, v.shape)
            self.calls.append(Call(Elementary("add", "pointwise"), (self.sums[v], share), (total,)))
            share = total
        self.sums[v] = share


def _like(v: Value, shape: tuple[int, ...]) -> Value:
    part = Value(SimpleNamespace(shape=shape, dtype=v.dtype), "temp")
    part.layout, part.scalar = v.layout, v.scalar
    return part


# for each kind of call: where the batch's axis goes


def _along(call: Call, n: int, at: int) -> list[int | None]:
    """The batch's axis in inputs that broadcast against an output with it at `at`."""
    ndim, found = len(call.outputs[0].shape), list[int | None]()
    for x in call.inputs:
        own = at - ndim + len(x.shape) if type(x) is Value else -1
        found.append(own if own >= 0 and x.shape[own] == n else None)
    return found


def _pointwise(call: Call, axis: dict[Value, int], n: int) -> Found:
    shape = call.outputs[0].shape
    places = {axis[x] + len(shape) - len(x.shape) for x in call.values if x in axis}
    at = places.pop()
    return None if places or shape[at] != n else (_along(call, n, at), at)


def _reduce(call: Call, axis: dict[Value, int], n: int) -> Found:
    at, gone = axis[call.inputs[0]], call.params["axis"]
    if at in gone:
        return ([at], SUM) if call.primitive.name == "add" else None
    return [at], at if call.params["keepdims"] else at - sum(i < at for i in gone)


def _product(call: Call, axis: dict[Value, int], n: int) -> Found:
    a, b = call.inputs
    if len(a.shape) != 2 or len(b.shape) != 2:
        return None
    by_rows, by_columns = axis.get(a), axis.get(b)
    if by_rows == 1 or by_columns == 0:
        return ([1, 0], SUM) if by_rows in (1, None) and by_columns in (0, None) else None
    if by_columns is None:
        return [0, None], 0
    return ([None, 1], 1) if by_rows is None else None


def _view(call: Call, axis: dict[Value, int], n: int) -> Found:
    (x, (v,)), name = (call.inputs[0], call.outputs), call.primitive.name
    at = axis[x]
    if name == "transpose":
        order = call.params["axes"]
        return [at], list(range(len(x.shape))[::-1] if order is None else order).index(at)
    if name == "broadcast_to":
        to = at + len(v.shape) - len(x.shape)
        return ([at], to) if v.shape[to] == n else None
    if name == "bitcast":
        return ([at], at) if x.dtype.itemsize == v.dtype.itemsize else None
    if name == "reshape":
        outside = math.prod(x.shape[:at])
        for to, length in enumerate(v.shape):
            if length == n and math.prod(v.shape[:to]) == outside:
                return [at], to
    return None


def _join(call: Call, axis: dict[Value, int], n: int) -> Found:
    places = {axis[x] for x in call.values if x in axis}
    at = places.pop()
    return None if places or at == call.params["axis"] else ([at] * len(call.inputs), at)


def _pick(call: Call, axis: dict[Value, int], n: int) -> Found:
    if any(axis.get(x, 0) for x in call.values):
        return None
    return [0 if type(x) is Value and x.shape[:1] == (n,) else None for x in call.inputs], 0


_RULES: dict[str, Callable[[Call, dict[Value, int], int], Found]] = {
    "pointwise": _pointwise,
    "reduce": _reduce,
    "product": _product,
    "view": _view,
    "join": _join,
    "pick": _pick,
}
