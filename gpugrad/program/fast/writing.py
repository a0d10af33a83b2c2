"""A program's native functions: which calls become what code, in which order, and on how many threads."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.labels import check_labels
from ..elementary import Elementary
from ..ir import Call, Value
from . import elementwise, picking, products, random, reductions
from .addresses import Addresses
from .assembly import Function, is_native
from .finishing import Finish
from .loops import Pointwise
from .memory import Place
from .module import Module
from .objects import enter
from .products import Product
from .reductions import Reduction
from .stacks import Stack

ALONE = 1 << 15  # elements of a pointwise call, or thousands of its work, below which threads cost more than they give
ALONE_FLOP = 1 << 20
FIRST_STATUS = 16
PIECES = 4  # for each thread, so that one that comes late finds less to do


class Writer:
    """Takes calls one after the other; then `text()` is a module of LLVM's assembly, for the table of `addresses`."""

    def __init__(self, places: Any, objects: list[Value], processor: Any, n_threads: int) -> None:
        self.addresses, self.processor, self.n_threads = Addresses(places, objects), processor, n_threads
        self.place, self._room = self.addresses.place, self.addresses.room
        self.module = Module(32 * processor.lanes)
        self.checks: dict[int, Callable[[Any], None]] = {}  # by the status that says which failed
        self.work: dict[int, float] = {}  # what a native function shares among threads: 1 takes one some 10 us
        self.long: set[int] = set()  # those with work for several
        self._runs: list[Function] = []
        self._n_parts = 0
        joins = [call for call in places.calls if id(call) in places.joined]
        self._joined = {call.outputs[0]: [v.size for v in call.inputs] for call in joins}

    # what can be written

    @staticmethod
    def knows_fused(call: Call) -> bool:
        """True for a fused call of which all parts can be written."""
        has_elements = all(v.size for v in (*call.values, *call.outputs))
        return has_elements and all(map(elementwise.knows, call.primitive.calls))

    @staticmethod
    def knows_finished(call: Call) -> bool:
        """True for a product with pointwise calls behind it of which all can be written."""
        joined = call.primitive
        if not all(is_native(v.dtype) and v.size for c in joined.calls for v in (*c.values, *c.outputs)):
            return False
        return products.knows(joined.product) and all(map(elementwise.knows, joined.pointwise))

    def knows(self, call: Call) -> bool:
        """True for a call that can be written."""
        kind = getattr(call.primitive, "kind", "opaque")
        if not all(is_native(v.dtype) for v in (*call.values, *call.outputs)):
            return False
        if any(0 in v.shape for v in (*call.values, *call.outputs)):
            return False
        known: dict[str, Callable[[Call], bool]] = {
            "pointwise": elementwise.knows,
            "fused": self.knows_fused,
            "finished": self.knows_finished,
            "reduce": reductions.knows,
            "product": products.knows,
            "pick": picking.knows,
            "random": random.knows,
            "check": lambda call: call.inputs[0].kind == "input" and call.inputs[0].dtype.kind in "iu",
            "opaque": _is_norm,
            "view": lambda call: True,
            "join": lambda call: True,
        }
        return kind in known and known[kind](call)

    # writing

    def begin(self) -> int:
        """Begin a native function; its number."""
        number = len(self._runs)
        self.module.add(enter(number, self.addresses.objects_like() if number == 0 else []))
        f = Function(f"body{number}", "", "i32", inline=True)
        f.first.append("  %table = load ptr, ptr @table")
        self._runs.append(f)
        return number

    def text(self) -> str:
        """The module."""
        for f in self._runs:
            f.do("ret i32 0")
            self.module.add(f)
        n_runs, self._runs = len(self._runs), []
        return self.module.text(n_runs, bool(self.work))

    def add(self, call: Call) -> None:
        """Write a call."""
        getattr(self, f"_{call.primitive.kind}")(call)

    def _pointwise(self, call: Call) -> None:
        self._loops([call], list(call.outputs))

    def _fused(self, call: Call) -> None:
        self._loops(call.primitive.calls, list(call.outputs))

    def _loops(self, calls: list[Call], outputs: list[Value]) -> None:
        group = Pointwise(calls, outputs, self.place, self.processor.lanes)
        work = group.nest.size * (1 + len(calls) // 4) / ALONE / group.nest.rows()
        for start, stop in self._stretches(group):
            self._part(stop - start, work * (stop - start), group.write, start)

    def _stretches(self, group: Pointwise) -> list[tuple[int, int]]:
        """Rows to share, cut where one large array of a joined one ends: threads have the same rows of it elsewhere."""
        parts: list[int] = next((self._joined[v] for v in group.inputs if v in self._joined), [])
        ends, n, lanes = [0], group.nest.rows(), group.nest.lanes
        if len(group.nest.lengths) == 1:
            for end in itertools.accumulate(parts):
                row = end // lanes
                if min(row - ends[-1], n - row) * lanes >= ALONE:
                    ends.append(row)
        return [*itertools.pairwise([*ends, n])]

    def _copy(self, source: Place, target: Place, v: Value) -> None:
        a, b = Value(v, "temp"), Value(v, "temp")
        call = Call(elementwise.COPY, (a,), (b,))
        group = Pointwise([call], [b], {a: source, b: target}.__getitem__, self.processor.lanes)
        self._part(group.nest.rows(), group.nest.size / ALONE, lambda f, start, stop: group.write(f, start, stop))

    def _view(self, call: Call) -> None:
        """A view that NumPy does not have either: a reshaping that copies."""
        x, y = call.inputs[0], self.place(call.outputs[0])
        self._copy(self.place(x), _reshaped(y, x.shape), x)

    def _join(self, call: Call) -> None:
        (v,), axis, start = call.outputs, call.params["axis"], 0
        whole = self.place(v)
        for x in call.inputs:
            offset = start * whole.strides[axis]
            self._copy(self.place(x), whole._replace(offset=whole.offset + offset, shape=x.shape), x)
            start += x.shape[axis]

    def _reduce(self, call: Call) -> None:
        x, y = self.place(call.inputs[0]), self.place(call.outputs[0])
        self._sums(call.primitive.name, call.params["axis"], [x], y)

    def _sums(self, name: str, axes: Any, xs: list[Place], y: Place) -> None:
        reduction = Reduction(name, axes, xs, y, self.processor.lanes)
        self._part(reduction.rows(), math.prod(xs[0].shape) / ALONE, reduction.write)

    def _opaque(self, call: Call) -> None:
        """The norm of arrays: squares summed in float64, where those of float32 stay in range."""
        y, n = self.place(call.outputs[0]), len(call.inputs)
        sums = self._room("norm", 8 * n)._replace(shape=(n,), strides=(8,), dtype=y.dtype)
        for i, x in enumerate(map(self.place, call.inputs)):
            self._sums("add", range(len(x.shape)), [x, x], sums._replace(offset=8 * i, shape=(), strides=()))
        self._sums("add", (0,), [sums], y)
        a, b = Value(call.outputs[0], "temp"), Value(call.outputs[0], "temp")
        root = Pointwise([Call(_SQRT, (a,), (b,))], [b], lambda v: y, self.processor.lanes)
        self._part(root.nest.rows(), 0, root.write)

    def _pick(self, call: Call) -> None:
        places = [self.place(v) for v in (*call.inputs, *call.outputs)]
        x, y = places[0], places[-1]
        if call.primitive.name == "unpick" and (x.slot, x.offset) != (y.slot, y.offset):
            self._copy(x, y, call.inputs[0])
        self._part(call.inputs[1].size, 0, lambda f, start, stop: picking.write(f, call, places))

    def _random(self, call: Call) -> None:
        key, counter, to = map(self.place, (*call.inputs, *call.outputs))
        kept = random.Kept(call, key, counter, to, self.processor.lanes)
        self._part(kept.rows(), call.outputs[0].size * random.WORK / ALONE, kept.write)

    def _check(self, call: Call) -> None:
        (target,) = call.inputs
        status = FIRST_STATUS + len(self.checks)
        self.checks[status] = functools.partial(_raise, call.params, target)
        picking.check(self._runs[-1], self.place(target), call.params["n_classes"], status)

    def _product(self, call: Call) -> None:
        a, b, *given = map(self.place, call.inputs)
        to = self.place(call.outputs[0])
        if products.is_of_sums(call, a, b):
            xs, y = products.factors(a, b, to)
            return self._sums("add", (len(y.shape),), xs, y)
        if products.is_of_stacks(call):
            return self._stacks(Stack(a, b, to, self.processor.lanes, self.processor.registers))
        if given and given[0] != to:
            self._copy(given[0], to, call.outputs[0])
        self._tiles(call, to, None, 0)

    def _stacks(self, stack: Stack) -> None:
        own, step = self._room("own", stack.bytes_own * self.n_threads), stack.bytes_own

        def write(f: Function, start: Any, stop: Any) -> None:
            mine = f.along(own.address(f), "%thread", step) if step else "poison"
            stack.write(f, mine, self.module.need, start, stop)

        self._part(stack.rows(), stack.flop / ALONE_FLOP, write)

    def _finished(self, call: Call) -> None:
        """A product of which no tile is stored but what the pointwise calls make of it."""
        product, y = call.primitive.product, call.primitive.product.outputs[0]
        finish = Finish(self._n_parts, call, self.place)
        nowhere = Place(0, 0, y.shape, (y.shape[1] * y.dtype.itemsize, y.dtype.itemsize), y.dtype)
        to = self._addend(product.inputs[2]) if len(product.inputs) > 2 else nowhere
        self._tiles(product, to, finish, y.size * (1 + len(finish.calls) // 4) / ALONE)

    def _addend(self, v: Value) -> Place:
        """Where tiles read it: as it lies, if a row's or a column's elements are side by side, else in a copy."""
        p, size = self.place(v), v.dtype.itemsize
        if p.strides[1] == size or p.shape[1] == 1 or (p.strides[0] == size and p.shape[0] > 1):
            return p
        strides = p.shape[1] * size, size
        copy = self._room("addend", v.nbytes)._replace(shape=p.shape, strides=strides, dtype=p.dtype)
        self._copy(p, copy, v)
        return copy

    def _tiles(self, call: Call, to: Place, finish: Finish | None, more: float) -> None:
        """Copies of the factors where they pay, and the tiles of a product, with so much more work on each."""
        a, b, *given = map(self.place, call.inputs)
        p = Product(a, b, to, self.processor.lanes, self.processor.registers, accumulate=bool(given))
        if finish and p.is_turned:
            finish.turn()
        shared_a, shared_b = self._room("a", p.bytes_a), self._room("b", p.bytes_b)
        own, step = self._room("own", p.bytes_own * self.n_threads), p.bytes_own
        need, work = self.module.need, p.flop / ALONE_FLOP
        if p.bytes_a:
            self._part(p.tiles.n_rows, work, lambda f, s, e: p.copy_a(f, shared_a.address(f), need, s, e))
        if p.bytes_b:
            self._part(p.tiles.n_panels, work, lambda f, s, e: p.copy_b(f, shared_b.address(f), need, s, e))

        def write(f: Function, start: Any, stop: Any) -> None:
            mine = f.along(own.address(f), "%thread", step) if step else "poison"
            at_a = shared_a.address(f) if p.bytes_a else "poison"
            at_b = shared_b.address(f) if p.bytes_b else "poison"
            p.write(f, (at_a, at_b, mine), need, finish, start, stop)

        self._part(p.rows(), work + more, write)

    def _part(self, rows: int, work: float, write: Callable[[Function, Any, Any], None], first: int = 0) -> None:
        """A function of its own for a range of rows; called, or shared among threads where there is enough work."""
        f = Function(f"part{self._n_parts}", "ptr %table, i64 %thread, i64 %start, i64 %stop")
        self._n_parts += 1
        shared = self.n_threads > 1 and rows > 1 and work >= 1
        if work >= 1:
            self.long.add(len(self._runs) - 1)
        write(f, *((f.add("%start", first), f.add("%stop", first)) if shared else (first, first + rows)))
        f.do("ret void")
        self.module.add(f)
        run = self._runs[-1]
        if shared:
            number = len(self._runs) - 1
            self.work[number] = self.work.get(number, 0) + work
            grain = max(1, -(-rows // (PIECES * self.n_threads)))
            run.do(f"call void @fork(ptr @{f.name}, i64 {rows}, i64 {grain}, ptr @threads{number})")
        else:
            run.do(f"call void @{f.name}(ptr %table, i64 0, i64 0, i64 {rows})")


_SQRT = Elementary("sqrt", "pointwise")


def _is_norm(call: Call) -> bool:
    """True for the norm of gradients' arrays, as clipping needs it."""
    return call.primitive.name == "total_norm" and call.primitive.norm_type == 2


def _raise(params: dict[str, Any], target: Value, inputs: dict[Value, Any]) -> None:
    check_labels(params["name"], np, inputs[target], params["shape"], params["n_classes"])


def _reshaped(target: Place, shape: tuple[int, ...]) -> Place:
    """An array that lies row by row, seen in another shape."""
    strides, step = [], target.dtype.itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return target._replace(shape=shape, strides=tuple(reversed(strides)))
