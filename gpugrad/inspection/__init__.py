"""Looking inside: the recorded graph as text and picture, what it holds in memory, the gradients layer by layer."""

from .flow import GradientSize, gradient_flow
from .graphs import Graph, graph
from .memory import LeafMemory, MemoryReport, MemoryRow, memory_report

__all__ = [
    "GradientSize",
    "Graph",
    "LeafMemory",
    "MemoryReport",
    "MemoryRow",
    "gradient_flow",
    "graph",
    "memory_report",
]
