"""Nested containers of arrays: tuples, named tuples, lists, dictionaries, and classes that register themselves."""

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import ArgumentTypeError

Parts = tuple[list[Any], Callable[[Iterable[Any]], Any]]
_registered: dict[type, Callable[[Any], Parts]] = {}


def register_node(kind: type, split: Callable[[Any], Parts]) -> None:
    """Make instances of `kind` containers: `split(x)` gives its children and a function that rebuilds it from them."""
    _registered[kind] = split


def _split(x: Any) -> Parts | None:
    if isinstance(x, tuple):
        kind: Any = type(x)
        return list(x), (lambda c: kind(*c)) if hasattr(kind, "_fields") else tuple
    if isinstance(x, list):
        return x, list
    if isinstance(x, dict):
        return list(x.values()), lambda c: dict(zip(x, c, strict=True))
    for kind, split in _registered.items():
        if isinstance(x, kind):
            return split(x)
    return None


def flatten(x: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The leaves of `x` in order, and a function that puts as many other leaves in their places.  None has no leaf."""
    if x is None:
        return [], lambda _: None
    parts = _split(x)
    if parts is None:
        return [x], lambda leaves: next(iter(leaves))
    children, rebuild = parts
    flat = [flatten(child) for child in children]

    def unflatten(leaves: Iterable[Any]) -> Any:
        source = iter(leaves)
        return rebuild([put([next(source) for _ in own]) for own, put in flat])

    return [leaf for own, _ in flat for leaf in own], unflatten


def map_tree(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """`f` over the leaves of `x` and the leaves in the same places of `others`, in x's structure."""
    leaves, unflatten = flatten(x)
    rest = [flatten(other)[0] for other in others]
    if any(len(r) != len(leaves) for r in rest):
        raise ArgumentTypeError(f"tree: structures differ: {len(leaves)} leaves against {[len(r) for r in rest]}")
    return unflatten([f(*values) for values in zip(leaves, *rest, strict=True)])
