"""A graph as a table for the terminal: each line a value, how it is computed, and what its adjoint is the sum of."""

from .graphs import Graph
from .naming import PARAMETER
from .reading import GraphNode, Operand
from .walking import Shape

WIDEST = 60  # of a column that others are aligned behind


def listing(graph: Graph) -> str:
    """The table."""
    rows = [[_forward(graph, node), _shapes(graph, node), node.path, _backward(graph, node)] for node in graph.nodes]
    rows += [[f"output = {_value(graph, value)}", "", "", ""] for value in graph.outputs]
    columns = list(zip(("forward, read down", "shape", "path", "backward, read up"), *rows, strict=True))
    shown = [columns[0], columns[1]]
    shown += [columns[2]] if has_parameters(graph) else []
    shown += [columns[3]] if graph.backward else []
    widths = [min(WIDEST, max(map(len, column))) for column in shown]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in zip(*shown, strict=True)]
    return "\n".join([heading(graph), "", *(line.rstrip() for line in lines)])


def has_parameters(graph: Graph) -> bool:
    """True where two paths are to be told apart."""
    return any(node.path == PARAMETER for node in graph.nodes)


def heading(graph: Graph) -> str:
    """What there is, in one line."""
    leaves = [node.path for node in graph.nodes if node.is_leaf]
    n_parameters = leaves.count(PARAMETER)
    counts = [
        _count(len(graph.nodes) - len(leaves), "operation"),
        _count(len(leaves), "leaf", "leaves") + (f" ({_count(n_parameters, 'parameter')})" if n_parameters else ""),
        *([_count(len(graph.branches), "branch", "branches")] if graph.branches else []),
        *([_count(len(graph.merges), "merge")] if graph.merges else []),
    ]
    return f"graph: {', '.join(counts)}; {graph.dtype or 'several dtypes'}"


def shape_text(graph: Graph, shape: Shape, dtype: str) -> str:
    """A shape, with the dtype where the graph has more than one."""
    return str(shape) if graph.dtype else f"{shape} {dtype}"


def title(node: GraphNode) -> str:
    """What a node is called: its operation, and its names if it has any."""
    if node.is_leaf:
        return names_of(node) or "leaf"
    return f"{names_of(node)} = {node.operation}" if node.names else node.operation


def gradient_title(leaf: GraphNode) -> str:
    """What the adjoint of a leaf is called."""
    return f"{names_of(leaf)}.grad" if len(leaf.names) == 1 else f"({names_of(leaf)}).grad" if leaf.names else "grad"


def names_of(node: GraphNode) -> str:
    """All names of a node's output; of several outputs, the names of those that have one."""
    return (" = " if len(node.shapes) == 1 else ", ").join(node.names)


def _forward(graph: Graph, node: GraphNode) -> str:
    if node.is_leaf:
        return f"v{node.number} = {title(node)}"
    name = f"  [{names_of(node)}]" if node.names else ""
    return f"v{node.number} = {node.operation}({', '.join(_operand(graph, o) for o in node.operands)}){name}"


def _operand(graph: Graph, operand: Operand) -> str:
    return operand.text if operand.node is None else _value(graph, (operand.node, operand.output))


def _shapes(graph: Graph, node: GraphNode) -> str:
    return ", ".join(shape_text(graph, *each) for each in zip(node.shapes, node.dtypes, strict=True))


def _value(graph: Graph, value: tuple[int, int]) -> str:
    i, output = value
    return f"v{i}.{output}" if len(graph.nodes[i].shapes) > 1 else f"v{i}"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _backward(graph: Graph, node: GraphNode) -> str:
    """The adjoint of a node: the sum of what the operations that use it send back."""
    sums = [_sum(graph, (node.number, output)) for output in range(len(node.shapes))]
    what = sums[0] if len(sums) == 1 else f"({', '.join(sums)})"
    return f"g{node.number} = {what}" + (f"  [{gradient_title(node)}]" if node.is_leaf else "")


def _sum(graph: Graph, value: tuple[int, int]) -> str:
    return " + ".join(_term(graph, i, k) for i, k in graph.pulls(value)) or "0"


def _term(graph: Graph, i: int | None, k: int) -> str:
    """What operand k of node i is sent: the transpose of the derivative of node i, applied to its adjoint."""
    if i is None:
        return "seed" if len(graph.outputs) == 1 else f"seed{k}"
    node = graph.nodes[i]
    part = "" if len(node.operands) == 1 else f".{node.operands[k].place}"
    return f"{node.operation}^T(g{i}){part}"
