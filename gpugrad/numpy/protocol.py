"""NumPy's own functions on Tensors: np.sin(t), np.concatenate([t, u]) and np.linalg.norm(t) lead to the operations."""

import functools
from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import Tensor, methods, raw
from ..core.traced import Traced
from ..core.transform import as_value
from ..errors import ArgumentTypeError
from . import linalg
from .calling import call_tensor, call_ufunc
from .left_out import LEFT_OUT
from .table import BY_FUNCTION, TABLE, reading

_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
_REDUCTIONS |= {"logical_or": "any", "logical_and": "all"}
_PRINTED = {"save", "savez", "savez_compressed", "savetxt", "array2string", "array_repr", "array_str"}
_SCANS = {"add": "cumsum", "multiply": "cumprod"}


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.sin(t), np.add(array, t) and array + t, and of a ufunc's methods reduce, accumulate and outer.

    Raises ArgumentTypeError for a ufunc that gpugrad has not, for other methods, and for out= and where=.
    """
    name = ufunc.__name__
    entry = BY_FUNCTION.get(ufunc) or TABLE.get(name)  # array.clip(t) calls a ufunc that np.clip hides
    if entry is None or entry.tensor is None:
        raise ArgumentTypeError(f"np.{name}: gpugrad has no such operation{_reason(name)}; use t.detach().numpy()")
    if method == "__call__":
        return call_ufunc(name, entry.tensor, inputs, kwargs) if kwargs else entry.tensor(*inputs)
    return _method(name, entry.tensor, method, inputs, kwargs)


def _method(name: str, f: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    if method == "outer":
        a, b = map(as_value, inputs)
        return call_ufunc(f"{name}.outer", f, (ops.reshape(a, (*a.shape, *(1,) * b.ndim)), b), kwargs)
    found = {"reduce": _REDUCTIONS, "accumulate": _SCANS}.get(method, {}).get(name)
    if found in TABLE:
        kwargs = {"axis": 0, **{k: v for k, v in kwargs.items() if k != "out" or v is not None}}
        return call_tensor(f"np.{name}.{method}", TABLE[found].tensor, inputs, kwargs)  # type: ignore[arg-type]
    hint = (
        "write t.at[index].add(v) and the like" if method == "at" else "use gpugrad's own reductions, such as t.sum()"
    )
    raise ArgumentTypeError(f"np.{name}.{method}: not for Tensors; {hint}")


def array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Any other function of NumPy with a Tensor among its arguments.

    Raises ArgumentTypeError for a function that gpugrad.numpy has not, with the reason.
    """
    entry = BY_FUNCTION.get(func)
    if entry is not None and entry.tensor is not None:
        return call_tensor(entry.name, entry.tensor, args, kwargs)
    f = _of_linalg().get(func)
    if f is not None:
        return call_tensor(f"linalg.{func.__name__}", f, args, kwargs)
    name = func.__name__
    if name in _PRINTED:
        return reading(func, functools.partial(_shown, name))(*args, **kwargs)
    where = "" if func.__module__ == "numpy" else func.__module__.removeprefix("numpy.") + "."
    raise ArgumentTypeError(
        f"np.{where}{name}: not for Tensors{_reason(name) or ', as gpugrad.numpy does not have it'}; "
        "use t.detach().numpy() for the values alone"
    )


def _shown(name: str, t: Any) -> np.ndarray:
    array = raw(t)
    return array.refuse_value(f"np.{name}") if type(array) is Traced else t.numpy()


def _reason(name: str) -> str:
    return f" ({LEFT_OUT[name]})" if name in LEFT_OUT else ""


@functools.cache
def _of_linalg() -> dict[Any, Any]:
    """NumPy's function -> the one of gpugrad.numpy.linalg."""
    names = [n for n in linalg.__all__ if callable(getattr(np.linalg, n, None))]
    return {getattr(np.linalg, n): getattr(linalg, n) for n in names}


methods(__array_ufunc__=array_ufunc, __array_function__=array_function)
