"""Pieces of work of a suite: what is to be measured, about how long it takes, and the rows it gives."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bench import handover, timing, turns
from bench.peers import blas
from bench.suites.row import OURS, Fit, Row
from bench.turns import Contestant, Pace

ROUNDS = 30
BUDGET_S = {"tiny": 0.0, "quick": 1.0, "full": 2.0}  # of a row whose 30 rounds would take longer
FEWEST = {"tiny": 2, "quick": 5, "full": 7}
SLOW = 20  # times as long as ours
CHOOSE_THEMSELVES = ("gpugrad compiled",)  # on how many threads they run

Runs = dict[str, Callable[[], Any]]


class Rounds(dict[str, list[float]]):
    """Seconds of each round of each contestant; notes: what was chosen for whom; handover_ns: see a Row."""

    def __init__(
        self, found: Mapping[str, list[float]], notes: dict[str, str] | None = None, handover_ns: float | None = None
    ) -> None:
        super().__init__(found)
        self.notes, self.handover_ns = notes or {}, handover_ns


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

    @property
    def clock(self) -> turns.Clock:
        """With one thread processor time of the process, which other programs do not disturb; else time on the wall."""
        return time.process_time if self.threads == 1 else time.perf_counter

    @property
    def pace(self) -> Pace:
        """How a turn goes."""
        return turns.AT_ONCE if self.scale == "tiny" else turns.ALONE if self.threads == 1 else turns.SHARED

    def measure(self, runs: Runs, more: Mapping[str, Contestant] | None = None) -> Rounds:
        """Seconds of each round of each run, in turns (bench/turns.py); each on as many threads as are faster for it.

        more: other ways of contestants, tried as well.  Those that take much longer than ours have fewer rounds, after
        the others.
        """
        try:
            chosen = {who: self._best(who, run, (more or {}).get(who)) for who, run in runs.items()}
            once = {who: turns.turn(one, turns.AT_ONCE, time.perf_counter) for who, one in chosen.items()}
            ours = min((t for who, t in once.items() if who.startswith(OURS)), default=max(once.values()))
            slow = [who for who, t in once.items() if t > SLOW * ours and t * ROUNDS > BUDGET_S[self.scale] / 4]
            with handover.around(self.threads) as seen:
                found = self._in_turns({who: one for who, one in chosen.items() if who not in slow}, once)
                found |= self._in_turns({who: chosen[who] for who in slow}, once)
        finally:
            blas.use_threads(self.threads)
        notes = {who: one.how for who, one in chosen.items() if one.how}
        return Rounds({who: found[who] for who in runs}, notes, handover.middle(seen))

    def _best(self, who: str, run: Callable[[], Any], other: Contestant | None) -> Contestant:
        """The way of a contestant that is fastest: on all threads, on one, or another that is given."""
        blas.use_threads(self.threads)  # for what is compiled at the first call, whatever the one before took
        run()
        use = None if who in CHOOSE_THEMSELVES else getattr(self.peers.get(who), "use_threads", blas.use_threads)
        ways = [Contestant(run, lambda: (use or blas.use_threads)(self.threads))]
        if self.threads > 1 and use:
            ways.append(Contestant(run, lambda: use(1), "on one thread, which is faster here"))
        return turns.faster(ways + [other] * (other is not None), self.pace, self.clock)

    def _in_turns(self, chosen: dict[str, Contestant], once: dict[str, float]) -> dict[str, list[float]]:
        """30 rounds, or as many as fit into the budget."""
        if not chosen:
            return {}
        a_round = sum(self.pace.seconds + self.pace.fewest * once[who] for who in chosen)
        return turns.measure(chosen, self._rounds(a_round), self.pace, self.clock)

    def _rounds(self, a_round: float) -> int:
        return max(FEWEST[self.scale], min(ROUNDS, int(BUDGET_S[self.scale] / max(a_round, 1e-9))))

    def measure_calls(self, runs: Runs) -> Rounds:
        """Short turns without rest or warming, a quarter of the budget: for many rows of calls of ours and NumPy's."""
        a_round = sum(max(timing.ROUND_S, _seconds(run)) for run in runs.values())
        spreads = timing.measure(list(runs.values()), self._rounds(4 * a_round), self.clock)
        return Rounds({who: [t / 1e6 for t in spread.rounds] for who, spread in zip(runs, spreads, strict=True)})


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
