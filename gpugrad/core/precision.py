"""What NumPy's promotion does not do for us: Python numbers weak beside bfloat16, 2-byte floats computed in float32."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SCALARS = frozenset((bool, int, float))  # by exact type: np.float64 derives from float but has a dtype of its own


def weak(scalar: Any, array: Any) -> bool:
    """True where `scalar` is a Python number that NumPy itself treats as weak beside `array`."""
    return type(scalar) in SCALARS and array.dtype.kind != "V"


def is_narrow(dtype: Any) -> bool:
    """True for float16 and bfloat16."""
    return dtype.itemsize == 2 and (dtype.kind == "f" or (dtype.kind == "V" and dtype.name == "bfloat16"))


def narrow_result(y: Any, args: Sequence[Any]) -> Any:
    """`y` brought back to bfloat16 where NumPy widened it only because a Python number stood among `args`."""
    if "V" not in [a.dtype.kind for a in args if hasattr(a, "dtype")]:
        return y
    kinds = {a.dtype for a in args if hasattr(a, "dtype") and a.dtype.kind != "b"}
    if len(kinds) != 1 or not any(type(a) in SCALARS for a in args):
        return y
    (dtype,) = kinds
    floating = getattr(y, "dtype", dtype).kind == "f"
    return y.astype(dtype) if floating and dtype.kind == "V" and dtype.name == "bfloat16" else y


def widened(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward` with 2-byte floats computed in float32 and rounded once at the end; numbers take the arrays' dtype."""

    array = np.ndarray

    @functools.wraps(forward)
    def wide(*args: Any, **params: Any) -> Any:
        for a in args:
            if a is not None and (type(a) is not array or a.itemsize == 2):
                return widening(args, params)
        return forward(*args, **params)  # the usual case, at a tenth of the cost

    def widening(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        dtypes = [a.dtype for a in args if hasattr(a, "dtype")]
        if len(dtypes) < len(args):
            args = _numbers_as_arrays(args, dtypes)
        if not [d for d in dtypes if is_narrow(d)]:
            return forward(*args, **params)
        floating = {d for d in dtypes if d.kind == "f" or d.kind == "V"}
        y = forward(
            *(a.astype(np.float32) if hasattr(a, "dtype") and is_narrow(a.dtype) else a for a in args), **params
        )
        if len(floating) > 1:
            return y
        (dtype,) = floating
        return tuple(map(functools.partial(_round, dtype), y)) if isinstance(y, tuple) else _round(dtype, y)

    return wide


def _numbers_as_arrays(args: tuple[Any, ...], dtypes: list[Any]) -> tuple[Any, ...]:
    """Python numbers in the dtype of the floating arrays: a forward may do to them what makes a float64 of a number."""
    floating = [np.dtype(np.float32) if is_narrow(d) else d for d in dtypes if d.kind == "f" or d.kind == "V"]
    if not floating:
        return args
    kind = np.result_type(*floating).type
    return tuple(kind(a) if type(a) in SCALARS else a for a in args)


def _round(dtype: Any, y: Any) -> Any:
    return y.astype(dtype) if y.dtype == np.float32 else y
