"""On how many threads a function runs: guessed at first, then tried out in its own runs, ever more rarely.

A look compares the runs before it with a few on another number.  More threads are taken where the best of these runs is
faster, and once they have disappointed, where all are; fewer only where two looks in turn say clearly so.  Runs that
take longer than fewer threads would, as where other programs hold the processors, bring the next look forward.
"""

import functools
import json
import time
from collections import deque
from statistics import median
from typing import Any

from .machine import folder, processor, write

FIRST, LATER = 8, 4  # runs until the first look; how many times as many until the next
LONGEST = 1 << 14
WINDOW, FEWEST = 8, 4  # runs that a look remembers, and needs
TRIED = 4  # runs of a look, at most: the first may have to wake threads
CLEAR = 1.05  # ratio from which on fewer threads are better
SLOW = 1.3  # ratio to the time on fewer threads from which on a run is slow
ALARM = 8  # points that bring a look forward: two for a slow run, one less for each other
LONGEST_AFTER = 256  # runs until the next look, at most, once an alarm has led to fewer threads
KEPT_S = 86400.0  # how long a choice is kept on disk


class Choice:
    """`threads` for the next run; `took` is to be told how long that was.  `why` says how the number came about."""

    def __init__(self, n_threads: int, key: str, guess: int) -> None:
        self._numbers = [n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < n_threads] + [n_threads]
        self._key = key
        known = _choices().get(key, {})
        usable = abs(time.time() - known.get("when", 0)) < KEPT_S and known["threads"] in self._numbers
        self.why = f"{known['why']}, some time ago" if usable else "a guess from its work"
        self.threads = self._usual = known["threads"] if usable else guess
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._tried: list[float] = []
        self._left = self._period = FIRST
        self._longest, self._fewer = LONGEST, float("inf")  # the last: the time known on fewer threads
        self._points, self._patience, self._is_alarmed = 0, ALARM, False
        self._n_changes = self._n_lost = self._n_looks = 0

    def took(self, seconds: float) -> None:
        """The last run took so long."""
        if self.threads != self._usual:
            self._tried.append(seconds)
            if len(self._tried) == TRIED or self._is_hopeless():
                self._judge()
            return
        self._times.append(seconds)
        self._left -= 1
        self._points = max(0, self._points + (2 if seconds > SLOW * self._fewer else -1))
        if self._points >= self._patience:
            self._alarm()
        if self._left <= 0 and len(self._times) >= FEWEST:
            self._tried, self.threads = [], self._other()

    def _alarm(self) -> None:
        """Look now, by the last runs alone."""
        self._left, self._points, self._is_alarmed = 0, 0, True
        self._times = deque([*self._times][-FEWEST:], WINDOW)

    def _other(self) -> int:
        """The next number of threads above or below, in turns where there are both; the same again after a loss."""
        at = self._numbers.index(self._usual)
        near = [self._numbers[i] for i in (at - 1, at + 1) if 0 <= i < len(self._numbers)]
        self._n_looks += not self._n_lost
        if self._is_alarmed:
            return near[0]
        return near[self._n_looks % len(near)]

    def _other_time(self) -> float | None:
        """What counts of this look: its best run, or its worst where other programs have been in the way before."""
        more = self.threads > self._usual
        counted = self._tried[more:]
        return (max if more and self._n_changes else min)(counted) if counted else None

    def _is_hopeless(self) -> bool:
        other = self._other_time()
        return other is not None and other > 1.2 * median(self._times)

    def _judge(self) -> None:
        """After a look: stay or change, and when to look again."""
        now, other = median(self._times), self._other_time() or 0.0
        more = self.threads > self._usual
        better = other < now if more else CLEAR * other < now
        self._n_lost = self._n_lost + 1 if better and not more else 0
        self._fewer = self._fewer if more else other
        self._patience = ALARM if better or not self._is_alarmed else min(LONGEST, self._patience * LATER)
        times = {self._usual: now, self.threads: other}
        self.why = ", ".join(f"{n} thread{'s' * (n > 1)} {1e6 * t:.0f} us" for n, t in sorted(times.items()))
        self._period = min(self._longest, self._period * LATER)
        if (better and more) or self._n_lost == 2:
            self._change(now if more else float("inf"))
        elif self._n_lost:
            self._left, self.threads = FIRST, self._usual
            return
        self._left, self.threads, self._is_alarmed = self._period, self._usual, False
        self._remember()

    def _change(self, fewer: float) -> None:
        self._usual, self._n_lost, self._fewer = self.threads, 0, fewer
        self._longest = LONGEST_AFTER if self._is_alarmed else LONGEST
        self._period = min(self._longest, FIRST * LATER**self._n_changes)  # it may go to and fro, but not for long
        self._n_changes += 1
        self._times.clear()

    def _remember(self) -> None:
        known = _choices().get(self._key)
        if known and known["threads"] == self._usual and abs(time.time() - known["when"]) < KEPT_S / 2:
            return
        _choices.cache_clear()  # other processes have written, too
        kept = {key: x for key, x in _choices().items() if abs(time.time() - x["when"]) < KEPT_S}
        kept[self._key] = {"threads": self._usual, "why": self.why, "when": time.time()}
        write(_file(), json.dumps(kept, indent=1).encode())
        _choices.cache_clear()


def _file() -> Any:
    p = processor()
    return folder() / f"threads-{'none' if p is None else p.name}.json"


@functools.lru_cache(maxsize=1)
def _choices() -> dict[str, Any]:
    """What has been measured on this kind of processor: {key: {"threads", "why", "when"}}."""
    try:
        found = json.loads(_file().read_text())
        return {k: x for k, x in found.items() if {"threads", "why", "when"} <= x.keys()}
    except (OSError, ValueError, AttributeError):
        return {}
