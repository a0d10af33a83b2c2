"""Numbers that Python computes before each run of a program, sent to the device by one copy that nobody waits for."""

import itertools
from typing import Any

import numpy as np

from . import runtime

BLOCK_BYTES, N_PLACES = 4096, 4  # places: how many sends may be under way


class Sent:
    """Places for numbers on the host and on the device; `send` makes the second what the first are."""

    def __init__(self) -> None:
        self._lane = runtime.current().lane()
        self._blocks: list[_Block] = []

    def room(self, n: int, dtype: Any) -> tuple[np.ndarray, Any]:
        """A NumPy array (n,) to write to, and the array (n,) on the device that it is sent to."""
        n_bytes = -(-n * np.dtype(dtype).itemsize // 8) * 8
        if not self._blocks or not self._blocks[-1].has(n_bytes):
            self._blocks.append(_Block(max(n_bytes, BLOCK_BYTES)))
        return self._blocks[-1].take(n, n_bytes, np.dtype(dtype))

    def send(self) -> None:
        """Copy all numbers, on the current stream, after whatever ran before and may still read them."""
        self._lane.follow()
        for block in self._blocks:
            block.send()


class _Block:
    """A buffer on the device, and what is to be in it."""

    def __init__(self, n_bytes: int) -> None:
        now = runtime.current()
        self._host, self._device, self._used = np.zeros(n_bytes, np.uint8), now.empty((n_bytes,), np.uint8), 0
        self._places = itertools.cycle([(now.pinned((n_bytes,), np.uint8), now.event()) for _ in range(N_PLACES)])

    def has(self, n_bytes: int) -> bool:
        return self._used + n_bytes <= self._host.size

    def take(self, n: int, n_bytes: int, dtype: np.dtype) -> tuple[np.ndarray, Any]:
        lo = self._used
        self._used += n_bytes
        hi = lo + n * dtype.itemsize
        return self._host[lo:hi].view(dtype), self._device[lo:hi].view(dtype)

    def send(self) -> None:
        pinned, sent = next(self._places)
        sent.synchronize()  # the send before from this place, some runs ago
        pinned[: self._used] = self._host[: self._used]
        runtime.current().send(self._device[: self._used], pinned[: self._used])
        sent.record()
