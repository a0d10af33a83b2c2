"""How inputs come to where a graph reads them."""

import itertools
from typing import Any

import numpy as np


class Direct:
    """An input that lies on the device: one copy there."""

    def __init__(self, now: Any, target: Any) -> None:
        self._now, self.target = now, target

    def bring(self, array: Any) -> None:
        """Copy the input, on the current stream."""
        if array.size:
            self._now.copy(self.target, array)


class Staged:
    """An input of NumPy's: by pinned memory and a second stream, so that the copy overlaps the run before."""

    def __init__(self, now: Any, lane: Any, target: Any) -> None:
        self._now, self._lane, self.target = now, lane, target
        self._places = itertools.cycle([_Place(now, target) for _ in range(2)])

    def bring(self, array: np.ndarray) -> None:
        """Copy the input; the host waits where the copy of two runs ago is not yet done."""
        place = next(self._places)
        place.sent.synchronize()
        place.pinned[...] = array
        with self._lane.copying():
            place.taken.wait()
            self._now.send(place.array, place.pinned)
            place.sent.record()
        place.sent.wait()
        self._now.copy(self.target, place.array)
        place.taken.record()


class _Place:
    """Pinned memory, memory on the device, and when the first was sent and the second copied on."""

    def __init__(self, now: Any, like: Any) -> None:
        self.pinned, self.array = now.pinned(like.shape, like.dtype), now.empty(like.shape, like.dtype)
        self.sent, self.taken = now.event(), now.event()
        self.taken.record()  # what its memory was used for before
