"""Native functions as Python calls them."""

import ctypes
import hashlib
import time
from typing import Any

from ..threads import blas_limit, team
from .choosing import Choice

WORTH_SHARING = 8  # units of work (see writing.py), some 10 us each, from which on all threads are the first guess
clock = time.perf_counter


class Native:
    """A native function: `run(*objects)` gives its status.  The results are the same on any number of threads."""

    def __init__(self) -> None:
        self.run: Any = None
        self._choice: Choice | None = None

    def bind(self, code: Any, number: int, n_objects: int, key: str, work: float, long: bool) -> None:
        """Take the address of a compiled function with so much work to share among threads.

        Where it does not take long, Python's lock is kept meanwhile.
        """
        kinds = [ctypes.py_object] * n_objects
        make: Any = ctypes.CFUNCTYPE if long else ctypes.PYFUNCTYPE
        self._function = make(ctypes.c_int, *kinds)(code.address(f"run{number}"))
        self._threads = ctypes.c_int64.from_address(code.address(f"threads{number}"))
        self._work, self._key = work, f"{hashlib.sha256(key.encode()).hexdigest()} {number}"
        self.use(1)

    def use(self, n_threads: int) -> None:
        """Run on up to so many threads, as many as are fastest."""
        if not self._work or n_threads == 1:
            self._choice, self._threads.value, self.run = None, 1, self._function
            return
        guess = n_threads if self._work >= WORTH_SHARING else 1
        self._choice, self.run = Choice(n_threads, f"{self._key} {n_threads}", guess), self._timed

    @property
    def threads(self) -> int:
        """Of the next run."""
        return self._choice.threads if self._choice else 1

    @property
    def why(self) -> str:
        """How the number of threads came about."""
        return self._choice.why if self._choice else "nothing to share" if not self._work else "no more are allowed"

    def _timed(self, *objects: Any) -> Any:
        """A run on the chosen number of threads, or what threadpoolctl allows; on one, while others keep them busy."""
        choice: Any = self._choice
        wanted, others, start = choice.threads, team(), clock()
        n = min(wanted, blas_limit()) if wanted > 1 else 1
        if n > 1 and not others.lock.acquire(False):
            self._threads.value = 1
            return self._function(*objects)
        self._threads.value = n
        try:
            if n > 1:
                others.wake(n)
            status = self._function(*objects)
        finally:
            if n > 1:
                try:
                    others.rest()
                finally:
                    others.lock.release()
        if not status and n == wanted:
            choice.took(clock() - start)
        return status
