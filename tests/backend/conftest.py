"""A CUDA device on the CPU."""

from tests.host_cuda.fixture import host

__all__ = ["host"]
