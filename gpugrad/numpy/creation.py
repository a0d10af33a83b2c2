"""New arrays.  What is made of Python numbers and plain arrays alone is a plain NumPy array, as without gpugrad."""

from typing import Any

import numpy as np

from .. import ops
from ..backend import array_device
from ..core.namespace import OPS
from ..core.tensor import Tensor, as_dtype, raw
from ..core.transform import as_value
from ..errors import ArgumentError
from .table import enter, enter_constant, enter_own, enter_plain, enter_shapes
from .values import holds_tensor, is_tensor, stacked

_G = "creation"


def array(object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **options: Any) -> Any:
    """An array, or a Tensor where the nest holds one: numbers, arrays and Tensors are stacked, and gradients flow."""
    if not holds_tensor(object):
        return np.array(object, dtype=dtype, copy=copy, ndmin=ndmin, **options)
    x = stacked(object)
    x = x if dtype is None else ops.astype(x, dtype)
    x = ops.positive(x) if copy and isinstance(object, Tensor) and x.dtype.kind != "b" else x
    return ops.reshape(x, (1,) * (ndmin - x.ndim) + tuple(x.shape)) if ndmin > x.ndim else x


def asarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """An array, or a Tensor where the nest holds one; no copy where none is needed."""
    return array(a, dtype, copy=False) if holds_tensor(a) else np.asarray(a, dtype=dtype, **options)


def asanyarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """As `asarray`."""
    return array(a, dtype, copy=False) if holds_tensor(a) else np.asanyarray(a, dtype=dtype, **options)


def ascontiguousarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """As `asarray`; a Tensor's memory has no meaning, so it comes back as it is."""
    return array(a, dtype, copy=False) if holds_tensor(a) else np.ascontiguousarray(a, dtype=dtype, **options)


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """One value everywhere; the gradient of a Tensor as value is the sum."""
    if not holds_tensor(fill_value):
        return np.full(shape, fill_value, dtype=dtype, **options)
    value = stacked(fill_value)
    return ops.broadcast_to(value if dtype is None else ops.astype(value, dtype), shape)


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None, **options: Any
) -> Any:
    """One value in the shape and dtype of a; the gradient of a Tensor as value is the sum."""
    if not (is_tensor(a) or is_tensor(fill_value) or holds_tensor(fill_value)):
        return np.full_like(a, fill_value, dtype=dtype, order=order, subok=subok, shape=shape, **options)
    return ops.full_like(_model(a, dtype, shape), stacked(fill_value))


def _model(a: Any, dtype: Any, shape: Any) -> Any:
    a = ops.zeros_like(as_value(a))
    a = a if shape is None else OPS.new_zeros(a, shape=tuple(np.empty(shape, bool).shape))
    return a if dtype is None else ops.astype(a, dtype)


def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    """Zeros in the shape and dtype of a."""
    return _model(a, dtype, shape)


def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    """Ones in the shape and dtype of a."""
    return ops.ones_like(_model(a, dtype, shape))


def _steps(start: Any, stop: Any, num: int, endpoint: bool, axis: int) -> tuple[Any, Any, Any]:
    """(start, stop - start, fractions), made to broadcast with the new axis in front."""
    start, stop = (ops.astype(stacked(v), "float64") if as_value(v).dtype.kind in "iub" else v for v in (start, stop))
    start, span = as_value(start), ops.subtract(stop, start)
    divisor = num - 1 if endpoint else num
    fractions = array_device(raw(span)).xp.arange(num) / max(divisor, 1)
    return start, span, fractions.reshape((num, *(1,) * max(span.ndim, start.ndim)))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """num numbers at equal distances from start to stop, along a new axis."""
    begin, span, fractions = _steps(start, stop, num, endpoint, axis)
    y = ops.astype(begin + span * fractions, as_dtype(dtype or ops.add(begin, span).dtype))
    y = ops.moveaxis(y, 0, axis) if axis else y
    return (y, span / max(num - 1 if endpoint else num, 1)) if retstep else y


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """base to the powers from start to stop at equal distances."""
    y = ops.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else ops.astype(y, dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """num numbers at equal ratios from start to stop, both of one sign."""
    start, stop = ops.astype(start, "float64"), ops.astype(stop, "float64")
    sign = ops.sign(start)
    if bool(ops.any(ops.not_equal(sign, ops.sign(stop)))) or bool(ops.any(ops.equal(sign, 0))):
        raise ArgumentError("geomspace: start and stop have different signs, or one is 0; expected one sign")
    logs = linspace(ops.log(ops.absolute(start)), ops.log(ops.absolute(stop)), num, endpoint, axis=axis)
    y = ops.multiply(ops.exp(logs), ops.expand_dims(sign, axis) if sign.ndim else sign)
    return y if dtype is None else ops.astype(y, dtype)


enter_own(_G, array, asarray, asanyarray, ascontiguousarray, full, full_like)
enter_constant(_G, "zeros_like", zeros_like)
enter_constant(_G, "ones_like", ones_like)
enter_constant(_G, "empty_like", zeros_like, "zeros for a Tensor")
enter(_G, "linspace", linspace)
enter(_G, "logspace", logspace)
enter(_G, "geomspace", geomspace, "not inside vmap")
enter_plain(
    _G,
    "zeros ones empty eye identity tri arange indices fromfunction fromiter frombuffer from_dlpack tril_indices "
    "triu_indices diag_indices mask_indices ix_ unravel_index "
    "ravel_multi_index bartlett blackman hamming hanning kaiser",
    "plain arrays",
)
enter_shapes(_G, "tril_indices_from triu_indices_from diag_indices_from")
enter_shapes("dtypes and settings", "result_type common_type einsum_path isrealobj iscomplexobj")
enter_plain(
    "dtypes and settings",
    "dtype finfo iinfo promote_types can_cast issubdtype isdtype min_scalar_type broadcast_shapes "
    "isscalar iterable errstate geterr seterr printoptions get_printoptions set_printoptions ndindex "
    "ndenumerate may_share_memory shares_memory typename",
    "NumPy's own",
)
enter_plain(
    "dtypes and settings",
    "bool bool_ int8 int16 int32 int64 int_ intp intc uint uint8 uint16 uint32 uint64 float16 float32 float64 half "
    "single double byte ubyte short ushort longlong ulonglong long ulong uintp uintc generic number integer "
    "signedinteger unsignedinteger inexact floating ndarray ufunc",
    "NumPy's own",
)
