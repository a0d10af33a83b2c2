"""bench/suites/row.py: the file of a run, suites put in place of others, and ratios."""

import pytest

from bench.suites.row import BenchError, Fit, Ratio, Row, Run, Stat, ratio_of, row_of


def some_run(*rows, **more):
    given = {"device": "cpu", "machine": {"id": "a"}, "settings": {"suite": "tiny", "threads": 1}, "versions": {}}
    return Run(
        **{**given, "commit": "c", "kernels": "k", "started": "2026-01-01T00:00:00+00:00", **more}, rows=list(rows)
    )


def test_a_file_is_read_as_it_was_written(tmp_path):
    row = row_of("a", "b", {"gpugrad": [1.0, 2.0, 3.0], "torch": [2.0, 4.0, 6.0]}, params={"n": 3}, bytes=8, flop=2)
    fit = Fit("a", "b", "n", [1.0, 2.0], [0.1, 0.2], Stat(1.0, 0.9, 1.1, 3), 1.0)
    before = some_run(row, Row("a", "empty"), fits=[fit], missing={"jax": "not installed"})
    before.save(tmp_path / "deep" / "run.json")
    assert Run.load(tmp_path / "deep" / "run.json") == before


def test_suites_measured_again_keep_their_own_ceilings_and_say_how_they_were_measured():
    slow, fast = ({"copy": {"per_s": x, "unit": "bytes"}} for x in (7.0, 8.0))
    fits = [Fit(suite, "f", "n", [1.0, 2.0], [0.1, 0.2], Stat(1.0, 0.9, 1.1, 3), 1.0) for suite in ("train", "scale")]
    first = some_run(Row("train", "a"), Row("scale", "b"), ceilings=slow, fits=fits)
    later = some_run(Row("scale", "c"), Row("ceilings", "copy"), ceilings=fast, fits=[])
    later.settings = {"only": ["scale"], "seed": 5, "drift_ms": [1.0, 2.0], "others": 0.7}
    both = first.merged(some_run()).merged(later).merged(later)
    assert [r.name for r in both.rows] == ["a", "c"] and both.fits == fits[:1]
    assert both.ceilings == both.ceilings_of("train") == slow and both.ceilings_of("scale") == fast
    assert [part["suites"] for part in both.again] == [["scale"]]
    assert both.again[0]["settings"] == {"seed": 5, "drift_ms": [1.0, 2.0], "others": 0.7}


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other"}', '{"format": "gpugrad-bench-1", "rows": []}'])
def test_another_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=r"other\.json: not a file of gpugrad bench"):
        Run.load(path)
    with pytest.raises(BenchError, match="none"):
        Run.load(tmp_path / "none.json")


def test_the_ratio_is_that_of_the_fastest_peer_round_by_round():
    rounds = {"gpugrad": [1.0, 2.0, 4.0], "jax": [9.0, 9.0, 9.0], "torch": [3.0, 6.0, 12.0], "bare NumPy": [0.1] * 3}
    assert ratio_of(rounds) == Ratio("torch", 3.0, 3.0, 3.0)
    assert ratio_of({"gpugrad": [1.0], "gpugrad compiled": [0.5], "ceiling": [0.1]}) is None
    both = {"gpugrad": [2.0] * 3, "gpugrad compiled": [1.0] * 3, "jax": [4.0] * 3}
    row = row_of("train", "net", both, ours="gpugrad compiled")
    assert row.ratio.median == 4.0 and list(row.peers) == ["jax"]


def test_quartiles():
    assert Stat.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Stat(3.0, 2.0, 4.0, 5)
    assert Stat.of([7.0]) == Stat(7.0, 7.0, 7.0, 1)
