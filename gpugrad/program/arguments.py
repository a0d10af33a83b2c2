"""The arguments of a compiled function: which are inputs of the program, and which decide what program it is."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..backend import is_array_type
from ..core.tensor import Tensor
from ..core.traced import Traced
from ..core.tree import refilled
from ..errors import TraceError

CONTAINERS = (tuple, list, dict)
NUMBERS = (bool, int, float, str, bytes, type(None))


def flatten(x: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The leaves of tuples, lists and dictionaries (a Module is a leaf), and a function that puts others in place."""
    if not isinstance(x, CONTAINERS):
        return [x], lambda leaves: next(iter(leaves))
    parts = [flatten(child) for child in (x.values() if isinstance(x, dict) else x)]

    def unflatten(leaves: Iterable[Any]) -> Any:
        source = iter(leaves)
        children = [put([next(source) for _ in own]) for own, put in parts]
        if isinstance(x, dict):
            return refilled(x, children)
        return type(x)(*children) if hasattr(x, "_fields") else type(x)(children)

    return [leaf for own, _ in parts for leaf in own], unflatten


def structure(x: Any) -> Any:
    """What must be equal for two nests to be of one structure."""
    if isinstance(x, dict):
        return type(x), tuple((key, structure(child)) for key, child in x.items())
    return (type(x), tuple(map(structure, x))) if isinstance(x, CONTAINERS) else None


def boxed(leaf: Any) -> bool:
    """True for a value of a transform or trace that is going on: the function is then part of that."""
    if type(leaf) is Traced:
        return True
    return isinstance(leaf, Tensor) and (leaf.level > 0 or not leaf.is_leaf or type(leaf.data) is Traced)


def is_input(leaf: Any) -> bool:
    """True for arrays and constant Tensors, which come with each call; a Tensor that wants a gradient is itself.

    Raises TraceError for a kind of array that computes in its own way.
    """
    if issubclass(type(leaf), np.ndarray) and type(leaf).__mul__ is not np.ndarray.__mul__:
        raise TraceError(
            f"compile: an argument is a {type(leaf).__name__}, whose operators are its own; expected a plain array, "
            "such as np.asarray(x)"
        )
    return leaf.node is None if isinstance(leaf, Tensor) else is_array_type(type(leaf))


def array_of(leaf: Any) -> Any:
    """The raw array of an input."""
    return leaf.data if type(leaf) is Tensor else leaf


class Like:
    """What an input must be like: the kind of its leaf and of its array, shape, dtype, and CUDA device or None."""

    def __init__(self, leaf: Any) -> None:
        array = array_of(leaf)
        self.leaf, self.kind, self.shape, self.dtype = type(leaf), type(array), tuple(array.shape), array.dtype
        self.device = getattr(getattr(array, "device", None), "id", None)


def described(leaf: Any) -> str:
    """float32[64, 10], or the value of what is static."""
    if is_input(leaf):
        return f"{leaf.dtype}{list(leaf.shape)}"
    return repr(leaf) if type(leaf) in NUMBERS else f"this {type(leaf).__name__}"
