"""A program's calls launched one after another: what a graph captures, and what runs without one."""

from typing import Any

from ...core.trace import of_one_kind
from ..ir import Call, Program, Value
from ..listed import applied
from .homes import Preferring, homes
from .memory import overlap, same
from .order import last_readings, updates_last


class Walk:
    """A function of the inputs' arrays that gives the results' arrays, some of them the program's own memory.

    A value is let go after its last reading, so that a pool gives its memory to those that follow.
    """

    def __init__(self, program: Program, constants: dict[Value, Any]) -> None:
        self._program, self._constants = program, constants
        before, after = updates_last(program)
        self._calls, self._n_before = [*before, *after], len(before)
        self._in_place = all(call.primitive.name == "update" for call in after)
        self._drops = last_readings(self._calls, program.ends())
        self._homes = homes(program, self._calls)

    def __call__(self, *arrays: Any) -> list[Any]:
        from ...cuda import runtime

        env: dict[Value, Any] = dict(zip(self._program.inputs, arrays, strict=True))
        for i, call in enumerate(self._calls):
            if i == self._n_before:
                self._save_from_updates(env)
            if i in self._homes:
                with runtime.use(Preferring(runtime.current(), self._homes[i])):
                    self._run(call, env)
            else:
                self._run(call, env)
            for v in self._drops[i]:
                env.pop(v, None)
        return self._assign(env, [self._get(v, env) for v in self._program.results])

    def _get(self, v: Any, env: dict[Value, Any]) -> Any:
        if type(v) is not Value:
            return v
        return env[v] if v in env else self._constants.get(v, v.array)

    def _run(self, call: Call, env: dict[Value, Any]) -> None:
        operands = [self._get(v, env) for v in call.inputs]
        if call.primitive.name == "update" and self._in_place:
            made = call.primitive.in_place(*of_one_kind(operands)[1])
        else:
            made = applied(call, operands)
        env.update(zip(call.outputs, made, strict=True))

    def _save_from_updates(self, env: dict[Value, Any]) -> None:
        """Copy what looks at memory that an update is about to change and is asked for after it."""
        if not self._in_place:
            return
        targets = [self._get(v, env) for call in self._calls[self._n_before :] for v in _changed(call)]
        for v in self._program.ends():
            if v in env or v.kind == "state":
                array = self._get(v, env)
                if any(overlap(array, target) for target in targets):
                    env[v] = array.copy()

    def _assign(self, env: dict[Value, Any], results: list[Any]) -> list[Any]:
        """Write what is assigned where it belongs, unless it was computed there; the results, safe from that."""
        values = [self._get(a.value, env) for a in self._program.assigns]
        wanted = [(a, x) for a, x in zip(self._program.assigns, values, strict=True) if not same(a.target.array, x)]
        targets = [a.target.array for a, _ in wanted]
        sources = [_apart(x, targets) for _, x in wanted]
        results = [_apart(x, targets) for x in results]
        write_all([assign.target.array for assign, _ in wanted], sources)
        return results


def write_all(targets: list[Any], sources: list[Any]) -> None:
    """target[...] = source for each, those of one dtype by one launch."""
    from ...cuda import optimizer, runtime

    for dtype in dict.fromkeys(target.dtype for target in targets):
        pairs = [(t, s) for t, s in zip(targets, sources, strict=True) if t.dtype == dtype]
        if len(pairs) == 1 or optimizer.copy_list(*map(list, zip(*pairs, strict=True))) is NotImplemented:
            for target, source in pairs:
                runtime.current().copy(target, source)


def _changed(call: Call) -> tuple[Value, ...]:
    """The operands that an update writes to, as far as they are there before it."""
    return tuple(v for v in call.primitive.changed(call.inputs) if v.kind != "temp")


def _apart(array: Any, targets: list[Any]) -> Any:
    return array.copy() if any(overlap(array, target) for target in targets) else array
