"""Nested states as a dictionary of arrays beside plain JSON, and back, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import is_array_type
from ..backend.device import to_numpy
from ..core.tensor import Tensor, raw
from ..errors import ArgumentTypeError, CheckpointError

ARRAY, PAIRS, TUPLE = "$array", "$pairs", "$tuple"  # keys that mark what JSON has no word for


def pack(state: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """(tree, arrays): `state` as JSON types, with each array or Tensor replaced by its place in `arrays`.

    `state` is a nest of dicts, lists, tuples, None, bools, ints, floats, texts, arrays and Tensors; arrays come to the
    CPU.  A dict may have keys that are no texts, such as an optimizer's parameter numbers.  Raises ArgumentTypeError
    for anything else.

    >>> pack({"w": np.zeros(2), "step": 3})
    ({'w': {'$array': 'w'}, 'step': 3}, {'w': array([0., 0.])})
    """
    arrays: dict[str, np.ndarray] = {}
    return _pack(state, "", arrays), arrays


def _pack(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, Tensor) or is_array_type(type(value)):
        arrays[path] = np.ascontiguousarray(to_numpy(raw(value))).reshape(value.shape)
        return {ARRAY: path}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        items = {key: _pack(item, f"{path}/{key}" if path else str(key), arrays) for key, item in value.items()}
        return items if all(isinstance(key, str) for key in items) else {PAIRS: [list(pair) for pair in items.items()]}
    if isinstance(value, (list, tuple)):
        parts = [_pack(item, f"{path}/{i}" if path else str(i), arrays) for i, item in enumerate(value)]
        return parts if isinstance(value, list) else {TUPLE: parts}
    raise ArgumentTypeError(
        f"checkpoint: {path or 'the state'} is a {type(value).__name__}; expected arrays, numbers, texts, lists, dicts"
    )


def unpack(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `pack`, with NumPy arrays.  Raises CheckpointError where an array is missing."""
    if isinstance(tree, list):
        return [unpack(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((mark, value),) = tree.items()
        if mark == ARRAY:
            if value not in arrays:
                raise CheckpointError(f"checkpoint: array {value!r} is missing; the file is damaged, use another one")
            return arrays[value]
        if mark == PAIRS:
            return {key: unpack(item, arrays) for key, item in value}
        if mark == TUPLE:
            return tuple(unpack(item, arrays) for item in value)
    return {key: unpack(item, arrays) for key, item in tree.items()}
