"""softmax, its logarithm, and the logarithm of its denominator, along one axis or several, by default the last.

dtypes: x's own, float64 for ints; 2-byte floats are computed in float32 and rounded once.  The largest element is taken
off first, so that no x is too large.  At infinity there is no NaN: elements of +inf share the weight equally, and where
all are -inf there is no weight to share, so softmax is 0 with gradient 0, logsumexp is -inf with gradient 0, and
log_softmax is -inf.  Each raises ShapeError for an axis out of range.
"""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from .reduce import axes_of, batch_front, kept
from .short_rows import extreme


def _parts(xp: Any, x: Any, axis: tuple[int, ...]) -> tuple[Any, Any, Any, Any]:
    """(d, e, total, m): x less its maximum m, which is 0 also at +inf, and -inf where all are; e^d; its sum.

    m and the sum keep the axes.  The sum is at least 1, or 0 (all -inf, or no elements) and taken as 1.
    """
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    m: Any = extreme("max", x, axis, True) if x.size else -np.inf
    if xp is np and x.size and np.count_nonzero(np.isfinite(m)) == m.size:  # the usual case; a GPU had to be waited for
        d = x - m
        e = xp.exp(d)
        return d, e, e.sum(axis=axis, keepdims=True), m
    largest = float(np.finfo(x.dtype).max)
    d = xp.minimum(x - xp.maximum(xp.minimum(m, largest), -largest), 0) if x.size else x
    e = xp.exp(d)
    return d, e, xp.maximum(e.sum(axis=axis, keepdims=True), 1), m


@primitive(family="reduce", saves="x", widen=True, cuda="softmax.logsumexp")
def logsumexp_(xp: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """log of the sum of e^x over the axes."""
    _, _, total, m = _parts(xp, x, axis)
    y = xp.log(total) + m
    return y if keepdims else xp.squeeze(y, axis)


@logsumexp_.vjp
def _(F, g, y, x, *, axis, keepdims):
    return kept(F, g, axis, keepdims) * F.softmax(x, axis=axis)


@logsumexp_.jvp
def _(F, t, y, x, *, axis, keepdims):
    return F.sum(t * F.softmax(x, axis=axis), axis=axis, keepdims=keepdims)


@primitive(family="axis", saves="y", widen=True, cuda="softmax.softmax")
def softmax_(xp: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    """e^x over its sum."""
    _, e, total, _ = _parts(xp, x, axis)
    return e / total


def _softmax_derivative(F: Any, g: Any, y: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    return F.softmax_grad(g, y, axis=axis)


softmax_.vjp(_softmax_derivative)
softmax_.jvp(_softmax_derivative)  # the Jacobian is symmetric


@primitive(saves={"g": "y", "y": "g y"}, widen=True, cuda="softmax.softmax_grad")
def softmax_grad(xp: Any, g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """y (g - sum(g y))."""
    gy = g * y
    return gy - y * gy.sum(axis=axis, keepdims=True)


def _softmax_grad_y(F: Any, h: Any, out: Any, g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    return h * (g - _total(F, g * y, axis)) - g * _total(F, h * y, axis)


softmax_grad.vjp(lambda F, h, out, g, y, *, axis: F.softmax_grad(h, y, axis=axis), _softmax_grad_y)


@softmax_grad.jvp
def _(F, tg, ty, out, g, y, *, axis):
    through_g = None if tg is None else F.softmax_grad(tg, y, axis=axis)
    if ty is None:
        return through_g
    through_y = ty * (g - _total(F, g * y, axis)) - y * _total(F, g * ty, axis)
    return through_y if through_g is None else through_g + through_y


@primitive(family="axis", saves="y", widen=True, cuda="softmax.log_softmax")
def log_softmax_(xp: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    """x - logsumexp(x)."""
    d, _, total, _ = _parts(xp, x, axis)
    return d - xp.log(total)


@log_softmax_.vjp
def _(F, g, y, x, *, axis):
    return F.log_softmax_grad(g, y, axis=axis)


@log_softmax_.jvp
def _(F, t, y, x, *, axis):
    return t - _total(F, t * F.exp(y), axis)


@primitive(saves={"g": "y", "y": "g y"}, widen=True, cuda="softmax.log_softmax_grad")
def log_softmax_grad(xp: Any, g: Any, y: Any, *, axis: tuple[int, ...]) -> Any:
    """g - e^y sum(g)."""
    return g - xp.exp(y) * g.sum(axis=axis, keepdims=True)


log_softmax_grad.vjp(
    lambda F, h, out, g, y, *, axis: h - _total(F, h * F.exp(y), axis),
    lambda F, h, out, g, y, *, axis: -h * F.exp(y) * _total(F, g, axis),
)


@log_softmax_grad.jvp
def _(F, tg, ty, out, g, y, *, axis):
    through_g = None if tg is None else F.log_softmax_grad(tg, y, axis=axis)
    if ty is None:
        return through_g
    through_y = -ty * F.exp(y) * _total(F, g, axis)
    return through_y if through_g is None else through_g + through_y


batch_front(softmax_grad)
batch_front(log_softmax_grad)


def _total(F: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return F.sum(x, axis=axis, keepdims=True)


def logsumexp(x: Any, axis: Any = -1, *, keepdims: bool = False) -> Any:
    """log of the sum of e^x over `axis` (an int, several, or None for all): -inf over no elements.

    The gradient is softmax(x).
    """
    x = as_value(x)
    return logsumexp_(x, axis=_axes("logsumexp", x, axis), keepdims=keepdims)


def softmax(x: Any, axis: Any = -1) -> Any:
    """e^x / sum(e^x), the sum over `axis` (an int, several, or None for all); the shape is x's."""
    x = as_value(x)
    return softmax_(x, axis=_axes("softmax", x, axis))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """x - logsumexp(x) over `axis` (an int, several, or None for all); the shape is x's."""
    x = as_value(x)
    return log_softmax_(x, axis=_axes("log_softmax", x, axis))


def _axes(name: str, x: Any, axis: Any) -> tuple[int, ...]:
    return () if not x.ndim and axis == -1 else axes_of(name, x, axis)


methods(logsumexp, softmax, log_softmax)

__all__ = ["log_softmax", "log_softmax_grad", "logsumexp", "softmax", "softmax_grad"]
