"""Pass "common": of calls with the same operands, one remains."""

from typing import Any

from ..ir import Call, Program, Value


def share_common(program: Program) -> Program:
    """The program with each value computed once."""
    program = program.copy()
    seen: dict[Any, Call] = {}
    renamed: dict[Value, Value] = {}
    kept = []
    for call in program.calls:
        call.inputs = tuple(renamed.get(v, v) if type(v) is Value else v for v in call.inputs)
        first = seen.setdefault(_key(call), call)
        if first is call:
            kept.append(call)
        else:
            renamed.update(zip(call.outputs, first.outputs, strict=True))
    program.calls = kept
    program.replace(renamed)
    return program


def _key(call: Call) -> Any:
    """Equal for calls that compute the same."""
    operands = tuple(_operand(v) for v in call.inputs)
    params = tuple((k, repr(v)) for k, v in sorted(call.params.items()))
    layouts = tuple(v.layout for v in call.outputs)
    p = call.primitive
    return (p if hasattr(p, "kind") else id(p)), operands, params, layouts


def _operand(v: Any) -> Any:
    if type(v) is not Value:
        return type(v), repr(v)
    return (v.array.dtype, v.array.tobytes()) if v.kind == "const" and v.shape == () else id(v)
