"""Merging and splitting: concatenate and split, stack and unstack are each other's adjoint.

The merge of a graph concatenates and its gradient is split; see Foundations of Computer Vision, 14.7.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core.primitive import primitive
from ..core.tensor import methods
from ..core.transform import as_value
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from .axes import as_int, normal_axis
from .batching import all_batched
from .shape import ravel, reshape


@primitive(family="join", jvp="linear")
def concatenate_(xp: Any, *xs: Any, axis: int) -> Any:
    """Arrays one after the other along an axis they have."""
    return xp.concatenate(xs, axis=axis)


@concatenate_.vjp_all
def _(F, g, y, *xs, axis):
    ends, n = [], 0
    for x in xs[:-1]:
        n += x.shape[axis]
        ends.append(n)
    return F.split(g, indices=tuple(ends), axis=axis)


@concatenate_.batch
def _(F, batched, *xs, axis):
    return F.concatenate(*all_batched(F, batched, xs), axis=axis + 1)


@concatenate_.check
def _(*xs, axis):
    rank = xs[0].ndim
    for i, x in enumerate(xs):
        others = [j for j in range(min(rank, x.ndim)) if j != axis and x.shape[j] != xs[0].shape[j]]
        if x.ndim != rank or others:
            raise ShapeError(
                f"concatenate: array {i} has shape {tuple(x.shape)} but array 0 has {tuple(xs[0].shape)}; expected "
                f"equal lengths on every axis but axis {axis}"
            )


def _at(axis: int, place: Any) -> tuple[Any, ...]:
    """The key that takes `place` on one axis and all of those before."""
    return (*(slice(None),) * axis, place)


@primitive(family="axis", jvp="linear", saves="x.shape")
def split_(xp: Any, x: Any, *, indices: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """x cut along axis before each of `indices`, which do not decrease; the parts are views."""
    bounds = (0, *indices, x.shape[axis])
    return tuple(x[_at(axis, slice(bounds[i], bounds[i + 1]))] for i in range(len(bounds) - 1))


@split_.vjp_all
def _(F, g, y, x, *, indices, axis):
    bounds, some = (0, *indices, x.shape[axis]), next(c for c in g if c is not None)

    def zeros(i: int) -> Any:
        return F.new_zeros(some, shape=(*x.shape[:axis], bounds[i + 1] - bounds[i], *x.shape[axis + 1 :]))

    return (F.concatenate(*(zeros(i) if c is None else c for i, c in enumerate(g)), axis=axis),)


@primitive(family="join", jvp="linear")
def stack_(xp: Any, *xs: Any, axis: int) -> Any:
    """Arrays of one shape side by side along a new axis."""
    return xp.stack(xs, axis=axis)


@stack_.vjp_all
def _(F, g, y, *xs, axis):
    return F.unstack(g, axis=axis)


@stack_.batch
def _(F, batched, *xs, axis):
    return F.stack(*all_batched(F, batched, xs), axis=axis + 1)


@stack_.check
def _(*xs, axis):
    for i, x in enumerate(xs):
        if x.shape != xs[0].shape:
            raise ShapeError(
                f"stack: array {i} has shape {tuple(x.shape)} but array 0 has {tuple(xs[0].shape)}; expected one shape "
                "(concatenate joins along an axis that may differ)"
            )


@primitive(family="axis", jvp="linear", saves="x.shape")
def unstack_(xp: Any, x: Any, *, axis: int) -> tuple[Any, ...]:
    """The slices of x along an axis, without that axis; views."""
    return tuple(x[_at(axis, i)] for i in range(x.shape[axis]))


@unstack_.vjp_all
def _(F, g, y, x, *, axis):
    some = next(c for c in g if c is not None)
    return (F.stack(*(F.zeros_like(some) if c is None else c for c in g), axis=axis),)


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Arrays one after the other along an axis they have; with axis None, each as one row first.

    Shapes agree on every other axis, dtypes promote as NumPy's.  The gradient is split back.  Raises ShapeError for
    shapes that do not fit or no arrays at all, ArgumentTypeError for something that is no sequence of arrays.
    """
    arrays = _arrays("concatenate", xs)
    if axis is None:
        return concatenate_(*map(ravel, arrays), axis=0)
    if not arrays[0].ndim:
        raise ShapeError("concatenate: array 0 is 0-d and has no axis to join along; use stack")
    return concatenate_(*arrays, axis=normal_axis("concatenate", axis, arrays[0].ndim))


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape side by side along a new axis, at place `axis` of the result.  Raises as `concatenate`."""
    arrays = _arrays("stack", xs)
    return stack_(*arrays, axis=normal_axis("stack", axis, arrays[0].ndim + 1))


def hstack(xs: Sequence[Any]) -> Any:
    """Arrays joined along the second axis, or along the only one; numbers count as rows of one."""
    arrays = [reshape(x, 1) if not x.ndim else x for x in _arrays("hstack", xs)]
    return concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Arrays joined along the first axis; 0-d and 1-D arrays count as one row of a matrix."""
    return concatenate([reshape(x, 1, -1 if x.size else 0) if x.ndim < 2 else x for x in _arrays("vstack", xs)])


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> tuple[Any, ...]:
    """x cut along `axis` into n equal parts, or before each of the given indices; the parts are views of x.

    Raises ShapeError where n does not divide the axis, ArgumentError for indices that decrease.
    """
    x = as_value(x)
    axis = normal_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, Iterable):
        return split_(x, indices=_cuts(indices_or_sections, n), axis=axis)
    parts = as_int("split", "indices_or_sections", indices_or_sections)
    if parts < 1 or n % parts:
        raise ShapeError(
            f"split: axis {axis} of length {n} does not part into {parts} equal parts; expected a divisor, or indices"
        )
    return split_(x, indices=tuple(range(n // parts, n, n // parts)) if n else (0,) * (parts - 1), axis=axis)


def _cuts(indices: Iterable[Any], n: int) -> tuple[int, ...]:
    given = [as_int("split", "an index", i) for i in indices]
    cuts = tuple(min(max(i + n if i < 0 else i, 0), n) for i in given)
    if list(cuts) != sorted(cuts):
        raise ArgumentError(f"split: indices {given} decrease; expected them in order")
    return cuts


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along `axis`, without that axis; views of x."""
    x = as_value(x)
    return unstack_(x, axis=normal_axis("unstack", axis, x.ndim))


def _arrays(name: str, xs: Any) -> list[Any]:
    if not isinstance(xs, list | tuple) and (hasattr(xs, "shape") or not isinstance(xs, Iterable)):
        raise ArgumentTypeError(f"{name}: got a {type(xs).__name__}; expected a list or tuple of arrays")
    arrays = [as_value(x) for x in xs]
    if not arrays:
        raise ShapeError(f"{name}: got no arrays; expected at least one")
    return arrays


def _iterate(x: Any) -> Iterator[Any]:
    """The slices along the first axis, recorded as one operation."""
    len(x)  # raises for a 0-d tensor
    return iter(unstack(x))


methods(split, unstack, unbind=unstack, __iter__=_iterate)

__all__ = ["concatenate", "hstack", "split", "stack", "unstack", "vstack"]
