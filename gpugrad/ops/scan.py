"""Running sums, products and extrema along one axis.

Shapes: x (...) -> y of x's shape; without axis, x counts as one row and y is 1-D.
dtypes: NumPy's: x's own, and int64 for smaller ints and bools.  float16 and bfloat16 are computed in float32.
Each raises ShapeError for an axis out of range.
"""

from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from ..errors import ArgumentError
from .along_axis import take_along_axis_
from .axes import normal_axis
from .batching import all_batched
from .joining import concatenate_
from .select import either
from .shape import astype, ravel


@primitive(family="axis", jvp="linear", widen=True)
def cumsum_(xp: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """Sums of the elements up to each one, or with `reverse` of those from each one on: each other's adjoint."""
    return xp.flip(xp.cumsum(xp.flip(x, axis), axis), axis) if reverse else xp.cumsum(x, axis)


@cumsum_.vjp
def _(F, g, y, x, *, axis, reverse):
    return F.cumsum(g, axis=axis, reverse=not reverse)


@primitive(family="axis", saves="x y", widen=True)
def cumprod_(xp: Any, x: Any, *, axis: int) -> Any:
    """Products of the elements up to each one."""
    return xp.cumprod(x, axis)


@cumprod_.vjp
def _(F, g, y, x, *, axis):
    return F.shift(y, axis=axis, by=1, fill=1) * F.recurrence(x, g, axis=axis, reverse=True)


@cumprod_.jvp
def _(F, t, y, x, *, axis):
    return F.recurrence(x, t * F.shift(y, axis=axis, by=1, fill=1), axis=axis, reverse=False)


@primitive(family="axis")
def shift(xp: Any, x: Any, *, axis: int, by: int, fill: float) -> Any:
    """x moved by one place along axis (by = 1 or -1): what falls off is lost, and `fill` comes in."""
    y = xp.full_like(x, fill)
    lead = (slice(None),) * axis
    later, earlier = (*lead, slice(1, None)), (*lead, slice(None, -1))
    there, here = (later, earlier) if by > 0 else (earlier, later)
    y[there] = x[here]
    return y


shift.vjp(lambda F, g, y, x, *, axis, by, fill: F.shift(g, axis=axis, by=-by, fill=0))
shift.jvp(lambda F, t, y, x, *, axis, by, fill: F.shift(t, axis=axis, by=by, fill=0))


@primitive(saves={"a": "y a", "b": "a"}, widen=True)
def recurrence(xp: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    """y[i] = a[i] y[i-1] + b[i] along axis, from y[-1] = 0; with `reverse`, y[i] = a[i+1] y[i+1] + b[i].

    a and b have one shape.  As maps of b the two are each other's adjoint.  No division: zeros in a do no harm.
    """
    a, b = xp.moveaxis(a, axis, 0), xp.moveaxis(b, axis, 0)
    if reverse:
        a = xp.concatenate([a[:1], a[:0:-1]])  # a[i+1] stands where the turned sequence wants it; the first is not used
        return xp.moveaxis(_solve(xp, a, b[::-1])[::-1], 0, axis)
    return xp.moveaxis(_solve(xp, a, b), 0, axis)


def _solve(xp: Any, a: Any, b: Any) -> Any:
    """The recurrence along axis 0 by pairs: two steps in one make a recurrence of half the length.  O(n) in all."""
    if len(b) < 2:
        return b.copy()
    odd = a[1::2]
    y = xp.empty_like(b)
    y[1::2] = _solve(xp, odd * a[:-1:2], odd * b[:-1:2] + b[1::2])
    y[0] = b[0]
    y[2::2] = a[2::2] * y[1:-1:2] + b[2::2]
    return y


@recurrence.vjp_all
def _(F, g, y, a, b, *, axis, reverse):
    h = F.recurrence(a, g, axis=axis, reverse=not reverse)
    if y is None:
        return None, h
    return (F.shift(h, axis=axis, by=1, fill=0) * y if reverse else h * F.shift(y, axis=axis, by=1, fill=0)), h


@recurrence.jvp
def _(F, ta, tb, y, a, b, *, axis, reverse):
    t = tb
    if ta is not None:
        move = F.shift(ta * y, axis=axis, by=-1, fill=0) if reverse else ta * F.shift(y, axis=axis, by=1, fill=0)
        t = move if tb is None else tb + move
    return F.recurrence(a, t, axis=axis, reverse=reverse)


@recurrence.batch
def _(F, batched, a, b, *, axis, reverse):
    return F.recurrence(*all_batched(F, batched, (a, b)), axis=axis + 1, reverse=reverse)


@primitive(family="axis", differentiable=False, widen=True)
def cummax_places(xp: Any, x: Any, *, axis: int) -> Any:
    """The place of the largest element up to each one: the first of equals; the first NaN from there on."""
    n = x.shape[axis]
    x = xp.moveaxis(x, axis, 0)
    place = xp.broadcast_to(xp.arange(n).reshape(n, *(1,) * (x.ndim - 1)), x.shape)
    step = 1
    while step < n:
        later, earlier = x[step:], x[:-step]
        wins = (later > earlier) | ((later != later) & (earlier == earlier))
        x = xp.concatenate([x[:step], either(xp, wins, later, earlier)])
        place = xp.concatenate([place[:step], either(xp, wins, place[step:], place[:-step])])
        step *= 2
    return xp.moveaxis(place, 0, axis)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """y[i] = x[0] + ... + x[i] along axis, of x converted to `dtype` first where that is given."""
    x, i = _line("cumsum", x, axis, dtype)
    return cumsum_(x, axis=i, reverse=False)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """y[i] = x[0] ... x[i] along axis, of x converted to `dtype` first where that is given.

    No derivative divides: each is right also where some elements are 0.  The gradient of x[j] is the product before j
    times s[j] = g[j] + x[j+1] s[j+1].
    """
    x, i = _line("cumprod", x, axis, dtype)
    return cumprod_(x, axis=i)


def cummax(x: Any, axis: int | None = None) -> Any:
    """The largest element up to each one along axis, as numpy.maximum.accumulate; from the first NaN on, NaN.

    The gradient goes to the element taken: of equals, to the first.
    """
    x, i = _line("cummax", x, axis, None)
    return take_along_axis_(x, cummax_places(x, axis=i), axis=i)


def cumulative_sum(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """`cumsum` as the array API has it: axis may be left out for one axis only; include_initial puts a 0 in front."""
    return _cumulative("cumulative_sum", cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """`cumprod` as the array API has it: axis may be left out for one axis only; include_initial puts a 1 in front."""
    return _cumulative("cumulative_prod", cumprod, x, axis, dtype, 1 if include_initial else None)


def _line(name: str, x: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    x = as_value(x) if dtype is None else astype(x, dtype)
    return (ravel(x), 0) if axis is None else (x, normal_axis(name, axis, x.ndim))


def _cumulative(name: str, op: Any, x: Any, axis: int | None, dtype: Any, initial: int | None) -> Any:
    x = as_value(x)
    x = ravel(x) if not x.ndim else x
    if axis is None and x.ndim > 1:
        raise ArgumentError(f"{name}: axis is missing for an array of shape {tuple(x.shape)}; expected an int")
    i = normal_axis(name, 0 if axis is None else axis, x.ndim)
    y = op(x, i, dtype)
    if initial is None:
        return y
    shape = (*y.shape[:i], 1, *y.shape[i + 1 :])
    return concatenate_(initial_like(y, shape=shape, value=initial), y, axis=i)


@primitive(differentiable=False)
def initial_like(xp: Any, x: Any, *, shape: tuple[int, ...], value: float) -> Any:
    """The number `value` in another shape, with x's dtype, where x lives."""
    return xp.full(shape, value, dtype=x.dtype)


@initial_like.batch
def _(F, batched, x, *, shape, value):
    return F.initial_like(x, shape=(x.shape[0], *shape), value=value)


methods(cumsum, cumprod)

__all__ = ["cummax", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum"]
