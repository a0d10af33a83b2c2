"""Fused calls a block at a time: the views that each block needs, and scratch for what lives inside a block alone."""

from typing import Any

import numpy as np

from .ir import Call, Value
from .numpy_forms import spread_operand

BLOCK = 1 << 14  # elements of the result in one block: what a dozen arrays of it take fits in the second-level cache


def worth_blocks(call: Call, late: set[Value]) -> bool:
    """True for a fused call so large that its intermediate values would not stay in the cache.

    Of `late` values, which come with each run, only those serve of which every block needs the whole.
    """
    v = call.primitive.calls[0].outputs[0]
    inside = call.primitive.calls
    if any(c.primitive.name in ("where", "erf") or c.kind != "pointwise" for c in inside):
        return False  # see numpy_forms; erf is computed otherwise for few elements
    return v.size >= 2 * BLOCK and not any(x in late and _is_cut(x.shape, v.shape) for x in call.inputs)


def _is_cut(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """True where blocks of rows of `shape` need rows of an array that broadcasts against it, false for the whole."""
    return len(own) == len(shape) and not own[0] == 1 != shape[0]


class Blocks:
    """For a fused call: `names` of the values its calls work on, and for each block the `arrays` in that order."""

    def __init__(self, call: Call, array_of: Any, late: Any) -> None:
        self.calls: list[Call] = call.primitive.calls
        shape = self.calls[0].outputs[0].shape
        n_rows = max(1, BLOCK * shape[0] // max(1, self.calls[0].outputs[0].size))
        values = dict.fromkeys([*call.inputs, *(v for c in self.calls for v in c.outputs)])
        self.values: list[Value] = [v for v in values if v not in late]
        inside = [v for c in self.calls for v in c.outputs if v not in call.outputs]
        scratch = _scratch(self.calls, inside, (n_rows, *shape[1:]))
        self.arrays = [
            tuple(
                scratch[v][: min(n_rows, shape[0] - start)]
                if v in scratch
                else _rows(array_of(v), shape, start, start + n_rows)
                for v in self.values
            )
            for start in range(0, shape[0], n_rows)
        ]
        self.scratch_bytes = sum({id(a.base): a.base.nbytes for a in scratch.values()}.values())


def _rows(array: Any, shape: tuple[int, ...], start: int, stop: int) -> Any:
    """The rows of an array that broadcasts against `shape`."""
    return array[start:stop] if _is_cut(array.shape, shape) else array


def _scratch(calls: list[Call], inside: list[Value], shape: tuple[int, ...]) -> dict[Value, Any]:
    """Arrays for the values inside: memory is used again after a value's last reading, within values of one size."""
    last = {v: i for i, c in enumerate(calls) for v in c.values}
    free: dict[int, list[Any]] = {}
    found: dict[Value, Any] = {}
    memory: dict[Value, Any] = {}
    kept = set(inside)
    for i, c in enumerate(calls):
        (v,) = c.outputs
        gone = [x for x in dict.fromkeys(c.values) if x in kept and last.get(x) == i]
        over = c.primitive.name not in ("where", "astype") and spread_operand(c) is None
        if over:
            _release(gone, memory, free)
        if v in kept:
            size = v.dtype.itemsize
            stock = free.get(size)
            memory[v] = stock.pop() if stock else np.empty(int(np.prod(shape)) * size, np.uint8)
            found[v] = memory[v].view(v.dtype).reshape(shape)
        if not over:
            _release(gone, memory, free)
    return found


def _release(values: list[Value], memory: dict[Value, Any], free: dict[int, list[Any]]) -> None:
    for x in values:
        free.setdefault(x.dtype.itemsize, []).append(memory[x])
