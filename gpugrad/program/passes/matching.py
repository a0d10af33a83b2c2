"""What patterns are found by: who makes and who reads a value, and one call put in the place of several."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..ir import Call, Program, Value


class Sheet:
    """A program with its makers, readers and positions; `replace` says what is to become of some of its calls."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.makers, self.readers, self.ends = program.makers(), program.readers(), program.ends()
        self.position = {id(call): i for i, call in enumerate(program.calls)}
        self._new: dict[int, list[Call]] = {}
        self._gone: set[int] = set()

    def maker(self, v: Any, name: str) -> Call | None:
        """The call that makes v, if it is one of `name` and still there."""
        call = self.makers.get(v) if type(v) is Value else None
        return call if call is not None and call.primitive.name == name and id(call) not in self._gone else None

    def readers_of(self, v: Value, name: str) -> list[Call]:
        """The calls of `name` that read v and are still there."""
        return [c for c in self.readers.get(v, ()) if c.primitive.name == name and id(c) not in self._gone]

    def only_for(self, v: Value, calls: Iterable[Call]) -> bool:
        """True where nobody but these calls reads v."""
        known = {id(c) for c in calls}
        return v not in self.ends and all(id(c) in known for c in self.readers.get(v, ()))

    def there_before(self, values: Iterable[Any], call: Call) -> bool:
        """True where these values are known when the call is made."""
        made = (self.makers.get(v) for v in values if type(v) is Value)
        return all(m is None or self.position[id(m)] < self.position[id(call)] for m in made)

    def left(self, call: Call) -> bool:
        """True for a call that no pattern has taken."""
        return id(call) not in self._gone

    def replace(self, old: Iterable[Call], new: list[Call], at: Call) -> None:
        """Let `new` stand where `at` was, and leave out `old`."""
        self._gone.update(id(c) for c in old)
        self._new[self.position[id(at)]] = new

    def rewritten(self) -> Program:
        """The program with all that was replaced."""
        calls: list[Call] = []
        for i, call in enumerate(self.program.calls):
            calls += self._new.get(i, [])
            if id(call) not in self._gone:
                calls.append(call)
        return self.program.with_calls(calls)


def rewritten_at(program: Program, name: str, rule: Callable[[Sheet, Call], None]) -> Program:
    """The program after rule(sheet, call) for each call of that name that is still there."""
    sheet = Sheet(program)
    for call in program.calls:
        if call.primitive.name == name and sheet.left(call):
            rule(sheet, call)
    return sheet.rewritten()


def uniform(v: Any) -> Any:
    """The number that a constant consists of, None for what is none."""
    if type(v) in (int, float):
        return v
    if type(v) is not Value or v.kind != "const" or not isinstance(v.array, np.ndarray) or not v.size:
        return None
    one = v.name == "folded" and not any(s for s, n in zip(v.array.strides, v.shape, strict=True) if n > 1)
    return v.array.flat[0] if one else None
