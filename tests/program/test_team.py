"""Threads that share loops: every row once, whoever is late; and nobody sleeps through a run."""

import contextlib
import ctypes
import os
import threading
import time

import numpy as np
import pytest

from gpugrad.program import threads

pytest.importorskip("llvmlite")

from gpugrad.program.fast.machine import Code
from gpugrad.program.fast.team import FORK, HOMES, LINE, RUNS, YIELD, filled_in

LOOPS = """
@table = global ptr null
@team = global ptr null
@threads = global i64 1
@met = global i64 0

define internal void @count(ptr %table, i64 %thread, i64 %start, i64 %stop) #1 {
entry:
  br label %row
row:
  %i = phi i64 [ %start, %entry ], [ %i1, %row ]
  %at = getelementptr i64, ptr %table, i64 %i
  %before = load i64, ptr %at
  %many = mul i64 %before, 1000
  %mark = add i64 %many, %thread
  %mark1 = add i64 %mark, 1
  store i64 %mark1, ptr %at
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %stop
  br i1 %more, label %row, label %leave
leave:
  ret void
}

define internal void @meet(ptr %table, i64 %thread, i64 %start, i64 %stop) #1 {
entry:
  %at = getelementptr i64, ptr %table, i64 %start
  %mark = add i64 %thread, 1
  store i64 %mark, ptr %at
  %pieces = load i64, ptr @threads
  %before = atomicrmw add ptr @met, i64 1 seq_cst
  br label %wait
wait:
  %n = phi i64 [ 0, %entry ], [ %n1, %wait ]
  %ignored = call i32 @YIELD()
  %here = load atomic i64, ptr @met seq_cst, align 8
  %n1 = add i64 %n, 1
  %all = icmp uge i64 %here, %pieces
  %long = icmp uge i64 %n1, 20000000
  %go = or i1 %all, %long
  br i1 %go, label %leave, label %wait
leave:
  ret void
}

define void @counted(i64 %rows, i64 %grain) #1 {
  call void @fork(ptr @count, i64 %rows, i64 %grain, ptr @threads)
  ret void
}

define i64 @met_by(i64 %rows) #1 {
  store atomic i64 0, ptr @met seq_cst, align 8
  call void @fork(ptr @meet, i64 %rows, i64 1, ptr @threads)
  %n = load atomic i64, ptr @met seq_cst, align 8
  ret i64 %n
}

declare i32 @YIELD()
attributes #0 = { nounwind noinline }
"""
ENDS = "attributes #1 = { nounwind }\n"


class Loops:
    """The loops above on a team of its own."""

    def __init__(self, n_threads):
        head, tail = LOOPS.replace("YIELD", YIELD).split("define internal void @count", 1)
        self.code = Code(filled_in(head + FORK + "define internal void @count" + tail + ENDS))
        self.team = threads.Team(n_threads)
        self.rows = np.zeros(5000, np.int64)
        ctypes.c_void_p.from_address(self.code.address("team")).value = self.team.address
        ctypes.c_void_p.from_address(self.code.address("table")).value = self.rows.ctypes.data
        self.number = ctypes.c_int64.from_address(self.code.address("threads"))
        self._counted = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(self.code.address("counted"))
        self._met = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self.code.address("met_by"))

    @contextlib.contextmanager
    def run(self, n):
        """Awake, as around a compiled program."""
        self.number.value = n
        self.team.wake(n)
        try:
            yield
        finally:
            self.team.rest()

    def counted(self, rows, grain):
        """Who counted each row: 1 for the first thread; more than 1000 where it was more than one."""
        self.rows[:] = 0
        self._counted(rows, grain)
        assert not self.rows[rows:].any()
        return self.rows[:rows].copy()

    def is_asleep(self, thread):
        return bool(self.team._words[HOMES + LINE * thread + 1])


def eventually(f, seconds=20):
    end = time.monotonic() + seconds
    while not f() and time.monotonic() < end:
        time.sleep(0.001)
    return f()


@pytest.fixture(scope="module")
def crowd():
    return Loops(5)


@pytest.mark.parametrize("seed", range(4))
def test_every_row_is_counted_once_on_any_number_of_threads(crowd, seed):
    rng = np.random.default_rng(seed)
    for _ in range(300):
        n = int(rng.integers(2, 6))
        with crowd.run(n):
            for _ in range(int(rng.integers(1, 6))):
                rows = int(rng.integers(1, 5000))
                who = crowd.counted(rows, int(rng.integers(1, rows + 1)))
                assert who.min() >= 1 and who.max() <= n


def test_on_one_thread_nobody_else_is_asked(crowd):
    crowd.number.value = 1
    assert (crowd.counted(77, 10) == 1).all()


def test_nobody_sleeps_through_a_run(monkeypatch):
    """Each piece waits for the other, so that both threads have to come: whenever the one that waits falls asleep."""
    monkeypatch.setattr(threads, "PATIENCE", 1)
    loops = Loops(2)
    for i in range(300):
        with loops.run(2):
            assert loops._met(2) == 2
        time.sleep(i % 7 * 2e-5)


def test_who_waits_stays_during_a_run_that_wants_it_and_sleeps_after_it(monkeypatch):
    monkeypatch.setattr(threads, "PATIENCE", 10)
    loops = Loops(3)
    with loops.run(3):
        assert loops._met(3) == 3
        assert eventually(lambda: not loops.is_asleep(1) and not loops.is_asleep(2))
        time.sleep(0.05)
        assert loops._met(3) == 3  # and nobody has rung
        loops.team._words[RUNS] = 2
        assert eventually(lambda: loops.is_asleep(2)) and eventually(lambda: not loops.is_asleep(1))
        loops.team.rest()
        assert eventually(lambda: loops.is_asleep(1)) and loops.team._words[RUNS] == 0
        time.sleep(0.02)
        assert loops.is_asleep(1)


def test_a_bell_that_is_rung_twice_is_heard():
    loops = Loops(2)
    with loops.run(2):
        loops.team._asleep[0] = 1
        loops.team.wake(2)
        loops.team._asleep[0] = 1
        loops.team.wake(2)
        assert loops._met(2) == 2


def test_each_begins_with_pieces_of_its_own(crowd):
    """All begin at one time, as each piece waits for all others."""
    for n in (2, 3, 5, 4):
        with crowd.run(n):
            for _ in range(20):
                assert crowd._met(n) == n
                assert crowd.rows[:n].tolist() == [*range(1, n + 1)]


def test_where_the_system_gives_no_thread_the_caller_does_all(monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    where = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda self: asked.append(self.name) or refused(self))
        loops = Loops(3)
        for _ in range(3):
            with loops.run(3):
                assert (loops.counted(100, 7) == 1).all()
    assert asked == ["gpugrad-1"]  # once, which takes long
    assert where is None or os.sched_getaffinity(0) == where
    loops.team._not_before = 0.0
    with loops.run(3):
        assert loops._met(3) == 3  # they are there now


def test_an_interrupt_while_threads_start_starts_none_of_them_twice(monkeypatch):
    """Two of one number would share their memory."""
    real, started = threading.Thread.start, []

    def start(self):
        real(self)
        started.append(self.name)
        if len(started) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    loops = Loops(3)
    with pytest.raises(KeyboardInterrupt), loops.run(3):
        pass
    with loops.run(3):
        assert loops._met(3) == 3
    assert started == ["gpugrad-1", "gpugrad-2"]
