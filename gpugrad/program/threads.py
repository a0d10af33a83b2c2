"""How many threads compiled programs use, and the threads themselves."""

import contextlib
import ctypes
import functools
import importlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .fast.team import HOMES, LINE, NOTHING, RUNS, member

PATIENCE = 2700  # looks for work, of which the last give way to other programs: 0.4 ms or so
REFUSED_S = 1.0  # seconds until the system is asked again for threads that it has refused
NO_LIMIT = sys.maxsize
PLANS: Any = weakref.WeakSet()  # those that can change the number of their threads
_wanted: int | None = None


def set_num_threads(n: int | None) -> None:
    """Let compiled programs use n threads; None for what the machine and the environment say.

    Programs that are there already change over, to no more than the processors there were when they were made.  The
    number counts whatever limit threadpoolctl sets.  Without the extra `fast` NumPy's own library decides: see
    OMP_NUM_THREADS and threadpoolctl.  Raises ArgumentError for n below 1.

    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _wanted
    if n is not None and (type(n) is not int or n < 1):
        raise ArgumentError(f"set_num_threads: n is {n!r}; expected a whole number of 1 or more, or None")
    _wanted = n
    for plan in list(PLANS):
        plan.use_threads(allowed())


def get_num_threads() -> int:
    """How many threads compiled programs may use now.

    That is what `set_num_threads` said, else the least of OMP_NUM_THREADS, the limit that threadpoolctl has set on
    NumPy's BLAS, and the processors this process may use.

    >>> get_num_threads() >= 1
    True
    """
    return min(allowed(), blas_limit())


def allowed() -> int:
    """How many threads programs may use where threadpoolctl sets no limit."""
    if _wanted is not None:
        return _wanted
    limits = [processors(), *(int(x) for x in [os.environ.get("OMP_NUM_THREADS", "")] if x.isdigit() and int(x) > 0)]
    return max(1, min(limits))


def blas_limit() -> int:
    """What threadpoolctl allows NumPy's BLAS at this moment; no limit where `set_num_threads` has spoken."""
    if _wanted is not None or "threadpoolctl" not in sys.modules:
        return NO_LIMIT
    return max(1, min((pool.num_threads for pool in _blas()), default=NO_LIMIT))


@functools.cache
def _blas() -> list[Any]:
    pools = importlib.import_module("threadpoolctl").ThreadpoolController().select(user_api="blas")
    return [pool for pool in pools.lib_controllers if "numpy" in pool.filepath]


def processors() -> int:
    """How many processors this process may use."""
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Team:
    """Threads that wait for work: awake for a while after the last, then asleep until woken.  One program at a time."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._memory = np.zeros(HOMES + LINE * (n_threads + 1), np.int64)
        self._words = self._memory[-self._memory.ctypes.data % (8 * LINE) // 8 :]
        self.address = int(self._words.ctypes.data)
        self.threads: list[threading.Thread] = []
        self.reset()

    def reset(self) -> None:
        """As before the first work; for a child process, which has none of its parent's threads."""
        self.lock = threading.Lock()
        self._words[HOMES::LINE] = NOTHING
        self._bells = [threading.Lock() for _ in range(self.n_threads - 1)]  # each is held but for the moment it rings
        for bell in self._bells:
            bell.acquire()
        self._asleep = self._words[HOMES + LINE + 1 :: LINE]
        self._asleep[:], self._words[RUNS] = 1, 0
        self._away_from = -1
        self._not_before = 0.0  # when to ask for threads again; meanwhile who is there does the work
        self.threads.clear()

    def wake(self, n_threads: int) -> None:
        """Let n threads, this one among them, look for work; to be called before a program that shares its work."""
        if len(self.threads) < len(self._bells) and time.monotonic() >= self._not_before:
            self._start()
        self._make_way()
        self._words[RUNS] = n_threads
        for i in range(n_threads - 1):
            if self._asleep[i]:
                self._asleep[i] = 0
                with contextlib.suppress(RuntimeError):  # it has been rung for already
                    self._bells[i].release()

    def rest(self) -> None:
        """After the program: the others may go to sleep."""
        self._words[RUNS] = 0

    def _make_way(self) -> None:
        """Keep the others off the processor that this thread runs on: Linux likes to wake them up there."""
        where = _processor_now()
        if where is None or where() == self._away_from:
            return
        self._away_from = where()
        others = os.sched_getaffinity(0) - {self._away_from}
        for number in (thread.native_id for thread in self.threads if others):
            with contextlib.suppress(OSError):
                if number is not None:  # None would mean this thread
                    os.sched_setaffinity(number, others)

    def _start(self) -> None:
        serve = self._serve()
        for i in range(len(self.threads), len(self._bells)):
            thread = threading.Thread(target=self._member, args=(i, serve), daemon=True, name=f"gpugrad-{i + 1}")
            self.threads.append(thread)  # first: an interrupt after its start must not start it twice
            try:
                thread.start()
            except RuntimeError:
                self.threads.remove(thread)
                self._not_before = time.monotonic() + REFUSED_S
                return

    @functools.cache  # noqa: B019 (the code must stay as long as there may be threads in it)
    def _serve(self) -> Any:
        from .fast.machine import Code

        self._code = Code(member())
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        return kind(self._code.address("serve"))

    def _member(self, i: int, serve: Any) -> None:
        bell = self._bells[i]
        while True:
            bell.acquire()
            serve(self.address, i + 1, PATIENCE)


@functools.cache
def _processor_now() -> Callable[[], int] | None:
    """A function that gives the number of the processor it is called on; None where there is none."""
    if sys.platform != "linux":
        return None
    found: Any = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return found


_teams: list[Team] = []


def team() -> Team:
    """The one team: as many threads as there are processors, the main one among them."""
    if not _teams:
        _teams.append(Team(max(get_num_threads(), processors())))
    return _teams[0]


def _after_fork() -> None:
    for t in _teams:
        t.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
