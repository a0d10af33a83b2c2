"""The executor on NumPy alone: one Python function of straight-line code, a call of NumPy a line, no allocation.

Every array but the inputs is there before the first run.  Fused calls are run a block at a time, so that what one
ufunc leaves is still in the cache when the next one reads it.
"""

from typing import Any

import numpy as np

from ..ops.labels import check_labels
from .blocks import Blocks, worth_blocks
from .elementary import as_view
from .explain import megabytes
from .ir import Call, Program, Value
from .listed import forward_of
from .numpy_forms import numpy_forms, spread_operand
from .placing import Places
from .source import Source


class NumpyPlan:
    """A program as a Python function: `run(*input arrays) -> [result arrays]`; `source` is its text."""

    name, why = "numpy", "NumPy alone, into planned buffers"
    skips: frozenset[str] = frozenset({"accumulate", "finish"})  # NumPy's products cannot add, nor go on to a sum
    in_blocks = True  # fused calls are run block by block

    def __init__(self, program: Program) -> None:
        self.program, self.quiet = program, program.quiet
        self._code = Source()
        self._late: dict[Value, str] = {}  # names of what comes with the run: inputs, views of them, new results
        self._picked: dict[tuple[Value, int], str] = {}
        calls: list[Call] = []
        late = set(program.inputs)
        for call in program.calls:
            if call.kind == "view" and call.inputs[0] in late:
                late.update(call.outputs)
            calls += self._apart(call, late)
        calls = numpy_forms(calls)
        self.places = Places(program, calls, self.in_blocks)
        self.scratch_bytes = 0
        self._open()
        for call in calls:
            self._emit(call)
        self._close()
        parameters = ", ".join(f"x{i}" for i in range(len(program.inputs)))
        self.source = self._code.text(parameters)
        self.run = self._code.function(parameters)

    def _apart(self, call: Call, late: set[Value]) -> list[Call]:
        """The call, or those that it is made of where they are run one by one."""
        if call.kind not in ("fused", "finished") or self.runs_whole(call, late):
            return [call]
        return [part for c in call.primitive.calls for part in self._apart(c, late)]

    def runs_whole(self, call: Call, late: set[Value]) -> bool:
        """True for a fused call that `_fused` writes out; the others are run as the calls in them."""
        return call.kind == "fused" and worth_blocks(call, late)

    def memory(self) -> str:
        """What is planned, in words."""
        alone, shared = self.places.bytes_alone, self.places.bytes_arena
        return (
            f"buffers: {megabytes(shared)} in one arena, where a buffer for each value would take {megabytes(alone)}; "
            f"{megabytes(self.scratch_bytes)} of scratch for blocks; {len(self.places.copied)} values copied at the end"
        )

    def _operand(self, v: Any) -> str:
        if type(v) is not Value:
            return repr(v) if type(v) in (int, bool) or v is None else self._code.name(v)
        return self._out(v)

    def _out(self, v: Value) -> str:
        return self._late[v] if v in self._late else self._code.name(self.places.array(v), "a")

    def _ufunc(self, name: str) -> str:
        return self._code.named(name, getattr(np, name))

    # lines

    def _open(self) -> None:
        for i, v in enumerate(self.program.inputs):
            self._late[v] = f"x{i}"
        empty = self._code.name(np.empty, "empty")
        for v in self.places.fresh:
            self._late[v] = f"r{len(self._late)}"
            self._code.line(f"{self._late[v]} = {empty}({v.shape!r}, {self._code.name(v.dtype)})")

    def _close(self) -> None:
        fresh, results = {*self.places.fresh}, self.program.results
        for i, v in enumerate(results):
            root = self.places.root.get(v, v)
            is_new = root in fresh and v.size == root.size
            fresh -= {root} if is_new else set()
            self._code.line(f"y{i} = {self._operand(v)}{'' if is_new else '.copy()'}")
        copyto = self._code.name(np.copyto, "copyto")
        staged = []
        for assign in self.places.copied:
            if self.places.root.get(assign.value, assign.value).kind != "temp":  # another may write there first
                stage = self._code.name(np.empty(assign.value.shape, assign.value.dtype))
                self._code.line(f"{copyto}({stage}, {self._operand(assign.value)})")
                staged.append(stage)
            else:
                staged.append(self._operand(assign.value))
        for assign, source in zip(self.places.copied, staged, strict=True):
            self._code.line(f"{copyto}({self._code.name(assign.target.array, 'a')}, {source})")
        self._code.line(f"return [{', '.join(f'y{i}' for i in range(len(results)))}]")

    def _emit(self, call: Call) -> None:
        if id(call) in self.places.joined:
            return
        kind = getattr(call.primitive, "kind", "opaque")
        getattr(self, f"_{kind}")(call)

    def _pointwise(self, call: Call) -> None:
        if call.primitive.name == "erf":
            return self._opaque(call)
        (v,) = call.outputs
        operands, out, spread = [self._operand(x) for x in call.inputs], self._out(v), spread_operand(call)
        if spread is not None and not self._at_one_place(call.inputs[1 - spread], v):
            operands = self._spread(operands, spread, out)
        self._code.line(self._pointwise_text(call, operands, out))

    def _spread(self, operands: list[str], which: int, out: str, depth: int = 0) -> list[str]:
        """Write a broadcasting operand out over the result; the operands that are left to work on."""
        self._code.line(f"{self._code.name(np.copyto, 'copyto')}({out}, {operands[which]})", depth)
        return [out if i == which else x for i, x in enumerate(operands)]

    def _pointwise_text(self, call: Call, operands: list[str], out: str) -> str:
        name = call.primitive.name
        copyto = self._code.name(np.copyto, "copyto")
        if name == "astype":
            return f"{copyto}({out}, {operands[0]}, 'unsafe')"
        if name == "where":
            return f"{copyto}({out}, {operands[2]}); {copyto}({out}, {operands[1]}, where={operands[0]})"
        by_name = "out=" if name in ("maximum", "minimum") else ""  # NumPy warns of a third argument of these
        return f"{self._ufunc(name)}({', '.join(operands)}, {by_name}{out})"

    def _reduce(self, call: Call) -> None:
        reduce = self._code.name(getattr(np, call.primitive.name).reduce, f"{call.primitive.name}_reduce")
        axis, keepdims, dtype = call.params["axis"], call.params["keepdims"], call.params.get("dtype")
        x, out = self._operand(call.inputs[0]), self._out(call.outputs[0])
        axis = axis[0] if len(axis) == 1 else axis
        self._code.line(
            f"{reduce}({x}, {axis!r}, {'None' if dtype is None else self._code.name(dtype)}, {out}, {keepdims})"
        )

    def _product(self, call: Call) -> None:
        if len(call.inputs) == 3:
            return self._opaque(call)
        a, b = call.inputs
        plain = len(a.shape) == len(b.shape) == 2 and a.dtype == b.dtype and a.size and b.size
        f = self._code.name(np.dot if plain else np.matmul, "dot" if plain else "matmul")
        self._code.line(f"{f}({self._operand(a)}, {self._operand(b)}, {self._out(call.outputs[0])})")

    def _view(self, call: Call) -> None:
        (source, (v,)) = call.inputs[0], call.outputs
        if v in self.places.views:
            if self.places.comes_late(v):
                self._late[v] = f"w{len(self._late)}"
                self._code.line(f"{self._late[v]} = {self._view_text(call, self._operand(source))}")
            return
        copyto, x = self._code.name(np.copyto, "copyto"), self._operand(source)
        self._code.line(f"{copyto}({self._out(v)}, {self._view_text(call, x)})")

    def _view_text(self, call: Call, x: str) -> str:
        name, (param,) = call.primitive.name, call.params.values()
        if name in ("reshape", "transpose"):
            return f"{x}.{name}({param!r})"
        if name == "bitcast":
            return f"{x}.view({self._code.name(param)})"
        if name == "item":
            return f"{x}[{self._code.name(as_view(param))}]"
        return f"{self._code.name(np.broadcast_to, 'broadcast')}({x}, {param!r})"

    def _join(self, call: Call) -> None:
        parts = ", ".join(self._operand(v) for v in call.inputs)
        join = self._code.name(np.concatenate, "concatenate")
        self._code.line(f"{join}(({parts},), {call.params['axis']}, {self._out(call.outputs[0])})")

    def _pick(self, call: Call) -> None:
        """By places in the flattened array, so that NumPy's take needs no room."""
        x, index = call.inputs[:2]
        (out,), (n, m) = call.outputs, x.shape
        picks = call.primitive.name == "pick"
        copyto = self._code.name(np.copyto, "copyto")
        if not picks and not self._at_one_place(x, out):
            self._code.line(f"{copyto}({self._out(out)}, {self._operand(x)})")
        flat = self._flat(x if picks else out)
        if flat is None:
            rows = self._code.name(np.arange(n))
            at = f"[{rows}, {self._operand(index)}]"
            if picks:
                return self._code.line(f"{copyto}({self._out(out)}, {self._operand(x)}{at})")
            return self._code.line(f"{self._out(out)}{at} -= {self._operand(call.inputs[2])}")
        places = self._places_of(index, n, m)
        if picks:
            return self._code.line(f"{flat}.take({places}, None, {self._out(out)}, 'clip')")
        some = self._code.name(np.empty(n, out.dtype))
        self._code.line(f"{flat}.take({places}, None, {some}, 'clip')")
        self._code.line(f"{self._ufunc('subtract')}({some}, {self._operand(call.inputs[2])}, {some})")
        self._code.line(f"{flat}[{places}] = {some}")

    def _places_of(self, index: Value, n: int, m: int) -> str:
        """The name of an array with the place of [i, index[i]] in an array of n rows of m."""
        if (index, m) not in self._picked:
            self._picked[index, m] = places = self._code.name(np.empty(n, np.intp))
            starts = self._code.name(np.arange(0, n * m, m))
            self._code.line(f"{self._ufunc('add')}({starts}, {self._operand(index)}, {places}, casting='unsafe')")
        return self._picked[index, m]

    def _at_one_place(self, a: Value, b: Value) -> bool:
        late = self.places.comes_late(a) or a in self._late or b in self._late
        return not late and self.places.array(a).ctypes.data == self.places.array(b).ctypes.data

    def _flat(self, v: Value) -> str | None:
        """A view of all elements in a row; None where rows do not lie one after the other."""
        if self.places.comes_late(v) or v in self._late:
            return f"{self._operand(v)}.reshape(-1)"
        array = self.places.array(v)
        return self._code.name(array.reshape(-1)) if array.flags.c_contiguous else None

    def _check(self, call: Call) -> None:
        check, params = self._code.name(_check_labels, "check_labels"), call.params
        (target,) = call.inputs
        self._code.line(
            f"{check}({params['name']!r}, {self._operand(target)}, {params['shape']!r}, {params['n_classes']})"
        )

    def _opaque(self, call: Call) -> None:
        kind = np.ndarray
        f = self._code.name(forward_of(call.primitive, kind), call.primitive.name)
        params = "".join(f", {k}={self._code.name(v)}" for k, v in call.params.items())
        outs = [self._out(v) for v in call.outputs]
        got = ", ".join(f"t{i}" for i in range(len(outs)))
        comma = "," if self._gives_tuple(call) else ""
        self._code.line(f"{got}{comma} = {f}({', '.join(self._operand(v) for v in call.inputs)}{params})")
        copyto = self._code.name(np.copyto, "copyto")
        for i, out in enumerate(outs):
            self._code.line(f"{copyto}({out}, t{i})")

    _random = _opaque  # whose mask is drawn for several steps at once

    def _gives_tuple(self, call: Call) -> bool:
        return len(call.outputs) > 1 or call.primitive.name in ("split", "unstack")

    # fused

    def _fused(self, call: Call) -> None:
        blocks = Blocks(call, self.places.array, self._late)
        self.scratch_bytes = max(self.scratch_bytes, blocks.scratch_bytes)
        names = {v: f"b{i}" for i, v in enumerate(blocks.values)}
        self._code.line(f"for {', '.join(names.values())}, in {self._code.name(blocks.arrays, 'blocks')}:")
        for inner in blocks.calls:
            operands = [names[v] if v in names else self._operand(v) for v in inner.inputs]
            out, spread = names[inner.outputs[0]], spread_operand(inner)
            if spread is not None:
                operands = self._spread(operands, spread, out, depth=1)
            self._code.line(self._pointwise_text(inner, operands, out), depth=1)


def _check_labels(name: str, target: Any, shape: tuple[int, ...], n_classes: int) -> None:
    check_labels(name, np, target, shape, n_classes)
