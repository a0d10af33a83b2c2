"""bench/gpu: the card behind the face of the tests, tests shared out, the sanitizer's words, and a bare machine."""

import subprocess
import sys
import time

import numpy as np
import pytest

from bench.gpu import correctness, probe, sanitizer, stages, warming
from bench.gpu.arrays import from_card, to_card
from bench.gpu.worker import NotPresent

pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
ml_dtypes = pytest.importorskip("ml_dtypes")
from bench.gpu.on_card import OnCard  # noqa: E402
from tests.bench.pretend_card import HOST_CUPY, HostRuntime, PretendCard, pretended  # noqa: E402
from tests.host_cuda.fixture import host  # noqa: E402

__all__ = ["host"]

DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int64, np.bool_)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: np.dtype(t).name)
def test_arrays_keep_values_dtype_and_layout(dtype):
    base = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for a in (
        base,
        base.T,
        base.swapaxes(1, 2),
        base[:, ::2],
        base[1, 2, 3],
        base[:0],
        np.broadcast_to(base[0, :1], (3, 4)),
    ):
        there = to_card(HOST_CUPY, a)
        assert there.dtype == a.dtype and there.shape == a.shape
        np.testing.assert_array_equal(from_card(there), a)
    assert to_card(HOST_CUPY, base.swapaxes(1, 2)).strides == base.swapaxes(1, 2).strides
    assert to_card(HOST_CUPY, np.broadcast_to(base[0, :1], (3, 4))).strides[0] == 0


def test_what_is_written_into_the_mirror_of_an_array_goes_to_the_card():
    with pretended():
        card = OnCard(HostRuntime())
        big = card.array(np.zeros((4, 5), ml_dtypes.bfloat16))
        card.numpy(big[1:3, 2:4])[...] = 7
        card.numpy(big)[0] = 1
        copy = card.numpy(big).copy()
        copy[...] = 9
        np.testing.assert_array_equal(card.numpy(big).sum(0), [1, 1, 15, 15, 1])


def test_launches_are_counted_and_what_nobody_writes_shows():
    from gpugrad.cuda import elementwise

    with pretended(), OnCard(HostRuntime()).current() as card:
        y = elementwise.relu(card.array(np.array([-1.0, 2.0], np.float32)))
        np.testing.assert_array_equal(card.numpy(y), [0, 2])
        assert card.launched("act_fwd<Relu") == 1 and card.limits() == card.device
        np.testing.assert_array_equal(card.numpy(card.empty((3,), np.float32)), [-1, -1, -1])  # the pretended fill


@pytest.mark.slow
def test_tests_are_shared_out_and_run_on_the_pretended_card(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p tests.bench.pretend_card")
    monkeypatch.setenv("GPUGRAD_TEST_DEVICE", "cuda")
    ended = correctness.share_out(
        ["tests/cuda/test_outer.py", "tests/cuda/test_gemm.py"], time.monotonic() + 120, tmp_path, 2
    )
    found = correctness.gathered(tmp_path)
    assert ended, (tmp_path / "pytest.log").read_text()
    assert found["passed"] > 100 and "failed" not in found and "lost" not in found
    assert found["files"]["tests/cuda/test_gemm.py"]["skipped"] == 4
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


TESTS = """
import os, time, pytest
@pytest.mark.parametrize("i", range(6))
def test_good(i): time.sleep(0.02)
def test_bad(): assert 1 == 2, "as it must"
@pytest.mark.skip(reason="not here")
def test_skipped(): pass
def test_dies(): os._exit(70)
def test_after(): pass
"""


def test_each_test_runs_once_whatever_becomes_of_the_processes(tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    share = tmp_path / "share"
    share.mkdir()
    assert correctness.share_out([str(tmp_path / "test_some.py"), "-c", str(tmp_path / "pytest.ini")],
                                 time.monotonic() + 60, share, 2)  # fmt: skip
    found = correctness.gathered(share)
    assert (found["passed"], found["failed"], found["skipped"], found["lost"]) == (7, 1, 1, 1)
    messages = {f["test"].split("::")[1]: f["message"] for f in found["failures"]}
    assert messages["test_dies"] == "begun, not ended" and "as it must" in messages["test_bad"]
    assert found["skips"] == {"Skipped: not here": 1}


def test_a_run_out_of_time_or_without_a_test_is_a_failure(monkeypatch):
    def ends(*args):
        (args[2] / "pytest.log").write_text("ImportError: no module")
        return False

    monkeypatch.setattr(correctness, "share_out", ends)
    row = correctness.checked(["tests/cuda"], 0.0)
    assert row["state"] == "failed"
    assert row["error"] == "out of time: not all tests were run; no test passed: ImportError: no module"


# --- the probe


class PretendCuPy:
    """The stand-in's CuPy with raw kernels that do next to nothing."""

    def __getattr__(self, name):
        return getattr(HOST_CUPY, name)

    def RawKernel(self, code, name, options=()):
        def launch(grid, block, args):
            if name == "fence":
                args[0][0] = 1

        launch.kernel = launch
        return launch


@pytest.fixture
def made(host, monkeypatch):
    """A probe of the pretended card, small."""
    monkeypatch.setattr(probe, "GEMM_SIDE", 8)
    monkeypatch.setattr(probe, "host_us", lambda call, wait: [call(), {"us": 1.0}][1])
    monkeypatch.setattr(probe, "SIDE", 8)
    found = probe.Probe()
    found.card = PretendCard(host)
    found.card.cupy = PretendCuPy()
    return found


NEEDS_A_CARD = {"copy 2^28 bytes", "cuBLAS version"}


@pytest.mark.parametrize("name", [name for name in probe.ROWS if name not in NEEDS_A_CARD])
def test_rows_of_the_probe(made, name):
    row = probe.ROWS[name](made)
    assert row and row.get("state", "ok") == "ok", row


def test_a_replay_that_gives_old_values_is_seen(made):
    def graph(run):
        first = run()
        return lambda: first

    made.card.graph = graph
    assert made.graph_of_ours()["state"] == "failed"


def test_host_costs_are_of_one_call():
    calls = []
    found = probe.host_us(lambda: calls.append(0), lambda: calls.append(1), calls=100)
    assert calls.count(0) == 150 and calls.count(1) == 6 and 0 < found["least_us"] <= found["us"] < 1000


# --- compute-sanitizer

GOOD = "{'differing': [], 'cases': 22, 'runs': 1}\n"


@pytest.mark.parametrize(
    ("output", "code", "state"),
    [
        (GOOD + "========= ERROR SUMMARY: 0 errors", 0, None),
        (GOOD + "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)", 0, None),
        (GOOD + "========= ERROR SUMMARY: 3 errors", 86, "failed"),
        (GOOD + "========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)", 86, "failed"),
        ("Traceback\n========= ERROR SUMMARY: 0 errors", 1, "failed"),
        (GOOD, 0, "failed"),
    ],
)
def test_the_words_of_the_sanitizer(output, code, state):
    assert sanitizer.verdict(output, code).get("state") == state


def test_a_sanitizer_that_is_not_there_is_not_present(monkeypatch, tmp_path):
    monkeypatch.setattr(sanitizer.shutil, "which", lambda name: None)
    monkeypatch.setattr(sanitizer.sysconfig, "get_paths", lambda: {"purelib": str(tmp_path)})
    monkeypatch.setattr(sanitizer, "_FOLDERS", (f"{tmp_path}/cuda*/bin",))
    with pytest.raises(NotPresent, match="not on PATH"):
        sanitizer.find()
    (tmp_path / "cuda-13" / "bin").mkdir(parents=True)
    (tmp_path / "cuda-13" / "bin" / "compute-sanitizer").write_text("")
    assert sanitizer.find() == str(tmp_path / "cuda-13" / "bin" / "compute-sanitizer")


def test_warming_is_over_in_time(monkeypatch):
    monkeypatch.setattr(warming, "_WORDS", (sys.executable, "-c", "import time; time.sleep(60)"))
    began = time.monotonic()
    assert warming.warmed(began + 0.5)["ended"] == 0
    assert time.monotonic() - began < 20


# --- a machine that has CuPy, PyTorch, JAX, pytest and no more

BARE = """
import sys
absent = {"hypothesis", "xdist", "pytest_benchmark", "rich", "typer", "safetensors", "matplotlib", "sklearn", "nvmath",
          "scipy", "threadpoolctl", "yaml"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
import bench.gpu.__main__
from bench.gpu import *
from bench.gpu import correctness, ours, on_card, probe, sanitizer, small, stages, timings, training, warming
assert not absent & {name.split(".")[0] for name in sys.modules}
assert training.digits()[0].shape == (1797, 64) and len(training.train("cpu", 1)[0]) > 20
import pytest
sys.exit(pytest.main([*correctness.PYTEST[2:], *correctness.OPTIONS, "--collect-only", *correctness.TESTS]))
"""


def test_a_bare_machine_can_run_the_suite(monkeypatch):
    env = stages.environment(stages.ROOT) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BARE], cwd=stages.ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(done.stdout.splitlines()[-1].split()[0].split("/")[-1]) > 1000, done.stdout[-300:]
