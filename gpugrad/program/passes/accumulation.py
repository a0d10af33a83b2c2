"""Pass "accumulate": c + a b becomes one call, which adds to c where it lies; a product without a sum is pointwise."""

from ..elementary import Elementary
from ..ir import Call, Program, Value

ADD, MATMUL = Elementary("add", "pointwise"), Elementary("matmul", "product")
MATMUL_ADD = Elementary("matmul_add", "product")
MULTIPLY = Elementary("multiply", "pointwise")


def add_in_products(program: Program) -> Program:
    """The program with outer products multiplied, and with sums of a product and of what nobody else needs in one."""
    return _added(program.with_calls([_multiplied(call) for call in program.calls]))


def _multiplied(call: Call) -> Call:
    """x y^T, of one addend, or a stack of such, as x * y^T; any other call as it is."""
    if call.primitive.name != "matmul" or not all(type(x) is Value for x in call.inputs):
        return call
    (a, b), (y,) = call.inputs, call.outputs
    floats = a.dtype == b.dtype == y.dtype and y.dtype.kind == "f" and y.dtype.itemsize > 2
    outer = floats and min(len(a.shape), len(b.shape)) >= 2 and a.shape[-1] == 1
    return Call(MULTIPLY, call.inputs, call.outputs) if outer else call


def _added(program: Program) -> Program:
    makers, readers = program.makers(), program.readers()
    ends, updated = program.ends(), {a.target for a in program.assigns}
    calls = {id(call): call for call in program.calls}

    def goes(call: Call, y: Value, c: Value) -> bool:
        alone = y is not c and readers[y] == readers[c] == [call] and ends.isdisjoint((y, c))
        return alone and (c.kind == "temp" or c in updated) and _alike(y, c, call.outputs[0])

    for call in program.calls:
        if call.primitive != ADD or not all(type(x) is Value for x in call.inputs):
            continue
        for y, c in (call.inputs, call.inputs[::-1]):
            if (maker := makers.get(y)) is not None and maker.primitive == MATMUL and goes(call, y, c):
                calls[id(call)] = Call(MATMUL_ADD, (*maker.inputs, c), call.outputs)
                del calls[id(maker)]
                break
    return program.with_calls(list(calls.values()))


def _alike(y: Value, c: Value, v: Value) -> bool:
    same = y.shape == c.shape == v.shape and y.dtype == c.dtype == v.dtype
    return same and len(v.shape) == 2 and y.layout == c.layout == v.layout
