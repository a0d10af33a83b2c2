"""Constants: arrays made from shapes and numbers.  Those like another array have its dtype and device."""

import contextlib
from typing import Any

from ..backend import Device, default_device, resolve_device
from ..core.primitive import primitive
from ..core.tensor import Tensor, as_dtype
from ..core.transform import as_value
from .arithmetic import add
from .axes import spread
from .shape import astype, broadcast_to


@primitive(family="elementwise", differentiable=False, direct="zeros_like")
def zeros_like(x: Any) -> Any:
    """Zeros of x's shape and dtype."""


@primitive(family="elementwise", differentiable=False, direct="ones_like")
def ones_like(x: Any) -> Any:
    """Ones of x's shape and dtype."""


@primitive(family="elementwise", differentiable=False)
def full_like_(xp: Any, x: Any, *, value: Any) -> Any:
    """The number `value` in x's shape and dtype."""
    return xp.full_like(x, value)


@primitive(family="creation", differentiable=False)
def new_zeros(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros of another shape, with x's dtype, where x lives."""
    return xp.zeros(shape, dtype=x.dtype)


new_zeros.batch(lambda F, batched, x, *, shape: F.new_zeros(x, shape=(x.shape[0], *shape)))


def full_like(x: Any, fill_value: Any) -> Any:
    """fill_value in x's shape and dtype; an array is broadcast, and keeps its gradient."""
    x, fill_value = as_value(x), as_value(fill_value) if isinstance(fill_value, complex) else fill_value
    if hasattr(fill_value, "shape"):
        return astype(add(zeros_like(x), broadcast_to(fill_value, x.shape)), x.dtype)
    return full_like_(x, value=fill_value)


def zeros(shape: Any, dtype: Any = "float64", device: str | Device | None = None) -> Tensor:
    """Zeros.  shape: an int or several; dtype: a floating, integer or bool dtype; device: the CPU unless named.

    >>> zeros((2, 2), dtype="float32")
    Tensor([[0., 0.],
            [0., 0.]], dtype=float32)
    """
    return _made("zeros", device, spread("zeros", "shape", (shape,)), dtype=as_dtype(dtype))


def ones(shape: Any, dtype: Any = "float64", device: str | Device | None = None) -> Tensor:
    """Ones; arguments as `zeros`."""
    return _made("ones", device, spread("ones", "shape", (shape,)), dtype=as_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """The number `fill_value` everywhere, by default in NumPy's dtype for it; other arguments as `zeros`."""
    return _made("full", device, spread("full", "shape", (shape,)), fill_value, dtype=_dtype(dtype))


def arange(
    start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, device: str | Device | None = None
) -> Tensor:
    """start, start + step, ... up to but without stop; arange(n) counts 0 to n - 1.  int64 for ints, else float64."""
    start, stop = (0, start) if stop is None else (start, stop)
    return _made("arange", device, start, stop, step, dtype=_dtype(dtype))


def linspace(start: Any, stop: Any, num: int = 50, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """`num` numbers at equal distances from start to stop, both included, in float64 unless dtype says otherwise."""
    return _made("linspace", device, start, stop, num, dtype=_dtype(dtype))


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = "float64", device: str | Device | None = None) -> Tensor:
    """The (n, m) matrix, by default square, with ones on diagonal k (above the main one for k > 0), else zeros."""
    return _made("eye", device, n, n if m is None else m, k, dtype=as_dtype(dtype))


def _dtype(dtype: Any) -> Any:
    return None if dtype is None else as_dtype(dtype)


def _made(name: str, device: str | Device | None, *args: Any, **params: Any) -> Tensor:
    """Tensor of xp.name(*args) on the device asked for."""
    place = default_device() if device is None else resolve_device(device)[0]
    here: Any = contextlib.nullcontext() if place.kind == "cpu" else place.xp.cuda.Device(place.index)
    with here:
        return Tensor(getattr(place.xp, name)(*args, **params))


__all__ = ["arange", "eye", "full", "full_like", "linspace", "ones", "ones_like", "zeros", "zeros_like"]
