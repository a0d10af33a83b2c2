"""The program: a straight list of calls on values, without branches, and what it writes where.

A `Value` (core/trace.py) is made once: an input, an array that lies outside ("state": parameters, buffers, optimizer
state, gradients; "const": arrays that the function met), or the output of one call ("temp").  Every call is functional.
All effects are `Assign`s, which happen after all calls; an executor may let a call write into the state's array at
once where nothing reads the old value later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.traced import Value

__all__ = ["Assign", "Call", "Program", "Value"]


@dataclass(eq=False, slots=True)
class Call:
    """outputs = primitive(*inputs, **params).  Inputs are Values, Python numbers, or None for one left out."""

    primitive: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Value, ...]
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of an elementary function ("pointwise", "product", "view", ...); "" for a primitive, which is whole."""
        return getattr(self.primitive, "kind", "")

    @property
    def values(self) -> Iterator[Value]:
        """The inputs that are Values."""
        return (v for v in self.inputs if type(v) is Value)


@dataclass(eq=False, slots=True)
class Assign:
    """target.array[...] = value, once the calls are done."""

    target: Value
    value: Value


@dataclass(eq=False)
class Program:
    """`inputs` come with each call, `results` go out of it as new arrays; between them, the calls in order."""

    inputs: list[Value]
    calls: list[Call]
    assigns: list[Assign]
    results: list[Value]
    quiet: bool = False  # a forward that was read off calls with overflow warnings switched off

    def readers(self) -> dict[Value, list[Call]]:
        """For each value the calls that read it, in order."""
        found: dict[Value, list[Call]] = {}
        for call in self.calls:
            for v in dict.fromkeys(call.values):
                found.setdefault(v, []).append(call)
        return found

    def makers(self) -> dict[Value, Call]:
        """For each value the call that makes it."""
        return {v: call for call in self.calls for v in call.outputs}

    def ends(self) -> set[Value]:
        """The values that must be there at the end: results, and what is assigned."""
        return {*self.results, *(a.value for a in self.assigns)}

    def owners(self) -> set[int]:
        """The ids of the arrays that it writes into, and of those that these are views of."""
        arrays = [a.target.array for a in self.assigns]
        return {id(array) for array in arrays} | {id(a.base) for a in arrays if getattr(a, "base", None) is not None}

    def writes_into(self, array: Any) -> bool:
        """True where the array lies in memory that it writes into."""
        owners = self.owners()
        return id(array) in owners or id(getattr(array, "base", None)) in owners

    def with_calls(self, calls: list[Call]) -> "Program":
        """The same program of other calls."""
        return Program(self.inputs, calls, self.assigns, self.results, self.quiet)

    def copy(self) -> "Program":
        """Another program of the same calls, to be changed."""
        calls = [Call(c.primitive, c.inputs, c.outputs, c.params) for c in self.calls]
        assigns = [Assign(a.target, a.value) for a in self.assigns]
        return Program(list(self.inputs), calls, assigns, list(self.results), self.quiet)

    def replace(self, new: dict[Value, Value]) -> None:
        """Read other values in place of some."""
        for call in self.calls:
            call.inputs = tuple(new.get(v, v) if type(v) is Value else v for v in call.inputs)
        for assign in self.assigns:
            assign.value = new.get(assign.value, assign.value)
        self.results = [new.get(v, v) for v in self.results]

    def __str__(self) -> str:
        names = _Names()
        head = ", ".join(f"{names[v]}: {described(v)}" for v in self.inputs)
        lines = [f"program({head})"]
        for call in self.calls:
            outputs = ", ".join(f"{names[v]}: {described(v)}" for v in call.outputs)
            operands = [names[v] if type(v) is Value else repr(v) for v in call.inputs]
            operands += [f"{k}={v!r}" for k, v in call.params.items()]
            lines.append(f"  {outputs} = {call.primitive.name}({', '.join(operands)})")
        lines += [f"  {names[a.target]}: {described(a.target)} <- {names[a.value]}" for a in self.assigns]
        return "\n".join([*lines, f"  return {', '.join(names[v] for v in self.results)}"])


def described(v: Value) -> str:
    """float32[64, 10]"""
    return f"{v.dtype}{list(v.shape)}"


class _Names(dict[Value, str]):
    """x0, x1 for inputs, s0 for states, c0 for constants, v0 for what is computed."""

    def __missing__(self, v: Value) -> str:
        letter = {"input": "x", "state": "s", "const": "c", "temp": "v"}[v.kind]
        number = sum(name[0] == letter for name in self.values())
        self[v] = f"{letter}{number}"
        return self[v]
