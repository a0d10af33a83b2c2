"""One program of a compiled function: when it holds, and a run of it, as one Python function.

A call costs microseconds, so what is checked and done around the program is written out as straight-line code.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import tape
from ..core.tensor import Tensor
from ..errors import ArgumentError
from .arguments import CONTAINERS, NUMBERS, Like, described, flatten, is_input, structure
from .explain import explained
from .fast import available
from .fast.plan import FastPlan
from .graph import GraphPlan
from .graph.dividing import divided
from .graph.plan import NOT_ON_GPU
from .graph.refusals import on_device
from .listed import Listed
from .numpy_plan import NumpyPlan
from .passes import ON_GPU, OTHER_SUMS, PASSES, chosen, optimized
from .recording import Recorded
from .source import Source

EXECUTORS: dict[str, Any] = {"fast": FastPlan, "numpy": NumpyPlan, "list": Listed, "graph": GraphPlan}
MISS = object()  # what a run gives where the program does not hold


class Entry:
    """A recorded program with the arguments and surroundings it is for."""

    def __init__(
        self, recorded: Recorded, args: tuple[Any, ...], kwargs: dict[str, Any], passes: Any, executor: str
    ) -> None:
        self.recorded, self.executor, self.passes = recorded, executor, passes
        leaves = flatten((args, kwargs))[0]
        self._leaves = [Like(x) if is_input(x) else x for x in leaves]
        self._structure = structure((args, kwargs))
        self._flat = not kwargs and not any(isinstance(a, CONTAINERS) for a in args)
        self.described = [described(x) for x in leaves]
        self._statics = [described(x) for x in leaves if not is_input(x)]
        self.plan: Any = None
        self._checked = self._write_checks()

    @staticmethod
    def options(passes: Any, executor: str) -> dict[str, Any]:
        """Checked options of `compile`."""
        if executor not in ("auto", *EXECUTORS):
            raise ArgumentError(f"compile: executor is {executor!r}; expected one of {['auto', *EXECUTORS]}")
        return {"passes": chosen(passes), "executor": executor}

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the program on these arguments; MISS where it is not for them, or does not hold."""
        if not self._flat or kwargs:
            if structure((args, kwargs)) != self._structure:
                return MISS
            args = flatten((args, kwargs))[0]  # type: ignore[assignment]
        return self._checked(args)

    def statics(self) -> str:
        """The arguments that decide which program runs."""
        return ", ".join(self._statics) or "other values around the function"

    def explain(self) -> str:
        """The program as text."""
        self.planned()
        return explained(self)

    def planned(self) -> Any:
        """The plan, made when it is first needed."""
        if self.plan is None:
            program = self.recorded.program
            executor = EXECUTORS[self._best() if self.executor == "auto" else self.executor]
            other_sums = frozenset() if executor is FastPlan else OTHER_SUMS
            unasked = ON_GPU | other_sums if self.passes == tuple(PASSES) else frozenset()
            skips = executor.skips | (NOT_ON_GPU if self.on_gpu else unasked)
            self.passes = tuple(name for name in self.passes if name not in skips)
            if executor is GraphPlan:
                if not self.on_gpu:
                    raise ArgumentError('compile: executor "graph" is for arrays on a GPU; expected "auto"')
                host, program = divided(program)
                self.plan = GraphPlan(optimized(program, self.passes), host)
            else:
                self.plan = executor(optimized(program, self.passes))
        return self.plan

    @property
    def on_gpu(self) -> bool:
        """True where something in the program lies on a device."""
        return bool(on_device(self.recorded.program))

    def _best(self) -> str:
        """The executor for the program's arrays."""
        wanted = os.environ.get("GPUGRAD_EXECUTOR", "auto")
        if self.on_gpu:
            return "list" if wanted == "list" else "graph"
        return wanted if wanted in ("fast", "numpy", "list") else "fast" if available() else "numpy"

    # the function: checks, then Python's part, the program, and what is left in `.grad`

    def _write_checks(self) -> Callable[[Any], Any]:
        """A function that checks, and at its first run plans the program and exchanges itself for one with the plan."""

        def first(leaves: Any) -> Any:
            if self._write(None)(leaves) is MISS:
                return MISS
            self._checked = self._write(self.planned().run)
            return self._checked(leaves)

        return first

    def _write(self, run: Any) -> Callable[[Any], Any]:
        code = Source()
        code.named("MISS", MISS)
        arrays = self._write_arguments(code)
        for test in self._tests(code):
            code.line(f"if {test}: return MISS")
        if run is None:
            return code.function("leaves")
        self._write_run(code, f"results = {code.name(run)}({', '.join(arrays)})")
        for action in self.recorded.state.after:
            code.line(f"{code.name(action)}()")
        for extra, t in self.recorded.grads:
            code.line(f"if {code.name(extra)}.grad is not {code.name(t)}: {code.name(extra)}.grad = {code.name(t)}")
        for t, array in self.recorded.homes:
            code.line(f"if {code.name(t)}.data is not {code.name(array)}: {code.name(t)}.data = {code.name(array)}")
        code.line(f"return {code.name(self.recorded.rebuild)}(results)")
        return code.function("leaves")

    def _write_run(self, code: Source, run: str) -> None:
        """Lines that do Python's part and run the program; where the run fails, Python's part is undone."""
        state = self.recorded.state
        for action, _ in state.host:
            code.line(f"{code.name(action)}()")
        undos = [undo for _, undo in reversed(state.host) if undo is not None]
        if state.sent is not None:
            code.line(f"{code.name(state.sent.send)}()")
        depth = 0
        for line in ["try:"] * bool(undos) + [f"with {code.name(np.errstate)}(over='ignore'):"] * self.plan.quiet:
            code.line(line, depth)
            depth += 1
        code.line(run, depth)
        if undos:
            code.line("except BaseException:")
            for undo in undos:
                code.line(f"{code.name(undo)}()", 1)
            code.line("raise", 1)

    def _write_arguments(self, code: Source) -> list[str]:
        """Lines that check the arguments; the texts of the inputs' arrays."""
        n, arrays = len(self._leaves), []
        code.line(f"if len(leaves) != {n}: return MISS")
        for i, leaf in enumerate(self._leaves):
            code.line(f"l{i} = leaves[{i}]")
            if type(leaf) is Like:
                arrays.append(_write_input(code, f"l{i}", leaf))
            elif type(leaf) in NUMBERS:
                kind, value = code.name(type(leaf)), code.name(leaf)
                nan = "" if leaf == leaf else f" and l{i} == l{i}"
                zero = "" if leaf or type(leaf) is not float else f" or str(l{i}) != '{leaf}'"
                code.line(f"if type(l{i}) is not {kind} or (l{i} != {value}{nan}){zero}: return MISS")
            else:
                code.line(f"if l{i} is not {code.name(leaf)}: return MISS")
        if arrays and (written := self.recorded.program.owners()):
            owners = ", ".join(f"id({a}), id({a}.base)" for a in arrays)
            code.line(f"if not {code.name(written)}.isdisjoint(({owners})): return MISS")
        return arrays

    def _tests(self, code: Source) -> list[str]:
        """Conditions under which the program does not hold: the world around is not as it was."""
        state, found = self.recorded.state, []
        for t, node, value in state.tensors.values():
            found.append(f"{code.name(t)}.data is not {code.name(value.array)}")
            found.append(f"{code.name(t)}.node is not {code.name(node)}")
        for place in state.grads.values():
            if place.read:
                found.append(f"{code.name(place.extra)}.grad is not {code.name(place.before)}")
            hooks = dict(place.extra.hooks)
            found.append(f"{code.name(place.extra)}.hooks{f' != {code.name(hooks)}' if hooks else ''}")
        for owner, attribute, value in state.modes.values():
            found.append(f"{code.name(owner)}.{attribute} != {code.name(value)}")
        for guard, value in state.guards:
            found.append(f"{code.name(guard)}() != {code.name(value)}")
        found.append(f"{code.name(tape.is_grad_enabled)}() is not {tape.is_grad_enabled()}")
        return found + self.recorded.surroundings.tests(code)


def _write_input(code: Source, leaf: str, like: Like) -> str:
    """A line that checks that a leaf is an array like this one; the text of its raw array."""
    tests, raw = [f"type({leaf}) is not {code.name(like.leaf)}"], leaf
    if like.leaf is Tensor:
        raw = f"{leaf}.data"
        tests += [f"{leaf}.node is not None", f"{leaf}.level", f"type({raw}) is not {code.name(like.kind)}"]
    dtype = code.name(like.dtype)
    tests += [f"{raw}.shape != {like.shape!r}", f"({raw}.dtype is not {dtype} and {raw}.dtype != {dtype})"]
    if like.device is not None:
        tests.append(f"{raw}.device.id != {like.device}")
    code.line(f"if {' or '.join(tests)}: return MISS")
    return f"{code.name(np.asarray)}({raw})" if issubclass(like.kind, np.generic) else raw
