"""What NumPy's promotion does not do for us: Python numbers weak beside bfloat16, 2-byte floats computed in float32."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

_SCALARS = frozenset((bool, int, float))


def is_scalar(value: Any) -> bool:
    """True for exactly bool, int and float: np.float64 derives from float but has a dtype of its own."""
    return type(value) in _SCALARS


def weak(scalar: Any, array: Any) -> bool:
    """True where `scalar` is a Python number that NumPy itself treats as weak beside `array`."""
    return type(scalar) in _SCALARS and array.dtype.kind != "V"


def is_narrow(dtype: Any) -> bool:
    """True for float16 and bfloat16."""
    return dtype.itemsize == 2 and (dtype.kind == "f" or dtype.name == "bfloat16")


def narrow_result(y: Any, args: tuple[Any, ...]) -> Any:
    """`y` brought back to bfloat16 where NumPy widened it only because a Python number stood among `args`."""
    kinds = {a.dtype for a in args if hasattr(a, "dtype") and a.dtype.kind != "b"}
    if len(kinds) != 1 or not any(type(a) in _SCALARS for a in args):
        return y
    (dtype,) = kinds
    floating = getattr(y, "dtype", dtype).kind == "f"
    return y.astype(dtype) if dtype.name == "bfloat16" and floating else y


def widened(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward` with 2-byte floats computed in float32 and rounded once at the end."""

    @functools.wraps(forward)
    def wide(*args: Any, **params: Any) -> Any:
        dtypes = {a.dtype for a in args if hasattr(a, "dtype") and (a.dtype.kind == "f" or a.dtype.kind == "V")}
        if not any(is_narrow(d) for d in dtypes):
            return forward(*args, **params)
        y = forward(
            *(a.astype(np.float32) if hasattr(a, "dtype") and is_narrow(a.dtype) else a for a in args), **params
        )
        if len(dtypes) > 1:
            return y
        (dtype,) = dtypes
        return tuple(map(functools.partial(_round, dtype), y)) if isinstance(y, tuple) else _round(dtype, y)

    return wide


def _round(dtype: Any, y: Any) -> Any:
    return y.astype(dtype) if y.dtype == np.float32 else y
