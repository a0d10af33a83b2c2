"""The forms in which NumPy does some calls best: measured, and the same to the last bit."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from .elementary import Elementary
from .ir import Call, Value

WHERE = Elementary("where", "pointwise")
_INTEGER = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}


def numpy_forms(calls: list[Call]) -> list[Call]:
    """The calls with each "where" written out in bits: copies under a mask take ten to a hundred times as long."""
    return [new for call in calls for new in (_select(call) if call.primitive == WHERE else [call])]


def _select(call: Call) -> list[Call]:
    """b ^ ((a ^ b) & -cond), on the bits of a and b."""
    (v,) = call.outputs
    kind = _INTEGER.get(v.dtype.itemsize)
    cond, a, b = call.inputs
    if v.dtype.kind not in "fiu" or kind is None or not isinstance(cond, Value) or v.layout is not None:
        return [call]
    calls: list[Call] = []

    def add(name: str, kind_of: str, inputs: tuple[Any, ...], of: Any, shape: Any, **params: Any) -> Value:
        out = Value(SimpleNamespace(shape=shape, dtype=np.dtype(of), strides=()), "temp")
        calls.append(Call(Elementary(name, kind_of), inputs, (out,), params))
        return out

    def bits(x: Any) -> Any:
        if not isinstance(x, Value):
            return np.asarray(x, v.dtype).view(kind)[()]
        return add("bitcast", "view", (x,), kind, x.shape, dtype=kind)

    mask = add("astype", "pointwise", (cond,), kind, cond.shape, dtype=kind)
    mask = add("negative", "pointwise", (mask,), kind, cond.shape)
    a, b = bits(a), bits(b)
    differ = np.bitwise_xor(a, b) if not isinstance(a, Value) and not isinstance(b, Value) else None
    if differ is None:
        shape = np.broadcast_shapes(*(x.shape for x in (a, b)))
        differ = add("bitwise_xor", "pointwise", (a, b), kind, shape)
    chosen = add("bitwise_and", "pointwise", (differ, mask), kind, v.shape)
    chosen = add("bitwise_xor", "pointwise", (chosen, b), kind, v.shape)
    calls.append(Call(Elementary("bitcast", "view"), (chosen,), (v,), {"dtype": v.dtype}))
    return calls


def spread_operand(call: Call) -> int | None:
    """Which operand of a ufunc of two is best written out over the result first: one that broadcasts, or None.

    NumPy takes as long for a broadcasting ufunc as for a copy and a plain ufunc, and longer where rows are short.
    """
    kind = call.kind
    if kind != "pointwise" or len(call.inputs) != 2 or not all(type(x) is Value for x in call.inputs):
        return None
    (v,) = call.outputs
    broadcast = [x.shape != v.shape and x.size > 1 for x in call.inputs]
    if broadcast.count(True) != 1:
        return None
    i = broadcast.index(True)
    x, other = call.inputs[i], call.inputs[1 - i]
    return i if x.dtype == v.dtype == other.dtype and other.shape == v.shape else None
