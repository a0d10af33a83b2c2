"""bench/turns.py: a rest, calls that do not count, a block of calls that does; turns alternate."""

import time

import pytest

from bench import turns
from bench.turns import AT_ONCE, Contestant, Pace


class Clock:
    """Time that passes only where somebody says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(made, "now", made.now + seconds))
    return made


def slow_at_first(clock, cold_calls, seconds):
    """A run whose first calls after a rest take a hundred times as long, as while workers wake."""
    state = {"seen": 0, "at": clock.now}

    def run():
        if clock.now - state["at"] >= turns.SHARED.rest_s:
            state["seen"] = 0
        state["seen"] += 1
        clock.now += seconds * (100 if state["seen"] <= cold_calls else 1)
        state["at"] = clock.now

    return run


@pytest.mark.parametrize("cold_calls", [0, 1, 3])
def test_who_wakes_slowly_is_not_slowed(clock, cold_calls):
    """With the first calls counted it would be up to 10 times as long."""
    clock.now = 1.0
    for _ in range(3):
        found = turns.turn(Contestant(slow_at_first(clock, cold_calls, 1e-3)), turns.SHARED, clock)
        assert found == pytest.approx(1e-3)


def test_the_rest_and_the_warming_do_not_count(clock):
    calls = []

    def run():
        calls.append(clock.now)
        clock.now += 0.004

    assert turns.turn(Contestant(run), Pace(0.5, 0.02, 0.03, 3), clock) == pytest.approx(0.004)
    assert calls[0] == pytest.approx(0.5 + turns.LOOK_S) and 3 + 3 <= len(calls) <= 8 + 8


def test_a_long_call_is_warmed_once_and_timed_three_times(clock):
    calls = []

    def run():
        calls.append(1)
        clock.now += 0.5

    assert turns.block(run, turns.SHARED, clock) == pytest.approx(0.5)
    assert len(calls) == 4


def test_turns_alternate_and_everybody_is_prepared():
    seen = []
    ways = {who: Contestant(lambda: None, lambda who=who: seen.append(who)) for who in "ab"}
    found = turns.measure(ways, 2, AT_ONCE, time.perf_counter)
    assert "".join(seen) == "baab" and [len(found[who]) for who in "ab"] == [2, 2]


@pytest.mark.parametrize(("other", "chosen"), [(0.5, 1), (0.99, 0), (2.0, 0)])
def test_another_way_counts_where_it_is_clearly_faster(clock, other, chosen):
    def run(seconds):
        return Contestant(lambda: setattr(clock, "now", clock.now + seconds), how=str(seconds))

    ways = [run(1.0), run(other)]
    assert turns.faster(ways, AT_ONCE, clock) is ways[chosen]
    assert turns.faster(ways[:1], AT_ONCE, clock) is ways[0]


def test_what_measures_elsewhere_is_asked():
    class Elsewhere:
        def turn(self, pace):
            return 3.0 if pace is AT_ONCE else 0.0

    assert turns.turn(Contestant(Elsewhere()), AT_ONCE, time.perf_counter) == 3.0


def test_a_turn_waits_until_the_workers_of_others_are_asleep(monkeypatch):
    """Workers that wait on a processor for a while: their time counts as the process's."""
    now = {"wall": 0.0, "busy": 0.0}

    def sleep(seconds):
        awake = max(0.0, min(seconds, 0.1 - now["wall"]))
        now["wall"] += seconds
        now["busy"] += awake

    monkeypatch.setattr(turns.time, "sleep", sleep)
    monkeypatch.setattr(turns.time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(turns.time, "process_time", lambda: now["busy"])
    turns.rest(turns.SHARED.rest_s)
    assert 0.1 <= now["wall"] < 0.13
    now["wall"] = 5.0
    turns.rest(turns.SHARED.rest_s)
    assert now["wall"] == pytest.approx(5.04)
    monkeypatch.setattr(turns.time, "process_time", lambda: now["wall"])
    turns.rest(turns.SHARED.rest_s)  # some never sleep
    assert now["wall"] == pytest.approx(5.04 + turns.LONGEST_REST_S, abs=0.02)
    turns.rest(0.0)
    assert now["wall"] == pytest.approx(5.54, abs=0.02)
