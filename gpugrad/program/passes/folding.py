"""Pass "fold": what depends on no input and no state is computed once, while compiling."""

from typing import Any

import numpy as np

from ..ir import Call, Program, Value
from ..listed import forward_of

_BY_SHAPE = {"ones_like": 1, "zeros_like": 0}  # primitives whose value depends on the operand's shape and dtype alone


def fold_constants(program: Program) -> Program:
    """The program with constants in place of calls of constants, and without multiplications by 1."""
    program = program.copy()
    known: dict[Value, Value] = {}
    kept = []
    for call in program.calls:
        call.inputs = tuple(known.get(v, v) if type(v) is Value else v for v in call.inputs)
        _use_numbers(call)
        outputs = _folded(call)
        if outputs is None:
            kept.append(call)
        else:
            known.update(zip(call.outputs, outputs, strict=True))
    program.calls = kept
    program.replace(known)
    return program


def _folded(call: Call) -> list[Value] | None:
    if call.primitive.name in _BY_SHAPE and len(call.outputs) == 1:
        v = call.outputs[0]
        return [constant(np.broadcast_to(v.dtype.type(_BY_SHAPE[call.primitive.name]), v.shape), v)]
    if (same := _times_one(call)) is not None:
        return [same]
    values = list(call.values)
    if not values or not call.outputs or any(v.kind != "const" or _is_large(v) for v in values):
        return None
    with np.errstate(all="ignore"):
        arrays = [v.array if type(v) is Value else v for v in call.inputs]
        y = forward_of(call.primitive, np.ndarray)(*arrays, **call.params)
    ys = y if isinstance(y, tuple) else (y,)
    return [constant(a, v) for a, v in zip(ys, call.outputs, strict=True)]


def _is_large(v: Value) -> bool:
    """Arrays that the function met: what is computed of them may be larger, and is left to the run."""
    return v.name != "folded"


def constant(array: Any, like: Value) -> Value:
    """A Value for an array that nobody else holds."""
    array = np.asarray(array)
    if array.size > 1 and array.tobytes() == array.flat[0].tobytes() * array.size:
        array = np.broadcast_to(array.flat[0], array.shape)  # the same everywhere, to the last bit
    value = Value(array, "const", array)
    value.scalar, value.name = like.scalar, "folded"
    return value


def _use_numbers(call: Call) -> None:
    """A number in place of a constant that is the same everywhere, where another operand has the result's shape."""
    if call.kind != "pointwise":
        return
    shape = call.outputs[0].shape
    if shape and any(type(x) is Value and x.shape == shape and x.kind != "const" for x in call.inputs):
        call.inputs = tuple(
            x.array.flat[0] if type(x) is Value and x.name == "folded" and x.size and _uniform(x.array) else x
            for x in call.inputs
        )


def _times_one(call: Call) -> Value | None:
    """x of x * 1 and x / 1, where neither shape nor dtype changes."""
    if call.primitive.name not in ("multiply", "true_divide", "divide") or len(call.inputs) != 2:
        return None
    (v,) = call.outputs
    for x, other in (call.inputs, call.inputs[::-1]):
        if type(x) is Value and x.shape == v.shape and x.dtype == v.dtype and _is_one(other):
            return x
        if call.primitive.name != "multiply":
            return None
    return None


def _is_one(x: Any) -> bool:
    if type(x) is Value:
        array = x.array
        return x.kind == "const" and x.name == "folded" and x.size > 0 and array.flat[0] == 1 and _uniform(array)
    return bool(x == 1) if isinstance(x, int | float | np.generic) else False


def _uniform(array: Any) -> bool:
    return not any(stride for stride, n in zip(array.strides, array.shape, strict=True) if n > 1)
