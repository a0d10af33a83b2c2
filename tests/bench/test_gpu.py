"""bench/gpu: rows, stages, the document and its table; what is left when a row fails, hangs or takes all with it."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.gpu import __main__ as suite
from bench.gpu import results, stages, table, worker
from bench.gpu.cases import CASES
from bench.gpu.stages import STAGES, Stage
from bench.gpu.worker import CARD_LOST, NotPresent

DOCUMENT = {
    "date": "2030-01-02 03:04 UTC", "gpu": "NVIDIA H200", "driver": "999.1", "runtime_cuda": 13000, "commit": "c0ffee",
    "dirty": True, "kernels": "abc", "versions": {"python": "3.12"}, "precision": "float32 in float32", "stages": [],
    "rows": [],
}  # fmt: skip


def document():
    return json.loads(json.dumps(DOCUMENT))


# --- one process


def boom():
    raise ValueError("boom")


def absent():
    raise NotPresent("no such tool")


def test_a_row_never_raises():
    assert worker.run_row(lambda: {"us": 1.0})["state"] == "ok"
    failed = worker.run_row(boom)
    assert (failed["state"], failed["error"]) == ("failed", "ValueError: boom") and "in boom" in failed["traceback"]
    assert worker.run_row(absent)["state"] == "not run"
    assert worker.run_row(lambda: {"state": "failed", "error": "off"})["error"] == "off"


def test_rows_are_on_disk_one_by_one_and_not_run_twice(tmp_path):
    path, ran = tmp_path / "rows", []
    rows = [("a", lambda: ran.append("a") or {}), ("b", boom), ("c", lambda: ran.append("c") or {})]
    assert worker.work(rows, path, answers=lambda: False) == CARD_LOST
    assert worker.work(rows, path, answers=lambda: False) == 0
    assert ran == ["a", "c"]
    with path.open("a") as file:
        file.write('{"cut o')
    found = stages.rows_of(Stage("s", 1, ""), path, "done")
    assert [(r["name"], r["state"]) for r in found] == [("a", "ok"), ("b", "failed"), ("c", "ok")]


@pytest.mark.parametrize(
    ("error", "lost"), [("cudaErrorIllegalAddress: x", True), ("cudaErrorInsufficientDriver: x", False)]
)
def test_a_fault_that_stays_loses_the_card(monkeypatch, error, lost):
    def synchronize():
        raise RuntimeError(error)

    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(deviceSynchronize=synchronize)))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert worker.card_answers() is not lost


# --- stages in processes

SCRIPT = """
import os, sys, time
from pathlib import Path
from bench.gpu.worker import work
def die(): os._exit(9)
rows = {"good": [("one", lambda: {"us": 1.5}), ("two", lambda: 1 / 0)],
        "dying": [("one", lambda: {}), ("two", die), ("three", lambda: {})],
        "hanging": [("one", lambda: {}), ("two", lambda: time.sleep(60)), ("three", lambda: {})]}
stage, path, _ = sys.argv[1:]
sys.exit(3 if stage == "broken" else work(rows[stage], Path(path)))
"""


def run_all(tmp_path, *chosen):
    script = tmp_path / "stage.py"
    script.write_text(SCRIPT)
    found, path = document(), tmp_path / "out" / "result.json"
    suite.run(chosen, found, path, (sys.executable, str(script)))
    assert json.loads(path.read_text()) == found
    return {(r["stage"], r["name"]): (r["state"], r.get("error", "")) for r in found["rows"]}, found, path


def test_what_fails_dies_hangs_or_does_not_start_is_recorded_and_the_next_stage_goes_on(tmp_path):
    chosen = (Stage("broken", 9, ""), Stage("hanging", 1.5, ""), Stage("dying", 9, ""), Stage("good", 9, ""))
    rows, found, path = run_all(tmp_path, *chosen)
    assert rows["broken", "broken"] == ("not run", "not reached: the stage ended with code 3 before its first row")
    assert rows["hanging", "one"][0] == "ok"
    assert rows["hanging", "two"] == ("lost", "begun, not ended: the stage out of time after 1.5 s")
    assert rows["hanging", "three"][0] == "not run"
    assert rows["dying", "two"] == ("lost", "the process ended with code 9") and rows["dying", "three"][0] == "ok"
    assert rows["good", "two"] == ("failed", "ZeroDivisionError: division by zero")
    assert [s["how"] for s in found["stages"]][2:] == ["done", "done"]
    assert suite.exit_code(found) == 1
    assert "division by zero" in path.with_suffix(".md").read_text()


def test_the_result_is_on_disk_before_the_first_stage_ends(tmp_path, monkeypatch):
    seen, path = [], tmp_path / "result.json"

    def killed(*args):
        seen.append(json.loads(path.read_text())["rows"])
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_stage", killed)
    with pytest.raises(KeyboardInterrupt):
        suite.run([Stage("good", 9, "")], document(), path)
    assert seen == [[]]


def test_the_stages_fit_into_eight_minutes_and_have_rows():
    assert sum(s.budget_s for s in STAGES) < 8 * 60
    for stage in STAGES:
        assert hasattr(__import__(f"bench.gpu.{stage.module}", fromlist=["rows"]), "rows")


def test_the_environment_pins_the_precision_and_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    env = stages.environment(tmp_path)
    assert "CUPY_TF32" not in env and env["GPUGRAD_TEST_DEVICE"] == "cuda"
    assert Path(env["PYTHONPATH"].split(":")[0]) == stages.ROOT


# --- the document


def test_without_a_card_it_says_why_and_ends_with_2(capsys, monkeypatch):
    monkeypatch.setattr(results, "card", lambda: {"gpu": "none", "reason": "no driver; install one"})
    assert suite.main([]) == 2
    assert "no driver; install one" in capsys.readouterr().err


def test_the_commit_is_gits_or_a_files_or_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    assert results.commit() == {"commit": "unknown", "dirty": None}
    (tmp_path / "COMMIT").write_text("abc\n")
    assert results.commit() == {"commit": "abc", "dirty": None}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    assert results.commit()["dirty"] is False and len(results.commit()["commit"]) == 40
    (tmp_path / "new").write_text("")
    assert results.commit()["dirty"] is True


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.1.06  Mon",
        "NVIDIA UNIX Open Kernel Module for x86_64  570.1.06  Rel",
    ],
)
def test_the_drivers_version_is_read_from_its_module(text):
    assert results.MODULE.search(text)[1] == "570.1.06"


def test_the_file_is_named_after_card_and_date(tmp_path):
    assert results.path_for(DOCUMENT, tmp_path) == tmp_path / "nvidia-h200-2030-01-02.json"


PROBED = [
    {"stage": "probe", "name": "copy 2^28 bytes", "state": "ok", "us": 125.0, "bytes_per_s": 4e12},
    {"stage": "probe", "name": "gemm float32 8192^3", "state": "ok", "flop_per_s": 5e13},
]
TIMED = [
    {
        "stage": "timings", "name": "a | b", "state": "ok", "dtype": "float32", "bytes": 4_000_000, "flop": 5_000_000,
        "contestants": {
            "gpugrad": {"us": 2.0, "low": 1.9, "high": 2.1, "off": 0.0},
            "PyTorch": {"us": 4.0, "low": 3.0, "high": 5.0, "off": 0.0},
            "jax.jit": {"error": "wrong: off by 1; not timed", "off": 1.0},
        },
        "choices": {"linear 64": "cuBLASLt (measured)"}, "absent": {},
    },
    {"stage": "timings", "name": "c", "state": "not run", "error": "not reached"},
]  # fmt: skip


def test_a_timing_is_told_as_a_share_of_the_measured_ceilings():
    found = document()
    results.add(found, {"stage": "probe", "how": "done", "seconds": 1.0}, json.loads(json.dumps(PROBED)))
    results.add(found, {"stage": "timings", "how": "done", "seconds": 1.0}, json.loads(json.dumps(TIMED)))
    assert found["ceilings"] == {"copy": 4e12, "float32": 5e13}
    row = found["rows"][2]
    assert row["roofline_us"] == pytest.approx(1.0)
    assert row["contestants"]["gpugrad"]["of_roofline"] == pytest.approx(0.5)
    page = table.markdown(found)
    assert "| a \\| b | gpugrad | 2.0 (1.9 to 2.1) | 50% | 2.00 |" in page
    assert "wrong: off by 1; not timed" in page and "| c | not run | not reached |  |  |" in page
    assert "geometric mean 2.00 over 1 rows; slower than the best peer in 0: none." in page
    assert "| linear 64 | cuBLASLt (measured) |" in page
    assert "c0ffee with changes not committed; kernels abc" in page


def test_the_table_is_made_again_from_the_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document()))
    assert suite.main(["--table", str(path)]) == 0
    assert (tmp_path / "x.md").read_text() == table.markdown(DOCUMENT)


def test_a_row_that_is_lost_is_named():
    row = json.loads(json.dumps(TIMED[0]))
    row["contestants"]["gpugrad"]["us"] = 8.0
    assert table.summary(document() | {"rows": [row]})[0].endswith("in 1: a | b.")
    assert table.summary(document()) == ["No row has times of both gpugrad and a peer."]


def test_the_page_of_what_is_unmeasured_is_that_of_the_rows(root):
    page = table.unmeasured()
    assert all(f"| timings | {case.name} | unmeasured |" in page for case in CASES)
    if not list((root / "bench" / "results").glob("*.json")):
        assert (root / "bench" / "results" / "README.md").read_text() == page, "run python -m bench.gpu --page"
