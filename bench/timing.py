"""How the benchmarks measure: runs take turns, medians with quartiles, ratios round by round, BLAS on one thread."""

import argparse
import gc
import platform
import time
import timeit
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from statistics import geometric_mean, median, quantiles
from typing import Any, NamedTuple

import numpy as np

ROUND_S = 1e-3  # each run takes about so long in each round: shorter than most of what disturbs a machine

Run = Callable[[], Any]


class Spread(NamedTuple):
    """A value for each round (microseconds of one run, or a ratio), and what they come to."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def quartiles(self) -> tuple[float, float]:
        low, _, high = quantiles(self.rounds, n=4)
        return low, high

    def over(self, other: "Spread") -> "Spread":
        """The ratio of each round of this to the same round of the other: what drifts slowly cancels."""
        return Spread([a / b for a, b in zip(self.rounds, other.rounds, strict=True)])

    def __str__(self) -> str:
        low, high = self.quartiles
        return f"{self.median:8.2f} ({low:.2f} to {high:.2f})"


def geometric(spreads: Sequence[Spread]) -> tuple[float, float, float]:
    """Geometric means of the medians, of the lower and of the upper quartiles."""
    lows, highs = zip(*(s.quartiles for s in spreads), strict=True)
    return geometric_mean(s.median for s in spreads), geometric_mean(lows), geometric_mean(highs)


def exponents(sizes: Sequence[float], spreads: Sequence[Spread]) -> Spread:
    """The k of time ~ size^k, by least squares on logarithms, for each round of `spreads`, one for each size."""
    x = np.log(np.asarray(sizes, dtype=float))
    y = np.log(np.array([s.rounds for s in spreads]))
    return Spread(((x - x.mean()) @ y / ((x - x.mean()) ** 2).sum()).tolist())


def measure(runs: Sequence[Run], rounds: int, clock: Callable[[], float] = time.perf_counter) -> list[Spread]:
    """Microseconds of one call of each run: they take turns within each round, and change who begins.

    The cyclic garbage collector stays on, as in a user's program.
    """
    timers = [timeit.Timer(run, gc.enable, clock) for run in runs]  # timeit switches the collector off otherwise
    numbers = [_calls(timer) for timer in timers]
    times: list[list[float]] = [[] for _ in runs]
    for i in range(rounds):
        for k in range(len(runs))[:: 1 if i % 2 else -1]:
            times[k].append(timers[k].timeit(numbers[k]) / numbers[k] * 1e6)
    return [Spread(t) for t in times]


def measure_on_one_thread(runs: Sequence[Run], rounds: int) -> list[Spread]:
    """`measure` with BLAS on one thread, by that thread's processor time: the turns of other programs do not count.

    By the clock on the wall they would, and more for the slower of two runs, as it is more often interrupted.
    """
    with one_thread():
        return measure(runs, rounds, time.thread_time)


def _calls(timer: timeit.Timer) -> int:
    """How many calls fill a round, after a warm-up of at most 70 calls."""
    first = timer.timeit(2) / 2
    warm = max(1, min(50, int(20 * ROUND_S / first)))
    timer.timeit(max(1, warm * 2 // 5))
    return max(1, int(ROUND_S / (timer.timeit(warm) / warm)))


def one_thread() -> AbstractContextManager[Any]:
    """A scope with BLAS on one thread, where threadpoolctl is installed."""
    try:
        limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1, user_api="blas")
    except ImportError:
        return nullcontext()
    return limits


def options(doc: str | None, rounds: int) -> argparse.ArgumentParser:
    """What every program that prints a table takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds for each line (default {rounds})")
    return parser


def verdict(missed: Sequence[str], check: bool) -> int:
    """Print what was missed; the exit code, which is 1 for that where it is asked for."""
    for line in missed:
        print(f"missed: {line}")
    return 1 if check and missed else 0


def machine() -> str:
    """Versions and processor, for the first line of a table."""
    return f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}, 1 thread"
