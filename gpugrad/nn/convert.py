"""Moving the tensors of a Module to another device or dtype, while they stay the same objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Device, resolve_device
from ..core import tape
from ..core.tape import PARENTS, new_leaf
from ..core.tensor import Tensor, as_dtype, is_floating
from ..errors import DTypeError


def convert_all(module: Any, targets: Sequence[Any]) -> None:
    """Bring parameters and buffers to each target in turn; buffers not to 2-byte dtypes."""
    parameters, buffers = list(module.parameters()), list(module.buffers())
    for target in targets:
        wide = target if isinstance(target, Device) or target.itemsize > 2 else np.dtype("float32")
        for t in parameters:
            _convert(t, target)
        for t in buffers:
            _convert(t, wide)


def resolved(target: Any) -> Any:
    """The device or floating dtype that `target` names."""
    if isinstance(target, Device):
        return target
    if isinstance(target, str) and target.partition(":")[0] in ("auto", "cpu", "cuda"):
        return resolve_device(target)[0]
    dtype = as_dtype(target)
    if not is_floating(dtype):
        raise DTypeError(f"to: got dtype {dtype}; expected float16, bfloat16, float32 or float64, a floating one")
    return dtype


def _convert(t: Tensor, target: Any) -> None:
    """Give `t` its values on another device or in another dtype; a leaf's gradient and hooks go along."""
    if not isinstance(target, Device) and not is_floating(t.dtype):
        return
    before = t.dtype
    t.data = target.asarray(t.data) if isinstance(target, Device) else t.data.astype(target, copy=False)
    extra = tape.extra_of(t.node) if t.requires_grad else None
    if extra is not None and extra.grad is not None:
        _convert(extra.grad, target)
    if extra is not None and t.dtype != before:
        t.node = new_leaf(t.shape, t.dtype)
        t.node[PARENTS][:] = [extra]
