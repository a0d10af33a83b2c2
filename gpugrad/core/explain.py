"""Check fast, explain slow: a forward that failed is asked why, and the answer names operation, argument and fix."""

from typing import Any, NoReturn

import numpy as np

from ..backend import array_device, is_array_type
from ..errors import ArgumentError, ArgumentTypeError, DeviceError, DTypeError, GpugradError, ShapeError
from .tensor import Tensor, raw


def explain(p: Any, args: tuple[Any, ...], params: dict[str, Any], error: Exception) -> NoReturn:
    """Raise the clearest error there is for the failed call `p(*args, **params)`."""
    ours = isinstance(error, GpugradError | Warning | FloatingPointError | MemoryError)
    if ours and type(error) is not ArgumentTypeError:
        raise error
    for i, a in enumerate(args):
        if a is None and _argument(p, i) in p.optional:
            continue
        if type(a) not in (bool, int, float) and not isinstance(a, Tensor) and not is_array_type(type(a)):
            raise ArgumentTypeError(
                f"{p.name}: argument {_argument(p, i)} is a {type(a).__name__}; expected a Tensor, an array or a number"
            ) from error
    if ours:
        raise error
    _same_device(p, args)
    if p.check_rule is not None:
        p.check_rule(*args, **params)
    shapes = [tuple(a.shape) for a in args if hasattr(a, "shape")]
    if p.family == "elementwise":
        _broadcastable(p, shapes)
    got = f"shapes {', '.join(map(str, shapes))}" + (f" and {params}" if params else "")
    kind: type[GpugradError] = ArgumentTypeError if isinstance(error, TypeError) else ShapeError
    if isinstance(error, OverflowError):
        kind = ArgumentError
    raise kind(f"{p.name}: cannot be computed for {got}: {error}") from error


def _argument(p: Any, i: int) -> str:
    return p.inputs[i] if i < len(p.inputs) else str(i)


def _same_device(p: Any, args: tuple[Any, ...]) -> None:
    devices = {str(array_device(raw(a))) for a in args if hasattr(a, "shape") and a.shape != ()}
    if len(devices) > 1:
        raise DeviceError(
            f"{p.name}: arguments are on {' and '.join(sorted(devices))}; move one of them, for example t.to('cpu')"
        )


def _broadcastable(p: Any, shapes: list[tuple[int, ...]]) -> None:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ShapeError(
            f"{p.name}: shapes {listed} do not broadcast; expected axes that are equal or 1, counted from the last"
        ) from None


def require_real(p: Any, array: Any) -> None:
    """Raise DTypeError for a raw array among Tensors whose dtype gpugrad does not compute with."""
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise DTypeError(
            f"{p.name}: an argument has dtype {array.dtype}; expected float, integer or bool "
            "(complex is not supported; pass real and imaginary parts apart)"
        )
