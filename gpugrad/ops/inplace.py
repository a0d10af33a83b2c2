"""t[key] = value: written into the array where nothing is recorded, else a new array under the same Tensor."""

from typing import Any

import numpy as np

from ..core import tape
from ..core.explain import explain
from ..core.tape import LEAF, PRIMITIVE, mark_written
from ..core.tensor import Tensor, is_floating, methods, raw
from ..errors import DTypeError, GradientError
from .index import index_set_
from .keys import Key, fill, parse


def setitem(t: Tensor, key: Any, value: Any) -> None:
    """t[key] = value, with NumPy's indexing and broadcasting; value is converted to t's dtype.

    Where t or value is part of a recording, t becomes a recorded copy with the value in place, and gradients flow to
    the value and to what stays of t; other Tensors that shared t's memory keep the old values.  Elsewhere, and under
    no_grad(), the memory itself is written.  Either way a backward pass that needs the old values raises GradientError.

    Raises GradientError for a leaf that requires a gradient, DTypeError for a recorded value in an integer or bool
    tensor, IndexingError and ShapeError for what does not fit.
    """
    skeleton, index = parse("setitem", key, t)
    if not hasattr(value, "dtype") and type(value) not in (bool, int, float):
        value = np.asarray(value)
    recorded = is_recorded(t) or is_recorded(value)
    if not recorded and all(getattr(a, "level", 0) == 0 for a in (t, value, *index)) and _writeable(t.data):
        _write(t.data, raw(value), tuple(map(raw, index)), skeleton)
        return
    _refuse(t, recorded)
    new = index_set_(t, value, *index, key=skeleton)
    date_write(t)
    rebind(t, new)


def rebind(t: Tensor, new: Tensor) -> None:
    """Make the object t stand for what `new` stands for, whatever kind of Tensor that is."""
    t.__class__ = type(new)
    t.data, t.level, t.node = new.data, new.level, new.node
    if hasattr(new, "tangent"):
        t.tangent = new.tangent


def is_recorded(x: Any) -> bool:
    """True for a Tensor that a derivative in the making, of either mode, depends on."""
    if not isinstance(x, Tensor):
        return False
    return getattr(x, "tangent", None) is not None or (x.node is not None and tape.records(x.level))


def _writeable(array: Any) -> bool:
    flags = getattr(array, "flags", None)
    return not isinstance(array, np.generic) and bool(getattr(flags, "writeable", True))


def _write(array: Any, value: Any, index: tuple[Any, ...], key: Key) -> None:
    mark_written(array)
    try:
        array[fill(key, index)] = value
    except Exception as error:
        explain(index_set_.primitive, (array, value, *index), {"key": key}, error)


def date_write(t: Tensor) -> None:
    """Date the write in the old array too: what was recorded from t before it would be swept with values t has lost."""
    old = raw(t)
    if isinstance(old, np.generic):  # immutable, and nothing can hold a weak reference to it
        return
    mark_written(old)


def _refuse(t: Tensor, recorded: bool) -> None:
    if t.level == 0 and t.node is not None and t.node[PRIMITIVE] is LEAF and recorded:
        raise GradientError(
            "setitem: the tensor is a leaf that requires a gradient, which an in-place write would cut off; write "
            "inside `with gpugrad.no_grad():`, or build a new tensor with gpugrad.ops.index_set(t, key, value)"
        )
    if recorded and not is_floating(t.dtype):
        raise DTypeError(
            f"setitem: a tensor of dtype {t.dtype} cannot hold a value that carries a gradient; convert it first with "
            "t.astype('float64'), or detach the value"
        )


methods(__setitem__=setitem)

__all__: list[str] = []
