"""bench/overhead.py: what its table says and when `--check` fails, with times that are given instead of measured."""

import sys
from types import SimpleNamespace

import pytest

from bench import overhead, timing
from bench.timing import Spread


@pytest.fixture
def timed(monkeypatch):
    """Let PyTorch seem installed, and every measurement give these microseconds: {case: (ours, PyTorch's)}."""

    def set_times(times):
        cases = {case: case for case in overhead.TARGETS}
        monkeypatch.setattr(overhead, "import_torch", lambda: SimpleNamespace(__version__="0"))
        monkeypatch.setattr(overhead, "gpugrad_cases", lambda n: cases)
        monkeypatch.setattr(overhead, "torch_cases", lambda torch, n: cases)

        def measure(runs, rounds):
            return [Spread([t] * rounds) for t in times[runs[0]]]

        monkeypatch.setattr(overhead, "measure", measure)

    return set_times


def test_targets_that_are_met(timed, capsys):
    timed({"add untracked": (1.0, 1.0), "add tracked": (1.0, 2.0), "chain": (6.0, 10.0)})
    assert overhead.main(["--check"]) == 0
    out = capsys.readouterr().out
    assert "missed" not in out and "above" not in out
    for case, sizes in ((case, overhead.SIZES) for case in overhead.TARGETS):
        rows = [line.split() for line in out.splitlines() if line.startswith(f"{case} ")]
        assert [row[len(case.split())] for row in rows] == [*map(str, sizes), "all"]


def test_a_target_that_is_missed_fails_the_check_and_is_named(timed, capsys):
    timed({"add untracked": (1.0, 1.0), "add tracked": (1.1, 2.0), "chain": (6.0, 10.0)})
    assert overhead.main([]) == 0
    assert overhead.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert "missed: add tracked: the median ratio over the sizes is 0.55; the target is 0.50" in out
    assert out.count("missed: ") == 2 and "above 0.50" in out


def test_without_torch_there_are_figures_but_nothing_to_compare(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(timing, "ROUND_S", 1e-5)
    monkeypatch.setattr(overhead, "SIZES", (8,))
    assert overhead.main(["--rounds", "2"]) == 0
    assert overhead.main(["--rounds", "2", "--check"]) == 2
    out = capsys.readouterr().out
    assert "torch is not installed: absolute figures only" in out and "ratio " not in out
