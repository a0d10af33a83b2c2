"""graph(y): the recorded forward graph and its reverse sweep, as one object with a text and a picture."""

from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from ..core.tree import flatten
from ..errors import ArgumentError, ArgumentTypeError, GradientError
from .naming import Labels, named_tensors
from .reading import GraphNode, Value, read


class Graph:
    """A recorded graph, forward and backward; made by `graph`.  Plain data: it keeps no array and no record alive.

    nodes: a `GraphNode` for every operation and leaf, each after those it depends on.
    outputs: the (node, output) pairs of the tensors it was asked for.
    uses: for each (node, output) the (node, operand) pairs that use it, and (None, i) for the i-th tensor asked for.
    branches: the values used more than once, whose adjoints are summed.  merges: nodes that join several arrays.
    dtype: the one dtype of all values, or None where they differ.
    backward: whether text and picture show the reverse sweep too.
    """

    def __init__(self, nodes: list[GraphNode], outputs: list[Value], backward: bool) -> None:
        self.nodes, self.outputs, self.backward = nodes, outputs, backward
        self.uses: dict[Value, list[tuple[int | None, int]]] = {}
        for node in nodes:
            for k, operand in enumerate(node.operands):
                if operand.node is not None:
                    self.uses.setdefault((operand.node, operand.output), []).append((node.number, k))
        for i, value in enumerate(outputs):
            self.uses.setdefault(value, []).append((None, i))
        dtypes = {dtype for node in nodes for dtype in node.dtypes}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else None

    @property
    def branches(self) -> list[Value]:
        """The values used more than once."""
        return sorted(value for value, uses in self.uses.items() if len(uses) > 1)

    @property
    def merges(self) -> list[int]:
        """The nodes that join several arrays into one."""
        return [node.number for node in self.nodes if node.is_merge]

    def pulls(self, value: Value) -> list[tuple[int | None, int]]:
        """The uses of a value that send an adjoint back to it; where there are several, they are summed."""
        return [(i, k) for i, k in self.uses.get(value, ()) if i is None or self.nodes[i].operands[k].pulls]

    def text(self) -> str:
        """A table: the forward pass to be read down, beside each line its part of the backward pass, read up."""
        from .listing import listing

        return listing(self)

    def dot(self) -> str:
        """The picture in Graphviz's language DOT; needs nothing installed."""
        from .drawing import dot_source

        return dot_source(self)

    def svg(self, path: str | Path | None = None) -> str:
        """The picture as SVG text, also written to `path` if given.

        Raises MissingDependencyError without Graphviz's program `dot`, StorageError for a path that cannot be written.
        """
        from .rendering import render, write

        image = render(self.dot(), "svg", len(self.nodes))
        if path is not None:
            write(path, image)
        return image.decode()

    def save(self, path: str | Path) -> None:
        """Write the picture; the suffix says how: .svg, .png, .pdf, or .dot for its source.

        Raises ArgumentError for another suffix, MissingDependencyError and StorageError as `svg`.
        """
        from .rendering import FORMATS, render, write

        kind = Path(path).suffix.lower().removeprefix(".")
        if kind != "dot" and kind not in FORMATS:
            raise ArgumentError(
                f"graph: the path is {str(path)!r}; expected a name that ends in .svg, .png, .pdf or .dot"
            )
        write(path, self.dot().encode() if kind == "dot" else render(self.dot(), kind, len(self.nodes)))

    def _repr_svg_(self) -> str | None:
        """For notebooks; None, so that they fall back to the text, where it cannot be drawn."""
        from ..errors import GpugradError

        try:
            return self.svg()
        except GpugradError:
            return None

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        from .listing import heading

        return f"<{heading(self)}; print() lists it, .svg() draws it>"


def graph(y: Any, names: Any = None, *, data: dict[str, Any] | None = None, backward: bool = True) -> Graph:
    """The recorded graph below y, forward and backward, as text and picture.

    y: a Tensor, or a container of Tensors drawn together.  With `create_graph=True` gradients are such Tensors too.
    names: what counts as parameters, and their names: a model with `named_parameters()`, a dictionary (it may be
        nested), or pairs.  Leaves without a name here are data.  A computed Tensor may be named too.
    data: names of further Tensors and arrays, by dictionary.
    backward: False shows the forward pass alone.

    The backward pass is the forward graph with every arrow turned round and every operation replaced by the transpose
    of its derivative: a linear network, in which a branch has become a sum, and a merge a split.  What depends on
    parameters alone is drawn in one colour, the path of the data in another.  Inputs that want no gradient are
    constants, shown with what the record still knows of them.
    Sources: Foundations of Computer Vision, 14.6.5 and 14.7; Murphy, Probabilistic Machine Learning, 13.3.4.

    Raises ArgumentTypeError for y that is no Tensor or names that hold none, GradientError for y without a record.

    >>> import gpugrad as gg
    >>> w, x = gg.Tensor(2.0, requires_grad=True), gg.Tensor(3.0, requires_grad=True)
    >>> h = w * x
    >>> print(graph(h * h + h, {"w": w}, data={"x": x}))
    graph: 3 operations, 2 leaves (1 parameter), 1 branch; float64
    <BLANKLINE>
    forward, read down     shape  path       backward, read up
    v0 = w                 ()     parameter  g0 = multiply^T(g2).a  [w.grad]
    v1 = x                 ()     data       g1 = multiply^T(g2).b  [x.grad]
    v2 = multiply(v0, v1)  ()     data       g2 = multiply^T(g3).a + multiply^T(g3).b + add^T(g4).b
    v3 = multiply(v2, v2)  ()     data       g3 = add^T(g4).a
    v4 = add(v3, v2)       ()     data       g4 = seed
    output = v4
    """
    if data is not None and not isinstance(data, dict):
        raise ArgumentTypeError(
            f"graph: data is a {type(data).__name__}; expected a dictionary {{name: tensor or array}}"
        )
    tensors = tensors_of("graph", y)
    labels = Labels({} if names is None else named_tensors("graph", "names", names), data or {})
    return Graph(*read([t.node for t in tensors], labels), backward)


def tensors_of(name: str, y: Any) -> list[Tensor]:
    """The Tensors in y, each with a record; `name` is who asks.  Raises ArgumentTypeError, GradientError."""
    tensors = flatten(y)[0]
    for t in tensors:
        if not isinstance(t, Tensor):
            raise ArgumentTypeError(f"{name}: y is a {type(t).__name__}; expected a Tensor, or a container of Tensors")
        if t.node is None:
            raise GradientError(
                f"{name}: the tensor was not recorded; set requires_grad=True on an input, outside no_grad()"
            )
    if not tensors:
        raise ArgumentTypeError(f"{name}: y holds no Tensor; expected one at least")
    return tensors
