"""memory_report(y): what the record of y keeps in memory until its backward pass."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.tape import LEAF, PRIMITIVE, SAVED, Node
from .buffers import arrays_in, owned_by_leaves, owner
from .graphs import tensors_of
from .naming import named_tensors
from .walking import Shape, recorded, shapes_of

MOST_ROWS = 40  # that the text shows


class MemoryRow(NamedTuple):
    """What one operation keeps alive for the backward pass.

    number: the node's, the v of `gpugrad.graph`.  n_bytes: of the buffers first kept here; a view counts as all of the
    buffer it keeps alive.  share: of the report's total.  keeps: names of the values kept, "y" the output; in brackets
    those whose memory is counted in an older row, or belongs to a leaf.  shapes: of the outputs.
    """

    number: int
    operation: str
    n_bytes: int
    share: float
    keeps: tuple[str, ...]
    shapes: tuple[Shape, ...]


class LeafMemory(NamedTuple):
    """One buffer of leaves (parameters, inputs that want a gradient) that the record refers to, alive anyway."""

    names: tuple[str, ...]
    n_bytes: int


class MemoryReport:
    """What a record keeps for its backward pass; made by `memory_report`.

    rows: a `MemoryRow` for every operation, the largest first.  total_bytes: their sum.  peak: the largest, or None.
    leaves: a `LeafMemory` for each buffer that is alive anyway, no part of the total.  leaf_bytes: their sum.
    """

    def __init__(self, rows: list[MemoryRow], leaves: list[LeafMemory]) -> None:
        self.total_bytes = sum(row.n_bytes for row in rows)
        self.leaf_bytes = sum(row.n_bytes for row in leaves)
        shared = (row._replace(share=row.n_bytes / (self.total_bytes or 1)) for row in rows)
        self.rows = sorted(shared, key=lambda row: (-row.n_bytes, row.number))
        self.leaves = sorted(leaves, key=lambda row: -row.n_bytes)
        self.peak = self.rows[0] if self.rows else None

    def __str__(self) -> str:
        rows = [_cells(row) for row in self.rows[:MOST_ROWS]]
        rest = self.rows[MOST_ROWS:]
        rows += [(f"{sum(row.n_bytes for row in rest):,}", "", f"in {len(rest)} more", "", "")] if rest else []
        lines = [_summary(self), "", *_aligned([("bytes", "share", "operation", "output", "keeps"), *rows])]
        if self.leaves:
            apart = [(f"{leaf.n_bytes:,}", ", ".join(leaf.names)) for leaf in self.leaves]
            lines += ["", f"alive anyway, the memory of leaves: {_size(self.leaf_bytes)}", *_aligned(apart)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{_summary(self)}; print() lists them>"


def memory_report(y: Any, names: Any = None) -> MemoryReport:
    """The bytes that the record of y keeps for its backward pass, operation by operation, the largest first.

    y: a Tensor, or a container of Tensors.
    names: a model or dictionary, as for `gpugrad.graph`, to name the parameters.

    Every buffer is counted once, in the oldest operation that keeps it.  What a backward pass has let go counts 0.

    `gpugrad.checkpoint(f)` keeps the inputs of f alone: the rows of f's operations become one, and the backward pass
    computes them again.  Wrap a part of the model whose rows are large and whose input is small.
    Raises ArgumentTypeError for y that is no Tensor, GradientError for y without a record.

    >>> import numpy as np
    >>> import gpugrad as gg
    >>> x = gg.Tensor(np.ones(1000), requires_grad=True)
    >>> f = lambda x: gg.ops.sin(gg.ops.tanh(gg.ops.cos(x)))
    >>> memory_report(f(x)).total_bytes  # tanh's output, which sin keeps too
    8000
    >>> memory_report(gg.checkpoint(f)(x)).total_bytes  # x alone, a leaf
    0
    """
    nodes = recorded([t.node for t in tensors_of("memory_report", y)])
    named = {} if names is None else named_tensors("memory_report", "names", names)
    owned = owned_by_leaves(nodes, named)
    rows, seen, leaves = [], set(owned), {}
    for i, node in enumerate(nodes):
        if node[PRIMITIVE] is LEAF:
            continue
        n_bytes, keeps = 0, []
        for name, value in zip(_value_names(node), node[SAVED], strict=False):
            buffers = {id(buffer): buffer for buffer in map(owner, arrays_in(value))}
            fresh = buffers.keys() - seen
            seen |= fresh
            n_bytes += sum(buffers[key].nbytes for key in fresh)
            leaves.update({key: buffers[key].nbytes for key in buffers.keys() & owned.keys()})
            keeps += [name if fresh else f"[{name}]"] if buffers else []
        rows.append(MemoryRow(i, node[PRIMITIVE].name, n_bytes, 0.0, tuple(keeps), shapes_of(node)))
    return MemoryReport(rows, [LeafMemory(tuple(owned[key]), n_bytes) for key, n_bytes in leaves.items()])


def _value_names(node: Node) -> list[str]:
    """Names of what a node may have saved: the output, then the inputs."""
    inputs = node[PRIMITIVE].inputs
    return ["y", *inputs, *(f"input {k}" for k in range(len(inputs), len(node[SAVED])))]


def _cells(row: MemoryRow) -> tuple[str, ...]:
    shapes = ", ".join(map(str, row.shapes))
    return f"{row.n_bytes:,}", f"{row.share:.1%}", f"v{row.number} {row.operation}", shapes, ", ".join(row.keeps)


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines with the columns of numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    n_numbers = len(widths) // 2
    sides = [str.rjust] * n_numbers + [str.ljust] * (len(widths) - n_numbers)
    return ["  ".join(side(c, w) for side, c, w in zip(sides, row, widths, strict=True)).rstrip() for row in table]


def _summary(report: MemoryReport) -> str:
    holders = sum(row.n_bytes > 0 for row in report.rows)
    return f"memory report: {_size(report.total_bytes)} kept by {holders} of {len(report.rows)} operations"


def _size(n_bytes: int) -> str:
    size, unit = float(n_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{n_bytes} B" if unit == "B" else f"{size:.1f} {unit}"
