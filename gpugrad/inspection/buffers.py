"""Which memory stands behind a saved value, and whether a leaf owns it."""

from collections.abc import Iterator
from typing import Any

from ..core.record import PICK, Ghost
from ..core.tape import DTYPE, LEAF, PRIMITIVE, SAVED, TIME, Node
from ..core.tensor import Tensor, raw
from .walking import parents_of

VIEWS = ("shape", "split", "axis", "index")  # families of operations whose results may be views of their input


def arrays_in(value: Any) -> Iterator[Any]:
    """The raw arrays that a saved value keeps alive: of an output, of several, or of a value inside transforms."""
    if isinstance(value, tuple):
        for part in value:
            yield from arrays_in(part)
    elif isinstance(value, Tensor):
        yield from arrays_in(value.data)
        yield from arrays_in(getattr(value, "tangent", None))
    elif hasattr(value, "nbytes") and not isinstance(value, Ghost):
        yield value


def owner(array: Any) -> Any:
    """The array whose memory a view shows; the array itself where it is no view."""
    below = getattr(array, "base", None)
    while below is not None:
        if hasattr(below, "nbytes") and hasattr(below, "shape"):
            array = below
        below = getattr(below, "base", None)
    return array


def leaf_behind(node: Node | None, array: Any) -> Node | None:
    """The leaf whose memory `array`, a value of `node`, is or views, as far as the record tells; else None.

    A view is followed through operations that make views.  Without a leaf at their end, its memory is a result's own.
    """
    if node is None or node[PRIMITIVE] is LEAF:
        return node
    if owner(array) is array or node[DTYPE] != array.dtype:
        return None
    while node is not None and (node[PRIMITIVE] is PICK or getattr(node[PRIMITIVE], "family", None) in VIEWS):
        first, *others = parents_of(node)
        node = None if others else first
    return node if node is not None and node[PRIMITIVE] is LEAF and node[DTYPE] == array.dtype else None


def owned_by_leaves(nodes: list[Node], named: dict[str, Tensor]) -> dict[int, list[str]]:
    """{identity of a buffer: the leaves that own it}, for the leaves that are named or whose values were saved."""
    owned: dict[int, list[str]] = {}
    named_times = {t.node[TIME]: name for name, t in named.items() if t.node is not None}
    for name, t in named.items():
        if t.is_leaf:
            owned.setdefault(id(owner(raw(t))), []).append(name)
    index = {node[TIME]: i for i, node in enumerate(nodes)}
    for node in nodes:
        for parent, value in zip(parents_of(node), node[SAVED][1:], strict=False):
            for array in arrays_in(value):
                leaf = leaf_behind(parent, array)
                if leaf is not None:
                    label = named_times.get(leaf[TIME], f"leaf v{index[leaf[TIME]]}")
                    names = owned.setdefault(id(owner(array)), [])
                    names += [label] if label not in names else []
    return owned
