"""Ways through the record: its nodes in order, and what each was made from."""

from typing import Any

from ..core.record import PICK
from ..core.tape import PARAMS, PARENTS, PRIMITIVE, SHAPE, TIME, Extra, Node

Shape = tuple[int, ...]


def place(node: Node) -> tuple[Node, int]:
    """The node that computed a value, and which of its outputs the value is."""
    return (node[PARENTS][0], node[PARAMS]["index"]) if node[PRIMITIVE] is PICK else (node, 0)


def parents_of(node: Node) -> list[Any]:
    """For each input the node it came from, or None."""
    return [parent for parent in node[PARENTS] if type(parent) is not Extra]


def shapes_of(node: Node) -> tuple[Shape, ...]:
    """The shape of each output."""
    return tuple(map(tuple, node[SHAPE] if isinstance(node[SHAPE], list) else [node[SHAPE]]))


def recorded(roots: list[Node]) -> list[Node]:
    """Every node at or below `roots`, oldest first; the outputs of an operation with several are folded into it."""
    found = {node[TIME]: node for node in (place(root)[0] for root in roots)}
    stack = list(found.values())
    while stack:
        for parent in parents_of(stack.pop()):
            if parent is not None:
                node = place(parent)[0]
                if node[TIME] not in found:
                    found[node[TIME]] = node
                    stack.append(node)
    return [found[time] for time in sorted(found)]
