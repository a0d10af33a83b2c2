"""The plainest executor: the calls as they are listed, each a primitive's forward.  For tests, and to compare with."""

from typing import Any

from ..backend import backend_of_type
from ..core.trace import of_one_kind
from .ir import Call, Program, Value


class Listed:
    """A program, and `run`, a function of the inputs' arrays that gives the results' arrays."""

    name, why = "list", "each call as it was recorded"
    skips: frozenset[str] = frozenset()  # passes that this executor can do without

    def __init__(self, program: Program) -> None:
        self.program, self.quiet = program, program.quiet

    def memory(self) -> str:
        """What is planned, in words."""
        return "buffers: none planned, every call makes new arrays"

    def run(self, *arrays: Any) -> list[Any]:
        """Call by call."""
        env: dict[Value, Any] = dict(zip(self.program.inputs, arrays, strict=True))

        def get(v: Any) -> Any:
            if type(v) is not Value:
                return v
            return v.array if v.kind in ("state", "const") else env[v]

        for call in self.program.calls:
            env.update(zip(call.outputs, applied(call, [get(v) for v in call.inputs]), strict=True))
        results = [get(v).copy() for v in self.program.results]
        for target, array in [(a.target, get(a.value).copy()) for a in self.program.assigns]:
            target.array[...] = array
        return results


def applied(call: Call, operands: list[Any]) -> tuple[Any, ...]:
    """The arrays that a call makes of these."""
    kind, operands = of_one_kind(operands)
    if call.primitive.name in ("fused", "finished"):
        made: tuple[Any, ...] = call.primitive.run(call, tuple(operands))
        return made
    y = forward_of(call.primitive, kind)(*operands, **call.params)
    return y if isinstance(y, tuple) else (y,)


def made_in_order(calls: list[Call], call: Call, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays of a call's outputs, made by the calls that stand in it, of those of its inputs."""
    env = dict(zip(call.inputs, arrays, strict=True))
    for c in calls:
        made = applied(c, [env.get(v, v.array) if type(v) is Value else v for v in c.inputs])
        env.update(zip(c.outputs, made, strict=True))
    return tuple(env[v] for v in call.outputs)


def forward_of(primitive: Any, kind: type) -> Any:
    """The forward of a primitive, or of what stands in a call in its place, for one type of array."""
    return primitive.raw[kind] if hasattr(primitive, "raw") else primitive.bind(backend_of_type(kind))
