"""The general way through a primitive: strip the highest level, compute one level down, record."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from . import tape
from .explain import explain, require_real
from .precision import SCALARS, narrow_result
from .tape import DTYPE, SHAPE, Node, clock
from .tensor import Tensor, wrap

NO, VALUE, GHOST = 0, 1, 2
_new = object.__new__


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


def apply_one(p: Any, x: Any, params: dict[str, Any]) -> Any:
    """`apply` for a single input."""
    interpret = INTERPRETERS.get(type(x))
    return apply_raw(p, (x,), params) if interpret is None else interpret(p, x.level, (x,), params)


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
    if type(a) in SCALARS or isinstance(a, Tensor) or (type(a) is np.ndarray and a.dtype.kind in "fiub"):
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
    return boxed(p, level, y, inner, nodes, params)


def boxed(p: Any, level: int, y: Any, inner: Sequence[Any], nodes: list[Any], params: dict[str, Any]) -> Any:
    """What `p` gave as values of `level`, with a node where an input was tracked and recording is on."""
    off = not any(nodes) or not p.differentiable or (tape.paused and not tape.records(level))
    if isinstance(y, tuple):
        return _boxed_tuple(p, level, y, inner, None if off else nodes, params)
    t = _new(Tensor)
    t.data = y
    t.level = level
    t.node = None if off else (p, nodes, _saved(p, y, inner, nodes), params or None, y.shape, y.dtype, next(clock))
    return t


def _boxed_tuple(p: Any, level: int, y: Any, inner: Sequence[Any], nodes: Any, params: dict[str, Any]) -> Any:
    if nodes is None:
        return tuple([wrap(v, None, level) for v in y])
    shapes, dtypes = [v.shape for v in y], [v.dtype for v in y]
    many: Node = (p, nodes, _saved(p, y, inner, nodes), params or None, shapes, dtypes, next(clock))
    return tuple([wrap(v, pick(many, i), level) for i, v in enumerate(y)])


def _saved(p: Any, y: Any, inner: Sequence[Any], nodes: list[Any]) -> list[Any]:
    """[y, *inputs] with None or ghosts where the rules of the tracked inputs do not ask for the value."""
    tracked = len(nodes) if p.variadic or None not in nodes else tuple([node is not None for node in nodes])
    dropped, ghosts = p.losses.get(tracked) or p.losses.setdefault(tracked, _losses(p, tracked))
    saved = [y, *inner]
    for i in dropped:
        saved[i] = None
    for i in ghosts:
        if hasattr(saved[i], "shape"):
            saved[i] = Ghost(saved[i])
    return saved


def _losses(p: Any, tracked: Any) -> tuple[list[int], list[int]]:
    """Places of [y, *inputs] that become None, and those that become ghosts; `tracked` is a number where all are."""
    if p.variadic:
        keep_y, keep_inputs = p.keep[()]
        n_ghosts = 0 if keep_inputs else len(p.inputs) if p.keeps_rest else tracked
        mask = (keep_y, *(GHOST if i < n_ghosts else VALUE for i in range(tracked)))
    else:
        mask = p.keep[(True,) * tracked if isinstance(tracked, int) else tracked]
    return [i for i, how in enumerate(mask) if how == NO], [i for i, how in enumerate(mask) if how == GHOST]


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
