"""The executor that compiles: what can be is written as native functions, between which the rest stays NumPy's."""

import ctypes
from typing import Any

from ...errors import ArgumentError
from ..explain import megabytes
from ..ir import Call, Program, Value
from ..numpy_plan import NumpyPlan
from ..placing import blank
from ..threads import PLANS, allowed, team
from . import available
from .finishing import is_light
from .machine import Code, processor
from .natives import Native
from .objects import OTHER_STRIDES
from .writing import Writer


class FastPlan(NumpyPlan):
    """A program as native functions and a Python function that calls them: `run(*input arrays) -> [results]`.

    Raises ArgumentError where llvmlite, which the extra `fast` installs, is missing.
    """

    name, why = "fast", "compiled by LLVM for this processor"
    skips = frozenset()
    in_blocks = False

    def __init__(self, program: Program) -> None:
        if not available():
            raise ArgumentError('compile: executor "fast" needs llvmlite: pip install "gpugrad[fast]"')
        self.natives: list[Native] = []
        self.n_native = self.n_python = 0
        self._open_run = False  # a native function is being written
        self._capacity = team().n_threads
        super().__init__(program)
        self.quiet = False
        self._compile()

    def runs_whole(self, call: Call, late: set[Value]) -> bool:
        """All that code can be made for."""
        if call.kind == "finished":
            return Writer.knows_finished(call) and is_light(call)
        return Writer.knows_fused(call)

    # writing

    def _open(self) -> None:
        super()._open()
        objects = [*self.program.inputs, *self.places.fresh]
        self._objects = [self._late[v] for v in objects]
        self._writer = Writer(self.places, objects, processor(), self._capacity)
        self._wanted = self._read_by_python()

    def _read_by_python(self) -> set[Value]:
        """Values that Python's part of the run reads, and what these are views of."""
        wanted = {*self.program.results, *(a.value for a in self.places.copied)}
        for call in reversed(self.places.calls):
            if call.outputs and call.outputs[0] in self.places.views:
                if call.outputs[0] in wanted:
                    wanted.update(call.values)
            elif not self._writer.knows(call):
                wanted.update(call.values)
        return wanted

    def _emit(self, call: Call) -> None:
        if id(call) in self.places.joined:
            return
        if call.outputs and call.outputs[0] in self.places.views:
            if call.outputs[0] in self._wanted:
                super()._emit(call)
        elif self._writer.knows(call):
            self._begin()
            self._writer.add(call)
            self.n_native += 1
        else:
            self._open_run = False
            self.n_python += 1
            super()._emit(call)

    def _begin(self) -> None:
        """A line that calls the native function of this call and those that follow, unless there is one."""
        if self._open_run:
            return
        self._open_run = True
        number = self._writer.begin()
        self.natives.append(Native())
        native, n = self._code.name(self.natives[-1], "native"), len(self.program.inputs)
        self._code.line(f"status = {native}.run({', '.join(self._objects) if number == 0 else ''})")
        inputs, fresh = (", ".join(x) for x in (self._objects[:n], self._objects[n:]))
        target = f"{inputs}{',' * (n == 1)} = " if n else ""
        again = self._code.name(self._again, "again")
        self._code.line(f"if status: {target}{again}(status, {native}, [{inputs}], [{fresh}])")

    def _again(self, status: int, native: Native, inputs: list[Any], fresh: list[Any]) -> list[Any]:
        """After a native function has refused: with inputs that lie as those it was made for, or the error."""
        if status == OTHER_STRIDES:
            inputs = [_alike(x, v) for x, v in zip(inputs, self.program.inputs, strict=True)]
            status = native.run(*inputs, *fresh)
        if status:
            self._writer.checks[status](dict(zip(self.program.inputs, inputs, strict=True)))
        return inputs

    # compiling

    def _compile(self) -> None:
        self.was_cached, self.seconds = True, 0.0
        if not self.natives:
            return
        text, table = self._writer.text(), self._writer.addresses.table()
        code = Code(text)
        self.was_cached, self.seconds = code.was_cached, code.seconds
        ctypes.c_void_p.from_address(code.address("table")).value = table.ctypes.data
        if self._writer.work:
            ctypes.c_void_p.from_address(code.address("team")).value = team().address
        for i, native in enumerate(self.natives):
            n_objects = len(self._objects) if i == 0 else 0
            native.bind(code, i, n_objects, text, self._writer.work.get(i, 0), i in self._writer.long)
        self._alive = code, table
        self.use_threads(allowed())
        PLANS.add(self)

    def use_threads(self, n: int) -> None:
        """From now on on up to n threads."""
        for native in self.natives:
            native.use(min(n, self._capacity))

    def memory(self) -> str:
        """What is planned, in words."""
        scratch = megabytes(self._writer.addresses.scratch_bytes)
        lines = [
            super().memory(),
            f"code: {self.n_native} calls in {len(self.natives)} native functions, {self.n_python} calls of NumPy; "
            f"{scratch} for copies of matrices; {'read' if self.was_cached else 'made'} in {self.seconds:.2f} s",
        ]
        return "\n".join([*lines, *(f"threads: {n.threads} ({n.why})" for n in self.natives)])


def _alike(x: Any, v: Value) -> Any:
    """A copy in the order of axes that v has."""
    y = blank(v)
    y[...] = x
    return y
