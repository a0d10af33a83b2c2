"""Shapes and dtypes: the same numbers, laid out, repeated or rounded otherwise."""

from typing import Any

from ..core.primitive import primitive


@primitive(family="shape", jvp="linear", saves="x.shape")
def astype(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x converted to dtype; the gradient is converted back.  Integers and bools carry no gradient."""
    return x.astype(dtype, copy=False)


@astype.vjp
def _(F, g, y, x, *, dtype):
    return F.astype(g, dtype=x.dtype)


@primitive(family="shape", jvp="linear", saves="x.shape")
def sum_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x summed over the axes that broadcasting `shape` to x.shape adds or stretches: the adjoint of broadcast_to."""
    lead = x.ndim - len(shape)
    stretched = tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return x.sum(axis=tuple(range(lead)) + stretched, keepdims=True).reshape(shape)


@sum_to.vjp
def _(F, g, y, x, *, shape):
    return F.broadcast_to(g, shape=x.shape)


@primitive(family="shape", jvp="linear", saves="x.shape")
def broadcast_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x repeated along new leading axes and axes of length 1 to `shape`, without copying."""
    return xp.broadcast_to(x, shape)


@broadcast_to.vjp
def _(F, g, y, x, *, shape):
    return F.sum_to(g, shape=x.shape)


@primitive(family="elementwise", differentiable=False, direct="zeros_like")
def zeros_like(x: Any) -> Any:
    """Zeros of x's shape and dtype."""


@primitive(family="elementwise", differentiable=False, direct="ones_like")
def ones_like(x: Any) -> Any:
    """Ones of x's shape and dtype."""

__all__ = ["astype", "broadcast_to", "ones_like", "sum_to", "zeros_like"]
