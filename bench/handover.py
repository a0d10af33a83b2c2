"""How long a line of memory takes from one processor to another and back, in nanoseconds.

Some 50 within a cache that both share, several times as much between two such caches.  A virtual machine may be moved
from one to the other while it runs, and all that runs on two threads becomes slower or faster with it: so the suite
looks before and after each row.
"""

import contextlib
import ctypes
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

BATCHES, TRIPS = 10, 2_000
SPINS = 10_000_000  # looks in vain of all trips together until a thread gives up: some tenths of a second
# From one odd or even number to the next but one: wait until it is there, and answer with the number after it.
BOUNCE = """
define i64 @bounce(ptr %word, i64 %from, i64 %until, i64 %spins) {
entry:
  br label %wait
wait:
  %number = phi i64 [ %from, %entry ], [ %number, %again ], [ %number1, %answer ]
  %left = phi i64 [ %spins, %entry ], [ %left1, %again ], [ %left, %answer ]
  %seen = load atomic i64, ptr %word acquire, align 8
  %here = icmp eq i64 %seen, %number
  br i1 %here, label %answer, label %again
again:
  %left1 = sub i64 %left, 1
  PAUSE
  %tired = icmp eq i64 %left1, 0
  br i1 %tired, label %leave, label %wait
answer:
  %next = add i64 %number, 1
  store atomic i64 %next, ptr %word release, align 8
  %number1 = add i64 %number, 2
  %more = icmp ult i64 %number1, %until
  br i1 %more, label %wait, label %leave
leave:
  %rest = phi i64 [ 0, %again ], [ %left, %answer ]
  ret i64 %rest
}
DECLARED
"""


@functools.cache
def _bounce() -> Callable[..., int] | None:
    """The compiled function, which says how many looks were left; None where no code can be made."""
    try:
        from gpugrad.program.fast import machine, team

        if machine.processor() is None:
            return None
        code = machine.Code(team.filled_in(BOUNCE))
    except ImportError:
        return None
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 3)(code.address("bounce"))
    call.code = code  # type: ignore[attr-defined]  # as long as it can be called
    return call


def nanoseconds() -> float | None:
    """Of a trip there and back between the first and the last processor of this process: the median of batches.

    None with a single processor, without llvmlite or where threads cannot be kept to processors, and where the two did
    not run at one time.  Only threads of its own are pinned.
    """
    bounce = _bounce()
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if bounce is None or len(processors) < 2:
        return None
    words = (ctypes.c_int64 * 64)()
    word, last = ctypes.addressof(words) + 256, 2 * TRIPS * (BATCHES + 1)  # a line of its own
    with ThreadPoolExecutor(2) as pool:
        answered = pool.submit(_pinned, processors[-1], lambda: bounce(word, 1, last, SPINS))
        try:
            took = pool.submit(_pinned, processors[0], lambda: _batches(bounce, word)).result()
            return median(took) if answered.result() and took else None
        except OSError:  # a processor that is not for us
            return None


def _pinned(processor: int, run: Callable[[], Any]) -> Any:
    os.sched_setaffinity(0, {processor})  # of this thread
    return run()


def _batches(bounce: Callable[..., int], word: int) -> list[float]:
    """Nanoseconds of a trip in each batch, after one in which the two meet; none where the other did not answer."""
    found = []
    for first in range(0, 2 * TRIPS * (BATCHES + 1), 2 * TRIPS):
        start = time.perf_counter()
        if not bounce(word, first, first + 2 * TRIPS, SPINS):
            return []
        found.append((time.perf_counter() - start) / TRIPS * 1e9)
    return found[1:]


@contextlib.contextmanager
def around(threads: int) -> Iterator[list[float]]:
    """A list that gets what is measured before and after; nothing on one thread, where it does not matter."""
    seen: list[float] = []
    _look(seen, threads)
    yield seen
    _look(seen, threads)


def middle(seen: Sequence[float]) -> float | None:
    """Of what was seen, as a row keeps it."""
    return round(median(seen), 1) if seen else None


def _look(seen: list[float], threads: int) -> None:
    found = nanoseconds() if threads > 1 else None
    seen += [] if found is None else [found]
