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
from .listed import Listed
from .numpy_plan import NumpyPlan
from .passes import chosen, optimized
from .recording import Recorded
from .source import Source

EXECUTORS: dict[str, Any] = {"fast": FastPlan, "numpy": NumpyPlan, "list": Listed}
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
        self._planned()
        return explained(self)

    def _planned(self) -> Any:
        """The plan, made when it is first needed."""
        if self.plan is None:
            program = self.recorded.program
            executor = EXECUTORS[self._best() if self.executor == "auto" else self.executor]
            self.passes = tuple(name for name in self.passes if name not in executor.skips)
            self.plan = executor(optimized(program, self.passes))
        return self.plan

    @property
    def on_gpu(self) -> bool:
        """True where an input, or an array that the program reads, is not NumPy's."""
        values = [v for call in self.recorded.program.calls for v in call.values]
        found = any(type(leaf) is Like and leaf.device is not None for leaf in self._leaves)
        return found or not all(v.array is None or isinstance(v.array, np.ndarray) for v in values)

    def _best(self) -> str:
        """The executor for the program's arrays."""
        if self.on_gpu:
            return "list"
        wanted = os.environ.get("GPUGRAD_EXECUTOR", "auto")
        return wanted if wanted in EXECUTORS else "fast" if available() else "numpy"

    # the function: checks, then Python's part, the program, and what is left in `.grad`

    def _write_checks(self) -> Callable[[Any], Any]:
        """A function that checks, and at its first run plans the program and exchanges itself for one with the plan."""

        def first(leaves: Any) -> Any:
            if self._write(None)(leaves) is MISS:
                return MISS
            self._checked = self._write(self._planned().run)
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
        actions = self.recorded.state.host
        for when, action in actions:
            if when == "before":
                code.line(f"{code.name(action)}()")
        depth = 0
        if self.plan.quiet:
            code.line(f"with {code.name(np.errstate)}(over='ignore'):")
            depth = 1
        code.line(f"results = {code.name(run)}({', '.join(arrays)})", depth)
        for when, action in actions:
            if when == "after":
                code.line(f"{code.name(action)}()")
        for extra, t in self.recorded.grads:
            code.line(f"if {code.name(extra)}.grad is not {code.name(t)}: {code.name(extra)}.grad = {code.name(t)}")
        code.line(f"return {code.name(self.recorded.rebuild)}(results)")
        return code.function("leaves")

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
                code.line(f"if type(l{i}) is not {kind} or (l{i} != {value}{nan}): return MISS")
            else:
                code.line(f"if l{i} is not {code.name(leaf)}: return MISS")
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
    return raw
