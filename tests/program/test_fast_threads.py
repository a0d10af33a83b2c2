"""On how many threads a native function runs: by a planted clock and functions that are fast on a known number."""

import json
import threading
import time

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.program import threads
from gpugrad.program.fast import choosing, natives
from gpugrad.program.fast.choosing import Choice
from gpugrad.program.fast.natives import Native

pytest.importorskip("llvmlite")


class FakeTeam:
    def __init__(self):
        self.lock, self.told = threading.Lock(), []

    def wake(self, n):
        assert self.lock.locked()
        self.told.append(f"wake {n}")

    def rest(self):
        assert self.lock.locked()
        self.told.append("rest")


class Machine:
    """A clock that goes on by what a run takes on its number of threads.

    `noise` is added to one run in so many (`each`) on one thread, and to the share `busy` of those on several.
    """

    def __init__(self, monkeypatch, costs):
        self.costs, self.now, self.runs, self.status = costs, 0.0, [], 0
        self.others, self.noise, self.each, self.busy = FakeTeam(), 0.0, 3, 0.0
        self.limit = threads.NO_LIMIT
        monkeypatch.setattr(natives, "clock", lambda: self.now)
        monkeypatch.setattr(natives, "team", lambda: self.others)
        monkeypatch.setattr(natives, "blas_limit", lambda: self.limit)

    def native(self, work=100.0, n_threads=2, key="key"):
        native = Native()
        native._function, native._work, native._key = self.run, work, key
        self.threads = native._threads = type("Word", (), {"value": 1})()
        native.use(n_threads)
        return native

    def run(self, *objects):
        n = self.threads.value
        self.runs.append(n)
        disturbed = len(self.runs) * 0.618 % 1 < self.busy if n > 1 else len(self.runs) % self.each == 0
        self.now += self.costs[n] + self.noise * disturbed
        return self.status


@pytest.fixture(autouse=True)
def no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("GPUGRAD_CACHE_DIR", str(tmp_path))
    choosing._choices.cache_clear()
    yield
    choosing._choices.cache_clear()


def store(n_threads, key="key 2", when=None):
    choosing._file().write_text(json.dumps({key: {"threads": n_threads, "why": "so", "when": when or time.time()}}))
    choosing._choices.cache_clear()


def share_of(runs, n):
    return sum(r == n for r in runs) / len(runs)


@pytest.mark.parametrize("wrong, costs", [(1, {1: 4.3e-3, 2: 2.4e-3}), (2, {1: 50e-6, 2: 107e-6})])
def test_a_wrong_choice_on_disk_is_corrected_within_a_few_runs(monkeypatch, wrong, costs):
    store(wrong)
    machine = Machine(monkeypatch, costs)
    native = machine.native()
    assert native.threads == wrong and "some time ago" in native.why
    for _ in range(24):
        native.run()
    assert native.threads == 3 - wrong and "us" in native.why
    kept = json.loads(choosing._file().read_text())
    assert kept["key 2"]["threads"] == 3 - wrong
    assert machine.native().threads == 3 - wrong  # what another process would begin with


def test_fifty_steps_of_a_fresh_process_run_on_the_right_number_and_looks_cost_little(monkeypatch):
    machine = Machine(monkeypatch, {1: 280e-6, 2: 194e-6})
    native = machine.native()
    for _ in range(50):
        native.run()
    assert share_of(machine.runs, 2) >= 0.9
    for _ in range(5000):
        native.run()
    assert share_of(machine.runs[50:], 2) > 0.995


@pytest.mark.parametrize("noise, each", [(4e-3, 5), (4e-3, 3)])
def test_other_programs_that_disturb_some_runs_do_not_take_a_thread_away(monkeypatch, noise, each):
    machine = Machine(monkeypatch, {1: 4.3e-3, 2: 2.4e-3})
    machine.noise, machine.each, machine.busy = noise, each, 1 / each
    native = machine.native()
    for _ in range(400):
        native.run()
    assert native.threads == 2 and share_of(machine.runs, 2) > 0.95


def test_where_another_program_has_a_processor_for_itself_one_thread_is_taken_until_it_leaves(monkeypatch):
    machine = Machine(monkeypatch, {1: 4.3e-3, 2: 7e-3})
    native = machine.native()
    for _ in range(60):
        native.run()
    assert share_of(machine.runs[30:], 1) > 0.7
    machine.costs[2] = 2.4e-3
    for _ in range(300):
        native.run()
    assert native.threads == 2


def test_on_a_machine_that_is_busy_for_long_few_runs_wait_for_a_thread_that_does_not_come(monkeypatch):
    machine = Machine(monkeypatch, {1: 2.4e-3, 2: 1.4e-3})
    machine.noise, machine.each, machine.busy = 6e-3, 10**9, 0.7
    native = machine.native()
    for _ in range(3000):
        native.run()
    assert share_of(machine.runs, 2) < 0.15


@pytest.mark.parametrize("busy", [1.0, 0.7])
def test_load_that_comes_after_long_quiet_is_noticed_in_few_runs_and_so_is_its_end(monkeypatch, busy):
    machine = Machine(monkeypatch, {1: 2.4e-3, 2: 1.4e-3})
    native = machine.native()
    for _ in range(1000):
        native.run()
    machine.noise, machine.each, machine.busy = 6e-3, 10**9, busy
    began = machine.now
    for _ in range(200):
        native.run()
    assert native.threads == 1
    assert machine.now - began < 1.3 * 200 * 2.4e-3
    machine.noise = 0.0
    for _ in range(2 * choosing.LONGEST_AFTER):
        native.run()
    assert native.threads == 2


def test_load_that_slows_any_number_of_threads_calls_for_few_looks(monkeypatch):
    machine = Machine(monkeypatch, {1: 2.4e-3, 2: 1.4e-3})
    native = machine.native()
    for _ in range(1000):
        native.run()
    machine.costs.update({1: 7e-3, 2: 5e-3})
    for _ in range(1000):
        native.run()
    assert native.threads == 2 and share_of(machine.runs[1000:], 2) > 0.97


def test_a_function_with_little_to_share_begins_on_one_thread_and_one_with_nothing_stays_there(monkeypatch):
    machine = Machine(monkeypatch, {1: 20e-6, 2: 60e-6})
    native = machine.native(work=1.0)
    for _ in range(50):
        native.run()
    assert share_of(machine.runs, 1) >= 0.9
    assert machine.native(work=0.0).run == machine.run
    f = gg.compile(lambda x: gg.ops.tanh(x) @ x, executor="fast")
    gg.set_num_threads(2)
    try:
        for _ in range(20):
            f(np.ones((8, 8)))
        (own,) = f._entries[0].plan.natives
        assert own.threads == 1 and "threads: 1 (nothing to share)" in f.explain()
    finally:
        gg.set_num_threads(None)


def test_on_many_processors_the_best_number_between_is_found(monkeypatch):
    costs = {1: 8e-3, 2: 4e-3, 4: 2e-3, 8: 3e-3, 12: 5e-3}
    machine = Machine(monkeypatch, costs)
    native = machine.native(n_threads=12)
    for _ in range(2000):
        native.run()
    assert native.threads == 4 and share_of(machine.runs[-500:], 4) > 0.98


def test_an_old_choice_and_a_broken_file_are_not_believed(monkeypatch):
    machine = Machine(monkeypatch, {1: 1e-3, 2: 1e-3})
    store(1, when=time.time() - 2 * choosing.KEPT_S)
    assert machine.native().threads == 2
    for text in ("[1]", '{"key 2": {}}', '{"key 2": 3}', "{", '{"key 2": {"threads": 7, "why": "", "when": 9e99}}'):
        choosing._file().write_text(text)
        choosing._choices.cache_clear()
        assert machine.native().threads == 2


def test_runs_that_refuse_and_runs_beside_another_program_are_not_timed(monkeypatch):
    machine = Machine(monkeypatch, {1: 1e-3, 2: 2e-3})
    native, told = machine.native(), []
    monkeypatch.setattr(Choice, "took", lambda self, seconds: told.append(seconds))
    machine.status = 2
    assert native.run() == 2 and not machine.others.lock.locked()
    machine.status = 0
    with machine.others.lock:
        native.run()
    assert told == [] and machine.runs == [2, 1]
    native.run()
    assert told == [2e-3] and machine.others.told == ["wake 2", "rest"] * 2


def test_runs_under_a_limit_that_came_later_keep_to_it_and_are_not_timed(monkeypatch):
    machine = Machine(monkeypatch, {1: 4e-3, 2: 2e-3})
    native, told = machine.native(), []
    monkeypatch.setattr(Choice, "took", lambda self, seconds: told.append(seconds))
    for machine.limit in (1, 2, 1):
        native.run()
    assert machine.runs == [1, 2, 1] and told == [2e-3]


def test_the_limit_is_that_of_threadpoolctl_at_the_moment_of_the_call(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    assert threads._blas(), "threadpoolctl finds no BLAS of NumPy's"
    for n in (1, 2, 1):
        with threadpoolctl.threadpool_limits(n, user_api="blas"):
            assert threads.blas_limit() == n and gg.get_num_threads() == min(n, threads.allowed())
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        monkeypatch.setattr(threads, "_wanted", 2)
        assert threads.blas_limit() == threads.NO_LIMIT and gg.get_num_threads() == 2


def test_members_are_kept_off_the_processor_that_rings_for_them(monkeypatch):
    """Threads that wait are woken where they wait least: on a processor that is not busy with what waits for them."""
    moved = []
    monkeypatch.setattr(threads, "_processor_now", lambda: lambda: here[0])
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    monkeypatch.setattr(threads.os, "sched_setaffinity", lambda pid, where: moved.append((pid, where)), raising=False)
    here, team = [1], threads.Team(2)
    team.threads = [type("Thread", (), {"native_id": 7})()]
    for _ in range(3):
        team.wake(2)
    here[0] = 2
    team.wake(2)
    assert moved == [(7, {0, 2}), (7, {0, 1})]
    monkeypatch.setattr(threads, "_processor_now", lambda: None)
    team.wake(2)
    assert len(moved) == 2
