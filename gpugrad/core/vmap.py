"""vmap: a function of one example, run on a batch of them in one sweep of array operations."""

import functools
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ShapeError
from .batch import Batched, batched
from .namespace import OPS
from .transform import as_value, new_level
from .tree import flatten


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """A function that maps f over an axis of its arguments, all at once.

    in_axes: the mapped axis of each positional argument: an int for all, or a tuple with an int, None (not mapped), or
        a container of them that matches the argument.  Keyword arguments are mapped over axis 0.
    out_axes: where the mapped axis stands in the results; likewise an int or a container.

    Raises ArgumentError where nothing is mapped, ShapeError where mapped axes differ in length or do not exist.  It
    nests with itself and with grad, vjp, jvp, in every order.

    >>> import numpy as np
    >>> import gpugrad as gg
    >>> gg.vmap(gg.grad(lambda x: x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        per_arg = in_axes if isinstance(in_axes, tuple | list) and len(in_axes) == len(args) else (0,) * len(args)
        mapped = tuple([None if axis is None else x for x, axis in zip(args, per_arg, strict=True)])
        axes = _expand("in_axes", in_axes, mapped)
        level = new_level()
        leaves, unflatten = flatten((mapped, kwargs))
        flat_axes = axes + [0] * (len(leaves) - len(axes))
        size = _common_size(leaves, flat_axes)
        boxed = [
            x if axis is None else batched(_axis_to_front(as_value(x), axis), level)
            for x, axis in zip(leaves, flat_axes, strict=True)
        ]
        new_args, new_kwargs = unflatten(boxed)
        y = f(*[x if axis is None else new for x, axis, new in zip(args, per_arg, new_args, strict=True)], **new_kwargs)
        outputs, rebuild = flatten(y)
        placed = _expand("out_axes", out_axes, y)
        return rebuild([_out(v, axis, level, size) for v, axis in zip(outputs, placed, strict=True)])

    return of


def _expand(name: str, axes: Any, tree: Any) -> list[int | None]:
    """One axis for each leaf of `tree`, from an int, None or a container that is a prefix of it."""
    if axes is None or isinstance(axes, int):
        return [axes for _ in flatten(tree)[0]]
    children: list[Any] | None
    if isinstance(axes, dict) and isinstance(tree, dict):
        if axes.keys() != tree.keys():
            raise ArgumentError(f"vmap: {name} has the keys {list(axes)}; expected {list(tree)}, or an int")
        inner, children = [axes[key] for key in tree], list(tree.values())
    elif isinstance(axes, tuple | list):
        inner, children = list(axes), list(tree) if isinstance(tree, tuple | list) else None
    else:
        raise ArgumentError(f"vmap: {name} has an entry {axes!r}; expected an int, None, or a container of them")
    if children is None or len(inner) != len(children):
        got = "no container" if children is None else f"{len(children)} values"
        raise ArgumentError(f"vmap: {name} has {len(inner)} entries for {got}; expected one for each, or an int")
    return [axis for a, c in zip(inner, children, strict=True) for axis in _expand(name, a, c)]


def _common_size(leaves: list[Any], axes: list[int | None]) -> int:
    sizes = []
    for x, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        shape = tuple(as_value(x).shape)
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                f"vmap: in_axes {axis} is out of range for an argument of shape {shape}; pass None to not map it"
            )
        sizes.append(shape[axis])
    if not sizes:
        raise ArgumentError("vmap: in_axes maps no argument; expected at least one axis that is not None")
    if len(set(sizes)) > 1:
        raise ShapeError(f"vmap: the mapped axes have lengths {sizes}; expected one length")
    return sizes[0]


def _axis_to_front(x: Any, axis: int) -> Any:
    return _move(x, axis % len(x.shape), 0)


def _move(x: Any, source: int, target: int) -> Any:
    if source == target:
        return x
    order = [i for i in range(len(x.shape)) if i != source]
    order.insert(target, source)
    return OPS.transpose(x, axes=tuple(order))


def _out(v: Any, axis: int | None, level: int, size: int) -> Any:
    mine = isinstance(v, Batched) and v.level == level
    if axis is None:
        if mine:
            raise ArgumentError("vmap: out_axes is None for a result that differs between examples; expected an int")
        return v
    data = v.data if mine else OPS.broadcast_to(as_value(v), shape=(size, *as_value(v).shape))
    n = len(data.shape)
    if not -n <= axis < n:
        raise ShapeError(f"vmap: out_axes {axis} is out of range for a result of shape {tuple(data.shape)}")
    return _move(data, 0, axis % n)
