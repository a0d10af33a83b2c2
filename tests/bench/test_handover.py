"""bench/handover.py: a line of memory between two processors, before and after what is measured."""

import os
from types import SimpleNamespace

import pytest

from bench import handover, train, turns
from bench.report import readme, sections, tables
from bench.suites.row import FAR_NS, Row, Run, Stat, row_of
from bench.suites.task import Rounds, Settings


@pytest.fixture
def looks(monkeypatch):
    """What the measurement finds, one after the other."""
    found = [50.0, 310.0]
    monkeypatch.setattr(handover, "nanoseconds", lambda: found.pop(0))
    monkeypatch.setattr(Settings, "pace", turns.AT_ONCE)
    return found


def test_the_two_processors_of_this_machine():
    affinity = getattr(os, "sched_getaffinity", lambda who: None)
    before, found = affinity(0), handover.nanoseconds()
    assert found is None or 10 < found < 100_000
    assert affinity(0) == before


def test_without_a_second_processor_there_is_nothing_to_measure(monkeypatch):
    monkeypatch.setattr(handover.os, "sched_getaffinity", lambda who: {3}, raising=False)
    assert handover.nanoseconds() is None


def test_who_waits_for_nobody_gives_up(monkeypatch):
    bounce = handover._bounce()
    if bounce is None:
        pytest.skip("no code can be made here")
    word = handover.ctypes.c_int64(0)
    assert bounce(handover.ctypes.addressof(word), 1, 9, 1000) == 0 and word.value == 0
    assert bounce(handover.ctypes.addressof(word), 0, 2, 1000) == 1000 and word.value == 1
    monkeypatch.setattr(handover, "_bounce", lambda: lambda word, first, until, spins: 0)
    assert handover.nanoseconds() is None


def test_without_code_there_is_nothing_to_measure(monkeypatch):
    monkeypatch.setattr(handover, "_bounce", lambda: None)
    assert handover.nanoseconds() is None


@pytest.mark.parametrize(("threads", "kept", "left"), [(2, 180.0, 0), (1, None, 2)])
def test_a_row_keeps_the_middle_of_what_was_seen_before_and_after(looks, threads, kept, left):
    rounds = Settings("tiny", threads=threads).measure({"gpugrad": lambda: None})
    assert rounds.handover_ns == kept and len(looks) == left
    row = row_of("a", "b", rounds)
    assert row.handover_ns == kept and row.is_far == (kept is not None)


def test_what_cannot_be_measured_is_no_figure(monkeypatch):
    monkeypatch.setattr(handover, "nanoseconds", lambda: None)
    with handover.around(2) as seen:
        assert seen == []
    assert handover.middle(seen) is None and handover.middle([60.04, 60.0]) == 60.0


def run_of(*handovers):
    rounds = {"gpugrad": [2.0] * 3, "torch": [1.0] * 3}
    rows = [
        row_of("products", "matmul", Rounds(rounds, handover_ns=ns), params={"shape": f"{i + 2}x3"})
        for i, ns in enumerate(handovers)
    ]
    return Run("cpu", {}, {"threads": 2}, {}, "c", "k", "2026-01-01", rows=rows)


def test_a_file_keeps_it_and_older_files_have_none(tmp_path):
    run = run_of(60.0, None)
    run.save(tmp_path / "run.json")
    assert [row.handover_ns for row in Run.load(tmp_path / "run.json").rows] == [60.0, None]
    assert (tmp_path / "run.json").read_text().count("handover_ns") == 1


def test_rows_measured_far_apart_are_marked_with_a_legend():
    run = run_of(60.0, 310.0)
    for part in (sections.tables(run), sections.lost_rows(run)):
        assert part.count(f"3x<wbr>3 {tables.FAR}<") == 1 and "no cache" in part
        assert "2x<wbr>3" in part and f"2x<wbr>3 {tables.FAR}" not in part
    assert "in 60 to 310 ns, measured before and after each of 2 rows; in 1 of them" in sections.method(run)
    text = readme.markdown(run, "run.json")
    assert f"1 of them {tables.FAR}" in text and text.endswith(tables.LEGEND)


def test_where_nothing_was_far_or_measured_nothing_is_said():
    for run in (run_of(60.0, FAR_NS), run_of(None)):
        parts = [sections.tables(run), sections.lost_rows(run), readme.markdown(run, "run.json")]
        assert tables.FAR not in "".join(parts) and tables.LEGEND not in "".join(parts)
    assert "A line of memory" not in sections.method(run_of(None))


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, ""),
        (63.4, "; a line of memory went there and back in 63 ns"),
        (310.0, "in 310 ns, more than 150: what runs"),
    ],
)
def test_the_printed_table_says_it(ns, text):
    row = Row("train", "net", times={"gpugrad": Stat(1, 1, 1, 2)}, handover_ns=ns)
    assert text in train.handover(row) and bool(text) == bool(train.handover(row))


def test_a_processor_that_is_not_for_us_is_no_fault(monkeypatch):
    def refused(who, which):
        raise OSError

    monkeypatch.setattr(handover, "SPINS", 1000)
    fake = SimpleNamespace(sched_getaffinity=lambda who: {0, 1}, sched_setaffinity=refused)
    monkeypatch.setattr(handover, "os", fake)
    assert handover.nanoseconds() is None
