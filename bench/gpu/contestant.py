"""One implementation of one case, as the clock sees it."""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

COLD_BYTES = 256 << 20  # copies of the inputs add up to this, so that no cache of a card holds them
MOST_COPIES = 6


class Contestant(NamedTuple):
    """`run()` makes `calls` calls; `read` gives the results of the last of them as float64 arrays."""

    name: str
    run: Callable[[], Any]
    read: Callable[[Any], list[np.ndarray]]
    wait: Callable[[Any], Any] = lambda outputs: None  # for work that CUDA's default stream does not wait for
    calls: int = 1


def n_copies(arrays: dict[str, np.ndarray]) -> int:
    """How many copies of the inputs take turns."""
    n_bytes = sum(a.nbytes for a in arrays.values())
    return max(1, min(MOST_COPIES, -(-COLD_BYTES // max(1, n_bytes))))


def in_turns(call: Callable[..., Any], copies: Sequence[dict[str, Any]]) -> Callable[[], Any]:
    """A function without arguments that calls `call(**copy)` with the next copy each time."""
    turn = cycle(copies)
    return lambda: call(**next(turn))


def error_of(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """The largest ||found - wanted|| / ||wanted|| over the results; infinite where one is missing or no number."""
    if len(found) != len(wanted):
        return float("inf")
    worst = 0.0
    for f, w in zip(found, wanted, strict=True):
        if np.shape(f) != np.shape(w):
            return float("inf")
        off = float(np.linalg.norm(np.ravel(f - w))) / max(float(np.linalg.norm(np.ravel(w))), 1e-30)
        worst = max(worst, off if np.isfinite(off) else float("inf"))
    return worst
