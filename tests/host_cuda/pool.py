"""A memory pool over host memory: what is freed is handed out again, and what reads it later reads NaN."""

import math
from typing import Any

import numpy as np

from .guarded import guarded
from .recording import recording


class HostPool:
    """Blocks by their number of bytes; all of them stay until the pool is gone."""

    def __init__(self) -> None:
        self._free: dict[int, list[np.ndarray]] = {}
        self.n_bytes = self.n_blocks = 0

    def empty(self, shape: Any, dtype: Any) -> np.ndarray:
        """An array filled with the bytes 0xff; in a capture it is so at every replay, and 0 for now."""
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        free = self._free.setdefault(n_bytes, [])
        memory = free.pop() if free else self._grown(n_bytes)
        _spoil(memory)
        block = _Block(self._free, memory)
        return np.asarray(block).view(dtype).reshape(shape)

    def _grown(self, n_bytes: int) -> np.ndarray:
        self.n_bytes += n_bytes
        self.n_blocks += 1
        return guarded((n_bytes,), np.uint8)


class _Block:
    """Memory in use, as long as an array looks at it."""

    def __init__(self, free: dict[int, list[np.ndarray]], memory: np.ndarray) -> None:
        self._free, self.memory = free, memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        _spoil(self.memory)
        self._free[self.memory.nbytes].append(self.memory)


def _spoil(memory: np.ndarray) -> None:
    capture = recording()
    if capture is None:
        memory.fill(0xFF)
        return
    memory.fill(0)  # what functions of NumPy are tried on, for the shapes of their results
    capture.add("freed or new memory", lambda: memory.fill(0xFF))
