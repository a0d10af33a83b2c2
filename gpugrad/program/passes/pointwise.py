"""Pass "pointwise": on a GPU, elementwise calls that feed each other become one kernel, written for them.

A call joins whose kernel is one of elementwise.cu, or whose forward comes down to elementwise functions and views;
every other call stays the primitive it is.
"""

import functools
from collections.abc import Collection
from typing import Any

import numpy as np

from ...backend import backend_of_type
from ...cuda.generated import Pointwise
from ...cuda.recipe import Recipe, Step, serves
from ..ir import Call, Program, Value
from ..lowering import expanded, steps_of
from ..numpy_forms import WHERE
from ..symbolic import Steps
from .dead import drop_dead
from .folding import fold_constants
from .fusion import Fused, fuse
from .matching import uniform

SMALL = 64  # elements of an array that is written anew where one of them changes
PRODUCTS = frozenset(("linear", "linear_act", "linear_vjp", "matmul", "matmul_vjp", "outer_sum", "mlp_step"))


def fuse_generated(program: Program) -> Program:
    """The program with its chains of elementwise calls fused, each for one launch."""
    xp = _library(program)
    program = expanded(program if xp is None else _chosen(fold_constants(program)), _apart)
    _use_numbers(program.calls, {v for call in program.calls for v in call.values})
    program = drop_dead(program)
    if xp is not None:
        read = {*program.ends(), *(v for call in program.calls for v in call.values)}
        program.replace({v: _over(v, xp) for v in read})
    return fuse(program, joins, lambda call: call.primitive.name in PRODUCTS or call.kind == "product", numbers=True)


def joins(call: Call) -> bool:
    """True for an elementwise call that a generated kernel can be part of."""
    if call.kind != "pointwise" and _launcher(call.primitive) != "elementwise":
        return False
    operands = tuple(v.dtype.name if type(v) is Value else None for v in call.inputs)
    whole = len(call.outputs) == 1 and all(v is not None for v in call.inputs)
    return whole and serves(call.primitive.name, operands, call.outputs[0].dtype.name, _params(call))


def _launcher(primitive: Any) -> str:
    """The module of the launcher that serves a primitive on CuPy arrays, "" where none does."""
    make = getattr(primitive, "makers", {}).get("cupy")
    word = make.args[0] if isinstance(make, functools.partial) and make.args else "own" if make else ""
    return str(word).partition(".")[0]


def _params(call: Call) -> tuple[tuple[str, Any], ...]:
    return tuple((k, v) for k, v in call.params.items() if k != "dtype")


def _apart(call: Call) -> tuple[Steps, tuple[Value, ...]]:
    """A call without a kernel of ours in elementary calls, where these are elementwise functions and views alone."""
    if _launcher(call.primitive):
        return Steps([call]), call.outputs
    steps, outputs = steps_of(call)
    _use_numbers(steps, set(call.inputs))
    made = {v for c in steps for v in c.outputs} | set(call.inputs)
    known = all(v in made for v in (*outputs, *(v for c in steps for v in c.values)))
    if known and all(joins(c) or c.kind == "view" for c in steps):
        return steps, outputs
    return Steps([call]), call.outputs


def _chosen(program: Program) -> Program:
    """A number written into a small array, such as a counter, as a choice for each element."""
    calls, makers = [], program.makers()
    for call in program.calls:
        mask = _mask(call)
        if mask is not None:
            x, v = call.inputs
            before = makers.get(x)
            if before is not None and _mask(before) is not None and before.params == call.params:
                x = before.inputs[0]  # what was written there is written over
            call = Call(WHERE, (mask, v, x), call.outputs)
        calls.append(call)
    return program.with_calls(calls)


def _mask(call: Call) -> Value | None:
    """Where index_set writes a number of its array's dtype; None for what is more than that."""
    if call.primitive.name != "index_set" or len(call.inputs) != 2:
        return None
    x, v = call.inputs
    if type(x) is not Value or type(v) is not Value or v.shape != () or v.dtype != x.dtype or x.size > SMALL:
        return None
    at = np.zeros(x.shape, bool)
    at[call.params["key"]] = True
    mask = Value(at, "const", at)
    mask.name = "folded"
    return mask


def _use_numbers(calls: list[Call], given: Collection[Any] = ()) -> None:
    """A number in place of a constant that is the same everywhere, in elementwise calls of other operands too.

    Constants among `given` are only taken for such if compiling has made them.
    """
    for call in calls:
        if call.kind != "pointwise":
            continue
        numbers = [_number(v, v not in given) if type(v) is Value else None for v in call.inputs]
        shape = call.outputs[0].shape
        if any(type(v) is Value and n is None and v.shape == shape for v, n in zip(call.inputs, numbers, strict=True)):
            call.inputs = tuple(v if n is None else n for v, n in zip(call.inputs, numbers, strict=True))


def _number(v: Value, made_here: bool) -> Any:
    found = uniform(v)
    if found is None and made_here and v.kind == "const" and isinstance(v.array, np.ndarray) and v.size:
        first = v.array.flat[0]
        found = first if bool((v.array == first).all()) else None
    return found


def _library(program: Program) -> Any:
    """What makes arrays where the program's lie: its own constants are NumPy's.  None where no array tells."""
    held = (v.array for call in program.calls for v in call.values if v.array is not None)
    return next((backend_of_type(type(a)).xp for a in held if not isinstance(a, np.ndarray)), None)


def _over(v: Value, xp: Any) -> Value:
    """A constant that compiling has made, brought to the program's arrays."""
    if v.kind != "const" or v.name != "folded" or not isinstance(v.array, np.ndarray):
        return v
    return Value(array := xp.asarray(np.ascontiguousarray(v.array).reshape(v.shape)), "const", array)


def launched(call: Call, arrays: tuple[Any, ...], outs: dict[int, Any] | None) -> Any:
    """A fused call by its kernel; NotImplemented where it has none."""
    fused: Fused = call.primitive
    if fused.kernels is None:
        fused.kernels = Pointwise(recipe_of(call))
    return fused.kernels(arrays, outs)


def recipe_of(call: Call) -> Recipe:
    """What a generated kernel is to compute for a fused call."""
    fused: Fused = call.primitive
    place: dict[Value, tuple[str, Any]] = {v: ("x", i) for i, v in enumerate(call.inputs)}
    steps = []
    for i, c in enumerate(fused.calls):
        operands = tuple(place[v] if type(v) is Value else ("", _plain(v)) for v in c.inputs)
        steps.append(Step(c.primitive.name, operands, c.outputs[0].dtype.name, _params(c)))
        place[c.outputs[0]] = ("v", i)
    outputs = tuple(int(place[v][1]) for v in call.outputs)
    return Recipe(tuple(v.dtype.name for v in call.inputs), tuple(steps), outputs)


def _plain(number: Any) -> Any:
    if isinstance(number, np.generic) and number.dtype.kind in "fiub":
        number = number.item()
    return number if isinstance(number, int) else float(number)
