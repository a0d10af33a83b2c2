"""What Tensors stand for among plain values: their arrays, and lists with Tensors inside."""

from typing import Any

import numpy as np

from .. import ops
from ..backend.device import to_numpy
from ..core.batch import Batched
from ..core.tensor import Tensor
from ..core.traced import Traced


def value_of(name: str, t: Any) -> Any:
    """The raw array of a Tensor; ArgumentTypeError inside vmap, where it stands for many."""
    while isinstance(t, Tensor):
        if isinstance(t, Batched):
            t._concrete(name)
        t = t.data
    return t


def host_value(name: str, t: Any) -> Any:
    """The values of a Tensor or array as a NumPy array; ArgumentTypeError inside vmap."""
    return np.asarray(to_numpy(value_of(name, t)))


def is_tensor(x: Any) -> bool:
    """True for a Tensor, and for an array while a function is traced."""
    return isinstance(x, Tensor) or type(x) is Traced


def holds_tensor(x: Any) -> bool:
    """True for a Tensor, or a list or tuple with one somewhere inside."""
    if isinstance(x, Tensor):
        return True
    return type(x) in (list, tuple) and any(map(holds_tensor, x))


def stacked(x: Any) -> Any:
    """A nest of lists with Tensors inside as one Tensor."""
    return ops.stack([stacked(v) for v in x]) if type(x) in (list, tuple) and holds_tensor(x) else x
