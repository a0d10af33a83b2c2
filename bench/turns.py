"""Turns: how contestants that bring threads and caches of their own are measured beside each other.

A turn is what a loop in a program of the contestant's own would be: a rest until the workers of whoever ran before are
asleep, calls that do not count until its own workers, caches and branches are warm, then a block of calls in a
row, whose time counts.  Turns alternate (A B A B) and change their order, so that a drifting machine hurts all.
"""

import gc
import time
import timeit
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

Clock = Callable[[], float]
LONG_S = 0.4  # of warming: after it no number of calls is waited for
CLEARLY = 0.03


class Pace(NamedTuple):
    """Seconds of each part of a turn, and the fewest calls of the last two."""

    rest_s: float
    warm_s: float
    block_s: float
    fewest: int

    @property
    def seconds(self) -> float:
        """Of a turn of short calls."""
        return self.rest_s + 1.5 * self.warm_s + self.block_s


ALONE = Pace(0.0, 4e-3, 8e-3, 1)  # one thread: nobody's workers spin
SHARED = Pace(0.03, 0.02, 0.03, 3)
LONGEST_REST_S, LOOK_S, ASLEEP = 0.5, 0.01, 0.1  # OpenBLAS's workers stay awake for some 100 ms after their last work
AT_ONCE = Pace(0.0, 0.0, 0.0, 1)  # one call: for tests, and to see how long one takes


class Contestant(NamedTuple):
    """run: one call; or an object with turn(pace), which measures elsewhere.  prepare: before each turn."""

    run: Any
    prepare: Callable[[], Any] = lambda: None
    how: str = ""


def turn(one: Contestant, pace: Pace, clock: Clock) -> float:
    """Seconds of a call."""
    one.prepare()
    rest(pace.rest_s)
    return float(one.run.turn(pace)) if hasattr(one.run, "turn") else block(one.run, pace, clock)


def rest(seconds: float) -> None:
    """At least so long, if at all, and until no thread of this process is busy: some wait for work on a processor."""
    end = time.monotonic() + LONGEST_REST_S
    time.sleep(seconds)
    while seconds and time.monotonic() < end:
        busy = time.process_time()
        time.sleep(LOOK_S)
        if time.process_time() - busy < ASLEEP * LOOK_S:
            return


def block(run: Callable[[], Any], pace: Pace, clock: Clock) -> float:
    """Warm up, then seconds of a call in a block of calls."""
    timer = timeit.Timer(run, gc.enable, clock)  # timeit switches the collector off otherwise
    if pace == AT_ONCE:
        return timer.timeit(1)
    a_call = _warmed(timer, pace)
    number = max(pace.fewest, ceil(pace.block_s / max(a_call, 1e-9)))
    return timer.timeit(number) / number


def _warmed(timer: timeit.Timer, pace: Pace) -> float:
    """Seconds of a call, of the last and largest of the batches."""
    number, calls, spent = 1, 0, 0.0
    while True:
        took = timer.timeit(number)
        calls, spent = calls + number, spent + took
        if spent >= pace.warm_s and (calls >= pace.fewest or spent >= LONG_S):
            return took / number
        number = min(2 * number, max(1, ceil(pace.warm_s * number / max(took, 1e-9))))


def measure(contestants: Mapping[str, Contestant], rounds: int, pace: Pace, clock: Clock) -> dict[str, list[float]]:
    """Seconds of a call of each, one for each round."""
    found: dict[str, list[float]] = {who: [] for who in contestants}
    for i in range(rounds):
        for who in list(contestants)[:: 1 if i % 2 else -1]:
            found[who].append(turn(contestants[who], pace, clock))
    return found


def faster(ways: list[Contestant], pace: Pace, clock: Clock) -> Contestant:
    """Of several ways of one contestant the fastest in two turns each; the first, where no other is so by CLEARLY."""
    if len(ways) == 1:
        return ways[0]
    found = measure({str(i): way for i, way in enumerate(ways)}, 2, pace._replace(fewest=1), clock)
    first, best = min(found["0"]), min(found, key=lambda i: min(found[i]))
    return ways[int(best)] if min(found[best]) < (1 - CLEARLY) * first else ways[0]
