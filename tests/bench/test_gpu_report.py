"""What bench/gpu writes is read by bench/report: its own row, worker and writer, on the CPU's stand-in for a card."""

import pytest

from bench import command
from bench.gpu import results, stages, timings
from bench.gpu import worker as gpu_worker
from bench.gpu.cases import Case
from bench.report.load import load
from bench.suites.row import Run, row_of

pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
from tests.bench.test_gpu_timings import FewPeers, card
from tests.host_cuda.fixture import host

__all__ = ["card", "host"]
CARD = {"gpu": "NVIDIA H200", "memory_bytes": 2**37, "driver": "570.1", "multiprocessors": 132}


def probed():
    return [
        ("copy 2^28 bytes", lambda: {"bytes_per_s": 4e12}),
        ("gemm float32 8192^3", lambda: {"flop_per_s": 5e13}),
        ("sm_90a by option", lambda: {"text": "yes"}),
    ]


def stage_rows(document, stage, rows, folder):
    """As bench/gpu/__main__.py does after a stage: the worker's lines, read and added."""
    lines = folder / f"{stage}.jsonl"
    assert gpu_worker.work(rows, lines, lambda: True) == 0
    (found,) = (s for s in stages.STAGES if s.module == stage)
    told = {"stage": stage, "how": "done", "seconds": 1.0}
    results.add(document, told, stages.rows_of(found, lines, "done"))


@pytest.fixture
def written(card, tmp_path, monkeypatch):
    """The path of a file by the real writer."""
    monkeypatch.setattr(results, "card", lambda: CARD)
    document = results.beginning()
    peers = FewPeers(card)
    cases = [Case("tanh_grad", "float32", (1031,)), Case("train_step", "float32", (33, 8))]
    stage_rows(document, "probe", probed(), tmp_path)
    rows = [(case.name, lambda case=case: timings.row(peers, case, rounds=3)) for case in cases]
    rows.append(("adam float32 7", lambda: {}["no such card"]))
    stage_rows(document, "timings", rows, tmp_path)
    path = results.path_for(document, tmp_path)
    results.write(document, path)
    return path


def test_its_file_joins_a_report_with_one_of_the_cpu(written, tmp_path):
    pytest.importorskip("matplotlib")
    run = load(written)
    assert run.device == "cuda:0" and run.machine["gpu"] == "NVIDIA H200" and run.settings["precision"]
    assert run.ceilings["copy"]["per_s"] == 4e12 and run.ceilings["gemm float32"]["per_s"] == 5e13
    by_name = {row.name: row for row in run.rows}
    assert by_name["tanh_grad"].times["gpugrad"].median > 0 and by_name["tanh_grad"].bytes > 0
    assert by_name["tanh_grad"].notes["wrong"].startswith("wrong: off by") and "wrong" not in by_name["tanh_grad"].times
    assert by_name["tanh_grad"].notes["jax"] == "not installed" and by_name["tanh_grad"].params == {
        "shape": "float32 1031"
    }
    assert by_name["adam"].notes[""].startswith("not measured: KeyError") and not by_name["adam"].times
    cpu = Run("cpu", {"id": "a", "cpu": "some CPU"}, {}, {}, "c", "k", "2026-01-01T00:00:00+00:00")
    cpu.rows.append(row_of("train", "64-32-10", {"gpugrad": [1.0, 2.0], "torch": [2.0, 3.0]}, params={"batch": 32}))
    cpu.save(tmp_path / "cpu.json")
    for files in ([written, tmp_path / "cpu.json"], [tmp_path / "cpu.json", written]):
        assert command.report(files, tmp_path / "page", readme=False) == 0
        text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
        assert "NVIDIA H200" in text and "tanh_grad" in text and "64-32-10" in text and "no such card" in text
