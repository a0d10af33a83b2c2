"""Pieces of work of a suite: what is to be measured, about how long it takes, and the rows it gives."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bench import timing
from bench.suites.row import OURS, Fit, Row

ROUNDS = 30
BUDGET_S = {"tiny": 0.0, "quick": 1.0, "full": 2.0}  # of a row whose 30 rounds would take longer
FEWEST = {"tiny": 2, "quick": 5, "full": 7}
SLOW = 20  # times as long as ours
PAUSE_S = 0.03  # OpenBLAS's and OpenMP's workers spin for so long after their last work

Rounds = dict[str, list[float]]
Runs = dict[str, Callable[[], Any]]


class RestedClock:
    """A wall clock for timeit that waits before each start, until the workers of whoever ran last are asleep."""

    def __init__(self) -> None:
        self.runs = False

    def __call__(self) -> float:
        self.runs = not self.runs
        if self.runs:
            time.sleep(PAUSE_S)
        return time.perf_counter()


@dataclass
class Settings:
    """What was chosen.  scale: "tiny" (for the tests), "quick" or "full".  peers: {name: module of bench.peers}."""

    scale: str = "quick"
    peers: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    seed: int = 0

    def pick(self, tiny: Any, quick: Any, full: Any) -> Any:
        """The one for this scale."""
        return {"tiny": tiny, "quick": quick, "full": full}[self.scale]

    def rng(self, *salt: int) -> np.random.Generator:
        """Random numbers that are others in every run; the seed stands in the file."""
        return np.random.default_rng((self.seed, *salt))

    def having(self, what: str) -> dict[str, Callable[..., Any]]:
        """{peer: its function of that name}, of the peers that have one."""
        return {name: getattr(peer, what) for name, peer in self.peers.items() if hasattr(peer, what)}

    def measure(self, runs: Runs) -> Rounds:
        """Seconds of each round of each run, in turns; those that take much longer than ours have fewer rounds, after.

        With one thread it is processor time of the process, which other programs do not disturb; with several it is
        time on the wall, with pauses.
        """
        once = {who: _seconds(run) for who, run in runs.items()}
        ours = min((t for who, t in once.items() if who.startswith(OURS)), default=max(once.values()))
        slow = [who for who, t in once.items() if t > SLOW * ours and t * ROUNDS > BUDGET_S[self.scale] / 4]
        found = self._in_turns({who: run for who, run in runs.items() if who not in slow}, once)
        found |= self._in_turns({who: runs[who] for who in slow}, once)
        return {who: found[who] for who in runs}

    def _in_turns(self, runs: Runs, once: dict[str, float]) -> Rounds:
        """30 rounds, or as many as fit into the budget."""
        if not runs:
            return {}
        a_round = sum(max(timing.ROUND_S, once[who]) for who in runs)
        rounds = max(FEWEST[self.scale], min(ROUNDS, int(BUDGET_S[self.scale] / a_round)))
        clock = time.process_time if self.threads == 1 else RestedClock()
        spreads = timing.measure(list(runs.values()), rounds, clock)
        return {who: [t / 1e6 for t in spread.rounds] for who, spread in zip(runs, spreads, strict=True)}


def _seconds(run: Callable[[], Any]) -> float:
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Task(NamedTuple):
    """One measurement.  what: the line of the progress bar.  cost_s: about how long it takes, for the time left."""

    suite: str
    what: str
    cost_s: float
    run: Callable[[Settings], Iterator[Row | Fit]]


def require_close(what: str, who: str, found: Any, expected: Any, tolerance: float) -> None:
    """Raise ArithmeticError where a result is off by more than this share of the largest entry of the float64 one."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if found.shape != expected.shape:
        raise ArithmeticError(f"{what}: {who} gives shape {found.shape}, expected {expected.shape}")
    if not expected.size:
        return
    error = float(np.max(np.abs(found - expected)) / max(float(np.max(np.abs(expected))), 1e-300))
    if not error <= tolerance:
        raise ArithmeticError(f"{what}: {who} is off by {error:.1e} of the largest entry; {tolerance:.0e} is allowed")
