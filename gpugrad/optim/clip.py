"""Clipping of gradients, by their norm and by value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import array_device, backend_of_type
from ..core import tape
from ..core.precision import is_narrow
from ..core.tape import mark_written
from ..core.tensor import Tensor
from ..core.traced import Traced
from ..errors import ArgumentError, ArgumentTypeError, DeviceError, NonFiniteError
from . import fused


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale all gradients in place by min(1, max_norm / (total + 1e-6)), and return `total`, their norm before.

    total = (sum over all elements of |g|^norm_type)^(1/norm_type), or max |g| for norm_type inf: a 0-d value on the
    gradients' device, float64.  2-byte gradients are summed and scaled in float32, and rounded once.  A total that is
    not finite scales to NaN or 0, as the formula says.  Parameters without gradient are left out.

    Raises ArgumentError for a negative max_norm or a norm_type that is not positive; with `error_if_nonfinite`,
    NonFiniteError before anything is changed.  Source: Pascanu, Mikolov and Bengio, On the difficulty of training
    recurrent neural networks (2013).
    """
    if not max_norm >= 0:
        raise ArgumentError(f"clip_grad_norm_: max_norm is {max_norm!r}; expected a number of 0 or more")
    if not norm_type > 0:
        raise ArgumentError(f"clip_grad_norm_: norm_type is {norm_type!r}; expected a positive number or math.inf")
    grads = _grads(parameters, "clip_grad_norm_")
    if not grads:
        return np.float64(0)
    total = _total_norm([g.data for g in grads], norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise NonFiniteError(
            f"clip_grad_norm_: the norm of the gradients is {float(total)}; expected a finite one: lower the learning "
            "rate, or pass error_if_nonfinite=False"
        )
    _scale_down(grads, total, max_norm)
    return total


def grad_norm(parameters: Iterable[Tensor]) -> Any:
    """The norm of all gradients together, as clip_grad_norm_ finds it, and nothing is changed."""
    grads = _grads(parameters, "grad_norm")
    return _total_norm([g.data for g in grads], 2.0) if grads else np.float64(0)


def clip_by_known_norm_(parameters: Iterable[Tensor], max_norm: float, total: Any) -> None:
    """What clip_grad_norm_ does to gradients whose norm is `total`, as `grad_norm` gives it."""
    total = np.float64(total) if isinstance(total, np.ndarray) else total
    _scale_down(_grads(parameters, "clip_by_known_norm_"), total, max_norm)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of the gradients in place to [-clip_value, clip_value]; NaN stays.

    Raises ArgumentError for a negative clip_value.
    """
    if not clip_value >= 0:
        raise ArgumentError(f"clip_grad_value_: clip_value is {clip_value!r}; expected a number of 0 or more")
    for g in _grads(parameters, "clip_grad_value_"):
        if isinstance(g.data, np.generic):
            g.data = np.array(g.data)
        mark_written(g.data)
        low, high = (g.data.dtype.type(v) for v in (-clip_value, clip_value))
        backend_of_type(type(g.data)).xp.clip(g.data, low, high, out=g.data)


def _grads(parameters: Tensor | Iterable[Tensor], asked_by: str) -> list[Tensor]:
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for t in tensors:
        if not isinstance(t, Tensor):
            raise ArgumentTypeError(f"{asked_by}: got a {type(t).__name__} among the parameters; expected Tensors")
    found = [t.grad for t in tensors]
    grads = [g for g in found if g is not None]
    if len(devices := {str(array_device(g.data)) for g in grads}) > 1:
        raise DeviceError(f"{asked_by}: the gradients are on {sorted(devices)}; expected one device")
    return grads


def _scale_down(grads: list[Tensor], total: Any, max_norm: float) -> None:
    scale: Any
    if isinstance(total, np.generic):  # known on the host, so most calls end here
        scale = max_norm / (float(total) + 1e-6)
        if scale >= 1:
            return
    elif _scaled_by_kernel(grads, total, max_norm):
        return
    else:
        scale = backend_of_type(type(total)).xp.minimum(max_norm / (total + 1e-6), 1)
    for g in grads:
        _scale(g, scale)


def _scaled_by_kernel(grads: list[Tensor], total: Any, max_norm: float) -> bool:
    arrays = [g.data for g in grads]
    if tape.tracer is not None or backend_of_type(type(arrays[0])).xp is np or not fused.clip(arrays, total, max_norm):
        return False
    for array in arrays:
        mark_written(array)
    return True


def _total_norm(arrays: list[Any], norm_type: float) -> Any:
    xp = backend_of_type(type(arrays[0])).xp
    if xp is not np and norm_type == 2 and tape.tracer is None:
        total = fused.clip_norm(arrays)
        if total is not NotImplemented:
            return total
    if type(arrays[0]) is Traced:
        return arrays[0].trace.call_of(_TotalNorm(norm_type), tuple(arrays))
    flat = [g for g in (_wide(g).reshape(-1) for g in arrays) if g.size]
    if xp is not np:  # stays on the device, so that nobody waits for it
        both = xp.stack(_parts(xp, flat, norm_type)).astype(np.float64)
        return both.max() if norm_type == math.inf else both.sum() ** (1 / norm_type)
    with np.errstate(over="ignore"):
        values = np.array(_parts(np, flat, norm_type), np.float64)
        if norm_type == math.inf:
            return values.max(initial=0.0)
        total = values.sum()
        if (not np.isfinite(total) or total < 1e-30) and any(g.dtype == np.float32 for g in flat):
            return _total_norm([g.astype(np.float64) for g in flat], norm_type)  # a power left the range of float32
        return total ** (1 / norm_type)


class _TotalNorm:
    """In a program one call, which may look at what it computes: the second try in float64 is in it.

    The executor "fast" writes it in code of its own, which sums in float64 at once.
    """

    name, kind = "total_norm", "opaque"

    def __init__(self, norm_type: float) -> None:
        self.norm_type = norm_type

    def bind(self, backend: Any) -> Any:
        """The norm as a function of the gradients' arrays."""
        return lambda *arrays: _total_norm([*arrays], self.norm_type)


def _parts(xp: Any, flat: list[Any], norm_type: float) -> list[Any]:
    """For each array the sum of its powers, or its largest element."""
    if norm_type == math.inf:
        return [abs(g).max() for g in flat]
    if norm_type == 2:
        return [xp.dot(g, g) for g in flat]
    return [(abs(g) ** norm_type).sum() for g in flat]


def _wide(g: Any) -> Any:
    return g.astype(np.float32) if is_narrow(g.dtype) else g


def _scale(g: Tensor, scale: Any) -> None:
    """g *= scale, rounded once; a NumPy scalar cannot be written, so the tensor gets a new one."""
    data = g.data
    if hasattr(scale, "astype"):
        scale = scale.astype(np.float32 if is_narrow(data.dtype) else data.dtype)
    if isinstance(data, np.generic):
        g.data = (_wide(data) * scale).astype(data.dtype)
        return
    mark_written(data)
    if is_narrow(data.dtype):
        data[...] = _wide(data) * scale
    else:
        data *= scale
