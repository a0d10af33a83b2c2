"""A graph as a picture in DOT: the forward pass on the left, its backward pass on the right, level with it.

Backward edges are laid out as if they ran down and drawn with `dir=back`, so that both passes get the same ranks.
"""

from . import strokes
from .graphs import Graph
from .listing import gradient_title, has_parameters, heading, shape_text, title
from .naming import DATA, PARAMETER
from .reading import GraphNode, Value
from .strokes import escape


def dot_source(graph: Graph) -> str:
    """The picture's source."""
    halves = _half("forward", _forward(graph))
    if graph.backward:
        halves += [*_half("backward", _backward(graph)), *_levels(graph)]
    look = f'newrank=true, nodesep=0.35, ranksep=0.38, {strokes.FONT}, fontsize=11, fontcolor="#444444", labelloc=b'
    lines = [f"graph [{look},", f"       label={_legend(graph)}]", *strokes.DEFAULTS, *halves]
    return "\n".join(["digraph gpugrad {", *(f"  {line}" for line in lines), "}", ""])


def _half(name: str, lines: list[str]) -> list[str]:
    frame = f'label="{name}", labelloc=t, labeljust=l, fontsize=13, style=rounded, color="#d8d8d8", margin=12'
    return [f"subgraph cluster_{name} {{", f"  graph [{frame}]", *(f"  {line}" for line in lines), "}"]


def _forward(graph: Graph) -> list[str]:
    lines = [
        strokes.node(f"f{node.number}", _kind(graph, node), escape(title(node)), node.path, solid=True)
        for node in graph.nodes
    ]
    lines += [strokes.marker(f"y{i}", _numbered("output", i, graph)) for i in range(len(graph.outputs))]
    for value, uses in graph.uses.items():
        start, path, shape = f"f{value[0]}", graph.nodes[value[0]].path, _shape(graph, value)
        if len(uses) > 1:
            stem, start = start, f"j{value[0]}_{value[1]}"
            lines += [strokes.branch(start, path), strokes.edge(stem, start, path, shape, ", arrowhead=none")]
            shape = ""
        lines += [strokes.edge(start, _end("f", "y", use), path, shape) for use in uses]
    return lines + _constants(graph)


def _constants(graph: Graph) -> list[str]:
    """Constants with a name of their own are drawn once, others at each use."""
    lines: list[str] = []
    keys: dict[str, str] = {}
    for node in graph.nodes:
        for k, operand in enumerate(node.operands):
            if operand.node is None:
                key = f"c{node.number}_{k}"
                shared = keys.setdefault(operand.text, key) if operand.named else key
                lines += strokes.constant(operand, shared, f"f{node.number}", is_first=shared == key)
    return lines


def _backward(graph: Graph) -> list[str]:
    lines = [
        strokes.node(f"b{node.number}", _kind(graph, node), _adjoint(node), node.path, solid=False)
        for node in graph.nodes
    ]
    lines += [strokes.marker(f"s{i}", _numbered("seed", i, graph)) for i in range(len(graph.outputs))]
    for value in graph.uses:
        start, path, shape = f"b{value[0]}", graph.nodes[value[0]].path, _shape(graph, value)
        uses = graph.pulls(value)
        if len(uses) > 1:
            stem, start = start, f"a{value[0]}_{value[1]}"
            lines += [strokes.total(start, path), strokes.edge(stem, start, path, shape, ", dir=back")]
            shape = ""
        lines += [strokes.edge(start, _end("b", "s", use), path, shape, ", dir=back") for use in uses]
    return lines


def _levels(graph: Graph) -> list[str]:
    """Each node level with its adjoint; a dotted line where the adjoint is computed with values that the node kept."""
    lines = [strokes.level(f"f{node.number}", f"b{node.number}", dotted=node.keeps) for node in graph.nodes]
    lines += [strokes.level(f"y{i}", f"s{i}") for i in range(len(graph.outputs))]
    sums = [value for value in graph.uses if len(graph.pulls(value)) > 1]
    return lines + [strokes.level(f"j{i}_{output}", f"a{i}_{output}") for i, output in sums]


def _kind(graph: Graph, node: GraphNode) -> str:
    n_used = sum((node.number, output) in graph.uses for output in range(len(node.shapes)))
    return "leaf" if node.is_leaf else "merge" if node.is_merge else "split" if n_used > 1 else "operation"


def _adjoint(node: GraphNode) -> str:
    if node.is_leaf:
        return escape(gradient_title(node))
    return f'{escape(node.operation)}<sup><font point-size="9">T</font></sup>'


def _shape(graph: Graph, value: Value) -> str:
    i, output = value
    return shape_text(graph, graph.nodes[i].shapes[output], graph.nodes[i].dtypes[output])


def _end(node: str, marker: str, use: tuple[int | None, int]) -> str:
    i, k = use
    return f"{marker}{k}" if i is None else f"{node}{i}"


def _numbered(word: str, i: int, graph: Graph) -> str:
    return word if len(graph.outputs) == 1 else f"{word} {i}"


def _legend(graph: Graph) -> str:
    paths = [DATA, PARAMETER] if has_parameters(graph) else [DATA]
    parts = [f'<font color="{strokes.INK[path]}"><b>{path} path</b></font>' for path in paths]
    if graph.branches:
        parts.append("dot: branch" + (", +: sum of adjoints" if graph.backward else ""))
    if graph.backward:
        parts.append("dotted: values kept for the sweep")
    top = f'<tr><td colspan="{len(parts)}">{escape(heading(graph))}</td></tr>'
    cells = "".join(f"<td>{part}</td>" for part in parts)
    return f'<<table border="0" cellspacing="12" cellpadding="0">{top}<tr>{cells}</tr></table>>'
