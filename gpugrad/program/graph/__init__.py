"""The executor for GPUs: a program as one CUDA graph."""

from .plan import GraphPlan

__all__ = ["GraphPlan"]
