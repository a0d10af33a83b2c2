"""The reverse sweep: from outputs to leaves, latest node first, adding up what the children of a node send it."""

from collections.abc import Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np

from ..errors import ArgumentError, GradientError, ShapeError
from . import tape
from .namespace import OPS, RAW, namespace
from .record import PICK, pick
from .tape import DTYPE, LEAF, NOTHING, PARENTS, PRIMITIVE, SAVED, SHAPE, TIME, Extra, Node
from .tensor import Tensor, raw, wrap


def sweep(
    roots: Sequence[tuple[Node, Any]], level: int, retain: bool, create_graph: bool = False, names: Any = None
) -> list[tuple[Node, Any]]:
    """Send the cotangents `roots` = [(node, g), ...] down; gives the leaves reached, each with its gradient.

    Values saved by a node are let go once it is done, unless `retain`.  With `create_graph` (level 0) the rules run on
    Tensors, so that the gradients can be differentiated again.  `names` is an F to use in place of the fitting one; its
    `settled(g)` makes an ordinary value of what it may have given as a cotangent.
    """
    ahead: list[tuple[int, Node]] = []  # a heap of (-time, node): latest first, as a node is newer than its parents
    cotangents: dict[int, Any] = {}  # of the nodes ahead, by their times, which are their names
    owned: set[int] = set()  # whose cotangent is a sum made here, so that the next one may be added in place
    ends: list[Node] = []  # the leaves reached, which are done last
    for node, g in roots:
        _send(ahead, ends, cotangents, owned, node, g)
    last_write, watch = tape.last_write, tape.watch
    kind: Any = None
    while ahead:
        node = heappop(ahead)[1]
        p, parents, saved, params, _, _, time = node
        g = cotangents.pop(time)
        if type(parents[-1]) is Extra:
            g = through_extra(parents[-1], g, node, names)
        if p is PICK:
            multi, i = parents[0], params["index"]
            if multi[TIME] not in cotangents:
                _send(ahead, ends, cotangents, owned, multi, [None] * len(multi[SHAPE]))
            parts = cotangents[multi[TIME]]
            g = g if names is None else names.settled(g)
            parts[i] = g if parts[i] is None else parts[i] + g  # `_rebox` makes a second PICK of one output
            continue
        if time < last_write:
            tape.check_not_overwritten(node)
        if create_graph:
            saved, F = _rebox(node), OPS
        elif names is not None:
            F, g = names, names.settled(g)
        elif type(g) is list:  # of several outputs, y is a tuple
            kind, F = None, namespace(*g, *((saved and saved[0]) or ()), *saved)
        elif level and (isinstance(g, Tensor) or any([isinstance(value, Tensor) for value in saved])):
            kind, F = None, OPS
        elif type(g) is not kind:
            kind = type(g)
            F = RAW[kind]
        if not saved:
            _explain_released(p)
        if p.vjp_rules:
            i, n_saved = 0, 0 if params else len(saved)
            for rule in p.vjp_rules:  # counted by hand, arguments spelled out: zip and * cost a fifth of a node's time
                parent = parents[i]
                i += 1  # noqa: SIM113
                if parent is not None and rule is not None:
                    if n_saved == 3:
                        h = rule(F, g, saved[0], saved[1], saved[2])
                    elif n_saved == 2:
                        h = rule(F, g, saved[0], saved[1])
                    else:
                        h = rule(F, g, *saved, **(params or {}))
                    if h.dtype is not parent[DTYPE] or (p.mixes and h.shape != parent[SHAPE]):
                        h = _fit(F, h, parent)
                    if watch is not None:
                        watch.check(p, time, g, h if names is None else names.settled(h))
                    key = parent[TIME]
                    if key in cotangents:
                        _send(ahead, ends, cotangents, owned, parent, h if names is None else names.settled(h))
                    else:
                        cotangents[key] = h
                        if parent[PRIMITIVE] is LEAF:
                            ends.append(parent)
                        else:
                            heappush(ahead, (-key, parent))
        else:
            grads = _all_rule(p)(F, g, *saved, **params) if params else _all_rule(p)(F, g, *saved)
            for h, parent in zip(grads, parents):
                if parent is not None and h is not None:
                    if watch is not None:
                        watch.check(p, time, g, h)
                    fits = h.dtype is parent[DTYPE] and h.shape == parent[SHAPE]
                    _send(ahead, ends, cotangents, owned, parent, h if fits else _fit(F, h, parent))
        if not retain and saved is not NOTHING:
            node[SAVED].clear()
    ends.sort(key=itemgetter(TIME), reverse=True)
    return [(leaf, through_extra(leaf[PARENTS][-1], cotangents[leaf[TIME]], leaf, names)) for leaf in ends]


def _fit(F: Any, g: Any, node: Node) -> Any:
    """A cotangent of the node's shape and dtype: broadcasting undone, promotion undone."""
    if g.shape != node[SHAPE]:
        g = F.sum_to(g, shape=node[SHAPE])
    return g if g.dtype == node[DTYPE] else F.astype(g, dtype=node[DTYPE])


def _send(
    ahead: list[tuple[int, Node]], ends: list[Node], cotangents: dict[int, Any], owned: set[int], node: Node, g: Any
) -> None:
    """Add g to the cotangent of a node ahead, or of a leaf."""
    key = node[TIME]
    have = cotangents.get(key)
    if have is None:
        cotangents[key] = g
        if node[PRIMITIVE] is LEAF:
            ends.append(node)
        else:
            heappush(ahead, (-key, node))
    elif key in owned and type(g) is np.ndarray:
        have += g
    else:
        cotangents[key] = total = have + g
        if type(total) is np.ndarray:
            owned.add(key)
        else:
            owned.discard(key)


def _rebox(node: Node) -> list[Any]:
    """The saved values as Tensors of their nodes.  The node keeps them raw: with Tensors it would form a cycle."""
    if not node[SAVED]:
        return []
    y, *inputs = node[SAVED]
    if isinstance(y, tuple):
        y = tuple(wrap(v, pick(node, i), 0) for i, v in enumerate(y))
    elif y is not None:
        y = wrap(y, node, 0)
    boxed = (
        wrap(x, parent, 0) if parent is not None and hasattr(x, "item") else x
        for x, parent in zip(inputs, node[PARENTS])
    )
    return [y, *boxed]


def _all_rule(p: Any) -> Any:
    if p.vjp_all_rule is None:
        raise GradientError(f"backward: {p.name} has no reverse rule; detach its input, or give it one")
    return p.vjp_all_rule


def _explain_released(p: Any) -> NoReturn:
    raise GradientError(
        f"backward: the values saved by {p.name} were already let go by an earlier backward pass; "
        "pass retain_graph=True to that one to sweep twice"
    )


def through_extra(extra: Extra, g: Any, node: Node, names: Any = None) -> Any:
    """The cotangent after the hooks; kept as `.grad` where that was asked for."""
    if not (extra.hooks or extra.keep):
        return g
    g = names.settled(g) if names is not None and extra.hooks else g
    for hook in list(extra.hooks.values()):
        changed = hook(g if isinstance(g, Tensor) else wrap(g.copy(), None, 0))  # another branch may hold this buffer
        if changed is not None:
            g = _from_hook(changed, g, node)
    if extra.keep:
        _accumulate(extra, _copy(g))
    return g


def _from_hook(changed: Any, g: Any, node: Node) -> Any:
    value = changed if isinstance(changed, Tensor) else Tensor(changed)
    if value.shape != node[SHAPE]:
        raise ShapeError(f"backward: a hook returned shape {value.shape}; expected {node[SHAPE]}, the gradient's own")
    value = value if value.dtype == node[DTYPE] else OPS.astype(value, dtype=node[DTYPE])
    return value if isinstance(g, Tensor) else raw(value)


def _accumulate(extra: Extra, g: Any) -> None:
    value = g if isinstance(g, Tensor) else wrap(g, None, 0)
    extra.grad = value if extra.grad is None else extra.grad + value


def backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradient of this tensor to `.grad` of every leaf it was computed from.

    gradient: cotangent of the same shape; may be left out for a tensor of one element, where it is 1.
    retain_graph: keep what the sweep needs, to sweep again; by default as `create_graph`.
    create_graph: record the sweep itself, so that `.grad` can be differentiated.

    Raises GradientError where nothing was recorded, or a saved value was let go or overwritten; ShapeError where
    `gradient` does not fit.  Source: reverse mode, Murphy, Probabilistic Machine Learning, 13.3.1, algorithm 6.
    """
    if self.level:
        raise GradientError("backward: called on a value inside a transform; use gpugrad.grad or gpugrad.vjp there")
    if self.node is None:
        raise GradientError(
            "backward: this tensor was not recorded; set requires_grad=True on an input, outside no_grad()"
        )
    g = seed(self, gradient)
    retain = create_graph if retain_graph is None else retain_graph
    leaves = sweep([(self.node, g if create_graph else raw(g))], 0, retain, create_graph)
    held = {id(raw(g))}
    with tape.lock:  # another thread may be adding to the same leaf
        for leaf, g in leaves:
            _accumulate(leaf[PARENTS][-1], unshared(g, held))


def unshared(g: Any, held: set[int]) -> Any:
    """A gradient to hand out: copied where it is a view, or a buffer in `held`, which someone has; added to `held`.

    A value with a record of its own may also be what that record saved, so it is always copied; a value inside a
    transform cannot be written to, so it never is.
    """
    if type(g) is np.ndarray:
        g = g if g.base is None and id(g) not in held else g.copy("K")
        held.add(id(g))
        return g
    if isinstance(g, Tensor) and g.level:
        return g
    array = raw(g)
    tracked = g is not array and g.node is not None
    if tracked or id(array) in held or getattr(array, "base", None) is not None:
        g = _copy(g)
    held.add(id(raw(g)))
    return g


def _copy(g: Any) -> Any:
    """The same value, in the same place of the record, in a buffer of its own."""
    return wrap(g.data.copy(), g.node, 0) if isinstance(g, Tensor) else g.copy()


def seed(y: Tensor, gradient: Any = None) -> Tensor:
    """The cotangent to start from: `gradient`, checked against y, or 1 for one element."""
    if gradient is None:
        if y.size != 1:
            raise ArgumentError(
                f"backward: the tensor has shape {y.shape}; a gradient is implied for one element only, so sum it "
                "first or pass gradient= of that shape"
            )
        array = raw(y)
        plain = type(array) is np.ndarray or isinstance(array, np.generic)
        return wrap(np.ones(y.shape, y.dtype) if plain else namespace(array).ones_like(array), None, 0)
    g = gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=y.dtype)
    if g.level:
        raise GradientError("backward: gradient is a value inside a transform; pass it through gpugrad.stop_gradient")
    if g.shape != y.shape:
        raise ShapeError(f"backward: gradient has shape {g.shape}; expected {y.shape}, the tensor's own")
    return g if g.dtype == y.dtype else OPS.astype(g, dtype=y.dtype)


Tensor.backward = backward  # type: ignore[attr-defined]
