"""The record read into plain rows: what was computed from what, without any array."""

from typing import Any, NamedTuple

from ..core.precision import SCALARS
from ..core.record import Ghost
from ..core.tape import DTYPE, LEAF, PRIMITIVE, SAVED, SHAPE, TIME, Node
from ..core.tensor import raw
from .naming import DATA, PARAMETER, Labels
from .walking import Shape, parents_of, place, recorded, shapes_of

Value = tuple[int, int]  # a node's number, and which of its outputs


class Operand(NamedTuple):
    """What an operation was given in one place: an output of another node, or a constant (node None)."""

    node: int | None
    output: int
    place: str  # the operation's name for this input, or its number
    text: str  # of a constant: its name, its value where it is a number, or "constant"
    shape: Shape | None  # None where the record does not say
    path: str  # "parameter" or "data"
    pulls: bool = False  # an adjoint is sent back here
    named: bool = False  # a constant whose name was given


class GraphNode(NamedTuple):
    """One recorded operation, or a leaf: an input that wants a gradient."""

    number: int
    operation: str
    names: tuple[str, ...]
    path: str  # "parameter" where it depends on parameters alone, else "data"
    operands: tuple[Operand, ...]
    shapes: tuple[Shape, ...]  # of its outputs, mostly one
    dtypes: tuple[str, ...]
    is_leaf: bool
    is_merge: bool
    keeps: bool  # holds values that the sweep needs, not their shapes alone


def read(roots: list[Node], labels: Labels) -> tuple[list[GraphNode], list[Value]]:
    """The rows of the graph below `roots`, each after those it depends on, and where the roots are among them."""
    nodes = recorded(roots)
    number = {node[TIME]: i for i, node in enumerate(nodes)}
    rows: list[GraphNode] = []
    for i, node in enumerate(nodes):
        p, is_leaf = node[PRIMITIVE], node[PRIMITIVE] is LEAF
        operands = () if is_leaf else _operands(node, rows, number, labels)
        is_data = node[TIME] not in labels.parameters if is_leaf else any(o.path == DATA for o in operands)
        rows.append(
            GraphNode(
                number=i,
                operation=p.name,
                names=labels.of(node),
                path=DATA if is_data else PARAMETER,
                operands=operands,
                shapes=shapes_of(node),
                dtypes=tuple(map(str, node[DTYPE] if isinstance(node[DTYPE], list) else [node[DTYPE]])),
                is_leaf=is_leaf,
                is_merge=not is_leaf and p.family == "join",
                keeps=any(not isinstance(value, Ghost | None) for value in node[SAVED]),
            )
        )
    return rows, [(number[base[TIME]], output) for base, output in map(place, roots)]


def _operands(node: Node, rows: list[GraphNode], number: dict[int, int], labels: Labels) -> tuple[Operand, ...]:
    p, found = node[PRIMITIVE], []
    for k, parent in enumerate(parents_of(node)):
        name = p.inputs[k] if k < len(p.inputs) else str(k)
        if parent is not None:
            base, output = place(parent)
            row = rows[number[base[TIME]]]
            found.append(Operand(row.number, output, name, "", row.shapes[output], row.path, _has_rule(p, k)))
        elif _saved(node, k) is not None or not _may_be_left_out(p, k):
            found.append(_constant(node, k, name, labels))
    return tuple(found)


def _saved(node: Node, k: int) -> Any:
    """What was saved of input k; after the output, the inputs follow in order."""
    return node[SAVED][k + 1] if len(node[SAVED]) > k + 1 else None


def _may_be_left_out(p: Any, k: int) -> bool:
    return len(p.inputs) - len(p.forward.__defaults__ or ()) <= k < len(p.inputs)


def _constant(node: Node, k: int, name: str, labels: Labels) -> Operand:
    """A constant is known by what was saved of it; where nothing was, a larger result gives its role away."""
    value = _saved(node, k)
    if type(value) in SCALARS:
        return Operand(None, 0, name, f"{value:.4g}", (), PARAMETER)
    text, path = labels.constants.get(id(raw(value)), ("", ""))
    shape = None if value is None else tuple(value.shape)
    if not path:
        tracked = [parent[SHAPE] for parent in parents_of(node) if parent is not None]
        is_data = node[SHAPE] not in tracked if shape is None else shape != ()
        path = DATA if is_data else PARAMETER
    return Operand(None, 0, name, text or "constant", shape, path, named=bool(text))


def _has_rule(p: Any, k: int) -> bool:
    if p.vjp_rules:
        return k < len(p.vjp_rules) and p.vjp_rules[k] is not None
    return p.vjp_all_rule is not None
