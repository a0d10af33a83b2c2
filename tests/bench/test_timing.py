"""bench/timing.py: turns, medians, quartiles and ratios."""

import statistics
import time

import pytest

from bench import timing
from bench.timing import Spread


def test_the_turns_are_taken_by_both():
    calls = []
    spreads = timing.measure([lambda: calls.append("a"), lambda: calls.append("b")], 3)
    assert [len(s.rounds) for s in spreads] == [3, 3]
    starts = "".join(calls).replace("aa", "a")
    assert "ba" in starts and "ab" in starts


def test_a_long_run_is_called_once_a_round_and_warmed_up_a_few_times(monkeypatch):
    monkeypatch.setattr(timing, "ROUND_S", 1e-7)
    calls = []
    timing.measure([lambda: calls.append(sum(range(1000)))], 5)
    assert len(calls) == 5 + 4


def test_quartiles_are_printed():
    assert str(Spread([1.0, 2.0, 3.0, 4.0, 5.0])) == f"{3.0:8.2f} (1.50 to 4.50)"


def test_a_ratio_is_taken_round_by_round():
    drifting = [1.0, 2.0, 4.0, 8.0]
    assert Spread(drifting).over(Spread([2 * t for t in drifting])).rounds == [0.5] * 4


def test_geometric_means_of_medians_and_quartiles():
    spreads = [Spread([1.0, 2.0, 3.0]), Spread([4.0, 8.0, 12.0])]
    middle, low, high = timing.geometric(spreads)
    assert middle == pytest.approx(4.0)
    assert (low, high) == pytest.approx((2.0, 6.0))
    assert statistics.geometric_mean([2.0, 8.0]) == pytest.approx(middle)


def test_a_missed_target_is_an_exit_code_only_where_it_is_asked_for(capsys):
    assert [timing.verdict(missed, check) for missed in (["x: 2"], []) for check in (True, False)] == [1, 0, 0, 0]
    assert capsys.readouterr().out == "missed: x: 2\n" * 2
    assert timing.options("what it is", 7).parse_args([]).rounds == 7


def test_other_programs_turns_do_not_count():
    (spread,) = timing.measure_on_one_thread([lambda: time.sleep(0.005)], 2)
    assert spread.median < 2500
    (spread,) = timing.measure([lambda: time.sleep(0.005)], 2)
    assert spread.median > 4500


def test_blas_is_kept_to_one_thread():
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl, of the extra `train`, is not installed")

    def counts():
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    with timing.one_thread():
        assert counts() <= {1}
