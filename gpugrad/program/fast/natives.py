"""Native functions as Python calls them: on how many threads is found out in their first runs, and kept on disk."""

import ctypes
import functools
import hashlib
import json
import time
from statistics import median
from typing import Any

from ..threads import team
from .machine import folder, processor, write

SHARED, ALONE = 5, 3  # runs of a round of trials: on all threads, then on one; the first of each do not count
WARM_SHARED, WARM_ALONE = 3, 1  # as threads that slept must be woken and find a processor
ROUNDS = 5  # of trials, at most: one that is clear is enough
FIRST_PERIOD = 64
KEPT_S = 86400.0  # how long a choice is kept on disk: what else the machine does changes
CLEAR = 1.2  # ratio of their medians from which on the choice is kept for other processes


class Native:
    """A native function: `run(*objects)` gives its status.  `why` says how the number of threads came about."""

    def __init__(self) -> None:
        self.run: Any = None
        self.threads, self.why = 1, "one thread"

    def bind(self, code: Any, number: int, n_objects: int, key: str, forks: bool, long: bool) -> None:
        """Take the address of a compiled function.  Where it does not take long, Python's lock is kept meanwhile."""
        kinds = [ctypes.py_object] * n_objects
        make: Any = ctypes.CFUNCTYPE if long else ctypes.PYFUNCTYPE
        self._function = make(ctypes.c_int, *kinds)(code.address(f"run{number}"))
        self._threads = ctypes.c_int64.from_address(code.address(f"threads{number}"))
        self._forks, self._key = forks, f"{hashlib.sha256(key.encode()).hexdigest()} {number}"
        self._settle(1, "one thread")

    def use(self, n_threads: int) -> None:
        """Run on one thread or on so many, whichever is faster.  The results are the same to the last bit."""
        if not self._forks or n_threads == 1:
            return self._settle(1, "one thread")
        self._n, self._period = n_threads, FIRST_PERIOD
        known = _choices().get(f"{self._key} {n_threads}")
        if known is not None and abs(time.time() - known["when"]) < KEPT_S:
            return self._settle_for_now(known["threads"], known["why"])
        self.why = "being measured"
        self._measure()

    def _measure(self) -> None:
        """Let the next runs be trials."""
        self._n_trials = 0
        self._times: dict[int, list[float]] = {1: [], self._n: []}
        self.run = self._trial

    def _settle_for_now(self, threads: int, why: str) -> None:
        """Until it is measured again, after twice as many runs each time: other programs may have been in the way."""
        self._settle(threads, why)
        self._left, self._period = self._period, 2 * self._period
        self.run = self._counted

    def _counted(self, *objects: Any) -> Any:
        self._left -= 1
        if not self._left:
            self._measure()
        return self._on(self.threads, objects)

    def _settle(self, threads: int, why: str) -> None:
        self.threads = self._threads.value = threads
        self.why = why
        self.run = self._function if threads == 1 else self._shared

    def _on(self, n: int, objects: tuple[Any, ...]) -> Any:
        """A run on n threads; on one, while another program keeps them busy."""
        others = team()
        if n == 1 or not others.lock.acquire(False):
            self._threads.value = 1
            return self._function(*objects)
        try:
            self._threads.value = n
            others.wake(n)
            return self._function(*objects)
        finally:
            others.lock.release()

    def _shared(self, *objects: Any) -> Any:
        return self._on(self.threads, objects)

    def _trial(self, *objects: Any) -> Any:
        """One run that is timed."""
        at = self._n_trials % (SHARED + ALONE)
        n, counts = (self._n, at >= WARM_SHARED) if at < SHARED else (1, at >= SHARED + WARM_ALONE)
        start = time.perf_counter()
        status = self._on(n, objects)
        if counts:
            self._times[n].append(time.perf_counter() - start)
        self._n_trials += 1
        if self._n_trials % (SHARED + ALONE) == 0:
            self._choose(self._n_trials == ROUNDS * (SHARED + ALONE))
        return status

    def _choose(self, at_last: bool) -> None:
        """Settle for the faster way, if the difference is clear or this was the last round."""
        usual = {n: median(times) * 1e6 for n, times in self._times.items()}
        clear = max(usual.values()) > CLEAR * min(usual.values())
        if not clear and not at_last:
            return
        threads = min(usual, key=usual.__getitem__)
        why = ", ".join(f"{n} thread{'s' * (n > 1)} {us:.0f} us" for n, us in usual.items())
        if clear:
            _remember(f"{self._key} {self._n}", {"threads": threads, "why": why, "when": time.time()})
        self._settle_for_now(threads, why)


def _file() -> Any:
    p = processor()
    name = "none" if p is None else p.name
    return folder() / f"threads-{name}.json"


@functools.lru_cache(maxsize=1)
def _choices() -> dict[str, Any]:
    """What has been measured on this kind of processor."""
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(key: str, choice: dict[str, Any]) -> None:
    _choices.cache_clear()
    _choices()[key] = choice
    write(_file(), json.dumps(_choices(), indent=1).encode())
