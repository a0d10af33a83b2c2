"""The general way through a primitive: strip the highest level, compute one level down, record."""

import itertools
from typing import Any

import numpy as np

from ..errors import ShapeError
from . import tape
from .explain import explain, require_real
from .precision import SCALARS, narrow_result
from .tape import DTYPE, SHAPE, Node, clock
from .tensor import Tensor, wrap

NO, VALUE, GHOST = 0, 1, 2


class Ghost:
    """Shape and dtype of a value that was not kept."""

    __slots__ = ("dtype", "shape")

    def __init__(self, value: Any) -> None:
        self.shape, self.dtype = value.shape, value.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


def keep_masks(inputs: tuple[str, ...], saves: str | dict[str, str], variadic: bool) -> dict[tuple[bool, ...], Any]:
    """For each pattern of tracked inputs, what to keep of (y, *inputs): nothing, the value, or its shape."""
    if variadic:
        return {(): (saves != "" and "y" in str(saves).split(), "inputs" in str(saves).split())}
    named = {name: saves for name in inputs} if isinstance(saves, str) else saves
    masks = {}
    for tracked in itertools.product((True, False), repeat=len(inputs)):
        wanted = " ".join(named.get(name, "") for name, on in zip(inputs, tracked, strict=True) if on).split()
        unknown = {w.removesuffix(".shape") for w in wanted} - {"y", *inputs}
        if unknown:
            raise TypeError(f"saves names {sorted(unknown)}, which are neither y nor inputs {inputs}")
        masks[tracked] = tuple(
            VALUE if name in wanted else GHOST if f"{name}.shape" in wanted else NO for name in ("y", *inputs)
        )
    return masks


def apply(p: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call primitive `p` on any mixture of arrays, Python numbers and boxed values."""
    level, kind = -1, None
    for a in args:
        if isinstance(a, Tensor) and a.level > level:
            level, kind = a.level, type(a)
    if kind is None:
        return apply_raw(p, args, params)
    interpret = INTERPRETERS[kind]
    return interpret(p, level, args, params)


def apply_raw(p: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The forward on raw arrays; errors are explained, lists become arrays."""
    kind, scalars = None, False
    for a in args:
        if type(a) in SCALARS:
            scalars = True
        elif kind is None and a is not None:
            kind = type(a)
    try:
        y = p.raw[kind or float](*args, **params)
    except Exception as error:
        explain(p, args, params, error)
    return narrow_result(y, args) if scalars and kind else y


def operand(p: Any, a: Any) -> Any:
    """What stands among Tensors without being one: real-valued arrays and numbers as they are, lists as arrays."""
    if type(a) in SCALARS or isinstance(a, Tensor):
        return a
    if isinstance(a, list | tuple | complex):
        try:
            a = np.asarray(a)
        except ValueError as error:
            raise ShapeError(f"{p.name}: a list cannot be made an array ({error}); expected a regular nest") from error
    if hasattr(a, "dtype"):
        require_real(p, a)
    return a


def record(p: Any, level: int, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Compute one level down and, where an input of this level is tracked, add a node."""
    inner, nodes = [], []
    for i, a in enumerate(args):
        mine = isinstance(a, Tensor) and a.level == level
        inner.append(a.data if mine else operand(p, a))
        nodes.append(a.node if mine and i not in p.nondiff else None)
    y = apply(p, tuple(inner), params) if level else apply_raw(p, tuple(inner), params)
    off = not p.differentiable or (tape.paused and not tape.records(level))
    if off or all(n is None for n in nodes):
        return tuple(wrap(v, None, level) for v in y) if isinstance(y, tuple) else wrap(y, None, level)
    saved = _saved(p, y, inner, nodes)
    if isinstance(y, tuple):
        shapes, dtypes = [v.shape for v in y], [v.dtype for v in y]
        many: Node = (p, nodes, saved, params or None, shapes, dtypes, next(clock))
        return tuple(wrap(v, pick(many, i), level) for i, v in enumerate(y))
    return wrap(y, (p, nodes, saved, params or None, y.shape, y.dtype, next(clock)), level)


def _saved(p: Any, y: Any, inner: list[Any], nodes: list[Any]) -> list[Any]:
    if p.variadic:
        keep_y, keep_inputs = p.keep[()]
        whole = 0 if keep_inputs else len(p.inputs) if p.keeps_rest else len(inner)  # values from here on, else ghosts
        return [y if keep_y else None, *(kept(VALUE if i >= whole else GHOST, x) for i, x in enumerate(inner))]
    keep = p.keep[tuple(n is not None for n in nodes)]
    return [kept(how, value) for how, value in zip(keep, (y, *inner), strict=True)]


def kept(how: int, value: Any) -> Any:
    """The value, its ghost or None, as a mask of keep_masks says."""
    if how == GHOST and hasattr(value, "shape"):
        return Ghost(value)
    return value if how else None


class Pick:
    """Stands for one output of a primitive with several; its node hands the cotangent on to the right place."""

    name = "pick"


PICK = Pick()


def pick(node: Node, index: int) -> Node:
    """A node for output `index` of `node`."""
    return (PICK, [node], [None], {"index": index}, node[SHAPE][index], node[DTYPE][index], next(clock))


INTERPRETERS: dict[type, Any] = {Tensor: record}
