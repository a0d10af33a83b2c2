"""How contestants are timed: in turns, in blocks of many calls between two events, as medians with quartiles."""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any, Protocol

from .contestant import Contestant

ROUNDS, BLOCK_MS, MOST_RUNS = 30, 1.0, 200


class Clock(Protocol):
    def start(self) -> None: ...
    def stop(self) -> float: ...  # milliseconds since start


def block(clock: Clock, contestant: Contestant, runs: int) -> float:
    """Microseconds of one call, over `runs` runs."""
    clock.start()
    for _ in range(runs):
        outputs = contestant.run()
    contestant.wait(outputs)
    return clock.stop() * 1e3 / (runs * contestant.calls)


def measure(clock: Clock, contestants: Sequence[Contestant], rounds: int = ROUNDS) -> list[list[float]]:
    """Microseconds of one call, a figure for each round and contestant; they take turns, and change who begins."""
    runs = []
    for c in contestants:
        block(clock, c, 3)
        warm_us = block(clock, c, 5) * c.calls
        runs.append(max(1, min(MOST_RUNS, int(BLOCK_MS * 1e3 / max(warm_us, 1e-3)))))
    times: list[list[float]] = [[] for _ in contestants]
    for i in range(rounds):
        for k in range(len(contestants))[:: 1 if i % 2 else -1]:
            times[k].append(block(clock, contestants[k], runs[k]))
    return times


def summary(times: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles, in microseconds."""
    low, _, high = quantiles(times, n=4)
    return {"us": median(times), "low": low, "high": high, "rounds": len(times)}
