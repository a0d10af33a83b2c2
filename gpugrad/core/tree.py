"""Nested containers of arrays: tuples, named tuples, lists, dictionaries, and classes that register themselves."""

from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from typing import Any

from ..errors import ArgumentTypeError

Parts = tuple[list[Any], Callable[[Iterable[Any]], Any]]
_registered: dict[type, Callable[[Any], Parts]] = {}
_states: dict[type, Callable[[Any], list[Any]]] = {}
_leaf_kinds: set[type] = set()  # the types met that are no containers


def register_node(kind: type, split: Callable[[Any], Parts], state: Callable[[Any], list[Any]] = lambda x: []) -> None:
    """Make instances of `kind` containers: `split(x)` gives its children and a function that rebuilds it from them.

    `state(x)` gives the Tensors that are not among the children and whose arrays a call of x may exchange.
    """
    _registered[kind], _states[kind] = split, state
    _leaf_kinds.clear()


def state_of(x: Any) -> list[Any]:
    """The Tensors that a call of what is in `x` may give other arrays: counters of dropout, running statistics."""
    if isinstance(x, tuple | list | dict):
        return [t for child in (x.values() if isinstance(x, dict) else x) for t in state_of(child)]
    return next((state(x) for kind, state in _states.items() if isinstance(x, kind)), [])


def _split(x: Any) -> Parts | None:
    kind: Any = type(x)
    if kind in _leaf_kinds or x is None:
        return None
    if isinstance(x, tuple):
        return list(x), (lambda c: kind(*c)) if hasattr(kind, "_fields") else tuple
    if isinstance(x, list):
        return x, list
    if isinstance(x, dict):
        return list(x.values()), partial(refilled, x)
    for registered, split in _registered.items():
        if isinstance(x, registered):
            return split(x)
    _leaf_kinds.add(kind)
    return None


def refilled(x: dict[Any, Any], values: Iterable[Any]) -> dict[Any, Any]:
    """A dictionary of x's kind and keys, with other values."""
    new = {} if type(x) is dict else copy(x)
    new.update(zip(x, values, strict=True))
    return new


def flatten(x: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The leaves of `x` in order, and a function that puts as many other leaves in their places.  None has no leaf."""
    if x is None:
        return [], lambda _: None
    parts = _split(x)
    if parts is None:
        return [x], _first
    children, rebuild = parts
    if _leaf_kinds.issuperset(map(type, children)):
        return list(children), rebuild
    flat = [flatten(child) for child in children]

    def unflatten(leaves: Iterable[Any]) -> Any:
        source = iter(leaves)
        return rebuild([put([next(source) for _ in own]) for own, put in flat])

    return [leaf for own, _ in flat for leaf in own], unflatten


def _first(leaves: Iterable[Any]) -> Any:
    return next(iter(leaves))


def flatten_as(tree: Any, other: Any) -> list[Any]:
    """The leaves of `other` in the order of those of `tree`, so dictionaries are matched by key, not by order."""
    if isinstance(tree, dict) and isinstance(other, dict):
        if tree.keys() != other.keys():
            raise ArgumentTypeError(f"tree: a dictionary has the keys {list(other)}; expected {list(tree)}")
        pairs = [(tree[key], other[key]) for key in tree]
    else:
        mine, parts = _split(tree), _split(other)
        if mine is None or parts is None or len(mine[0]) != len(parts[0]):
            return flatten(other)[0]
        pairs = list(zip(mine[0], parts[0], strict=True))
    return [leaf for a, b in pairs for leaf in flatten_as(a, b)]


def map_tree(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """`f` over the leaves of `x` and the leaves in the same places of `others`, in x's structure."""
    leaves, unflatten = flatten(x)
    rest = [flatten_as(x, other) for other in others]
    if any(len(r) != len(leaves) for r in rest):
        raise ArgumentTypeError(f"tree: structures differ: {len(leaves)} leaves against {[len(r) for r in rest]}")
    return unflatten([f(*values) for values in zip(leaves, *rest, strict=True)])
