"""The commands from end to end, on small data."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from .conftest import QUICK, write_rows, write_table

FILES = {"best.safetensors", "config.json", "curve.png", "last.safetensors", "metrics.jsonl", "result.json"}


def last_line(done):
    assert done.code == 0, done.err
    return done.out.splitlines()[-1]


def test_train_evaluate_and_predict_agree(call, tmp_path):
    """One table through all three: predictions on the rows held out are as good as training's last line says."""
    rows = write_table("animals.csv")
    done = call("train", "animals.csv", "--target", "kind", "--epochs", 20, "--hidden", 16, "--device", "cpu")
    line = last_line(done)
    accuracy = float(re.fullmatch(r"held-out accuracy ([\d.]+) % \(cross entropy [\d.e-]+, 24 rows\)", line)[1])
    assert accuracy > 60
    assert "column 'same' constant in the training part" in done.err
    assert "1 missing value in 'size' filled with the training median" in done.err
    assert "classification: 86 to train, 10 to validate, 24 held out; layers 5 -> 16 -> 2, float32 on cpu" in done.err
    run = tmp_path / "runs" / "animals-1"
    assert {path.name for path in run.iterdir()} == FILES
    assert last_line(call("evaluate", run)) == line

    from gpugrad.data import load

    held_out = load("animals.csv", "kind").split((0.72, 0.08, 0.2), 0)[2]
    write_rows("new.csv", [rows[i] for i in held_out])
    assert last_line(call("evaluate", run, "new.csv")) == line.removeprefix("held-out ")
    found = list(csv.DictReader(io.StringIO(call("predict", run, "new.csv").out)))
    truth = [next(csv.reader([rows[i]]))[-1] for i in held_out]
    assert list(found[0]) == ["predicted_kind", "probability_big, heavy", "probability_small"]
    right = np.mean([row["predicted_kind"] == kind for row, kind in zip(found, truth, strict=True)])
    assert 100 * right == pytest.approx(accuracy, abs=0.01)
    for row in found:
        p = {kind: float(row[f"probability_{kind}"]) for kind in ("big, heavy", "small")}
        assert sum(p.values()) == pytest.approx(1, abs=1e-5)
        assert max(p, key=p.get) == row["predicted_kind"]


def test_predict_needs_no_target_nor_order_and_writes_where_it_is_told(call, tmp_path):
    write_table("animals.csv", n=60)
    last_line(call("train", "animals.csv", "--target", "kind", *QUICK))
    with open("other.csv", "w") as file:
        file.write("color,extra,weight,size,same\nblue,x,60,5,7\nred,y,,,7\n")
    done = call("predict", "runs/animals-1", "other.csv", "-o", "out.csv")
    assert (done.code, done.out) == (0, "")
    assert "2 predictions in out.csv" in done.err
    assert "hold a text not seen in training ('blue')" in done.err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


def test_regression_is_in_the_units_of_the_data(call):
    x = np.random.default_rng(0).uniform(0, 10, 200)
    with open("line.csv", "w") as file:
        file.write("x,price\n" + "".join(f"{v},{5000 + 300 * v}\n" for v in x))
    arguments = ("--target", "price", "--hidden", "32", "--epochs", 60, "--device", "cpu", "--out", "here")
    line = last_line(call("train", "line.csv", *arguments))
    score, rmse = map(float, re.search(r"R\^2 ([\d.]+) \(loss [\d.e-]+, rmse ([\d.]+), 40 rows\)", line).groups())
    assert score > 0.95 and rmse < 250
    assert last_line(call("evaluate", "here")) == line
    (row,) = [row for row in csv.DictReader(io.StringIO(call("predict", "here", "line.csv").out))][:1]
    assert list(row) == ["predicted_price"]
    assert float(row["predicted_price"]) == pytest.approx(5000 + 300 * x[0], abs=900)


def test_runs_are_numbered_and_say_what_came_out(call, tmp_path):
    for n in (1, 2):
        last_line(call("train", "iris", *QUICK))
        run = tmp_path / "runs" / f"iris-{n}"
        result = json.loads((run / "result.json").read_text())
        assert result["held_out"]["rows"] == 30 and result["epochs"] == 2
    config = json.loads((run / "config.json").read_text())
    assert config["config"]["hidden"] == [8] and config["preprocessor"]["target"]["classes"][0] == "setosa"
    assert set(config["versions"]) == {"gpugrad", "python", "numpy", "platform"}
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_run(call, tmp_path):
    seeds = {"a": 3, "b": 3, "c": 4}
    runs = [call("train", "wine", *QUICK, "--seed", seed, "--out", name) for name, seed in seeds.items()]
    assert runs[0].out == runs[1].out
    weights = [(tmp_path / name / "best.safetensors").read_bytes()[-400:] for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_compiled_or_not_the_run_is_the_same(call, tmp_path):
    """By the executor on NumPy, bit for bit; and a run may be resumed the other way."""
    compiled = call("train", "wine", *QUICK, "--out", "a")
    written = call("train", "wine", *QUICK, "--out", "b", "--no-compile")
    assert last_line(compiled) == last_line(written)
    weights = [(tmp_path / name / "best.safetensors").read_bytes()[-400:] for name in "ab"]
    assert weights[0] == weights[1]
    assert re.search(r"^compiled in \d+\.\d+ s; executor: numpy \(NumPy.*\)$", compiled.err, re.MULTILINE)
    assert "\nnot compiled: as asked for\n" in written.err
    assert last_line(call("train", "--resume", "a", "--no-compile")) == last_line(compiled)


def test_only_what_is_used_is_imported(tmp_path, root):
    """Before the first step neither plotting nor scikit-learn, each of which takes longer than all the rest."""
    script = (
        "import sys; from gpugrad.cli import main; from gpugrad.train.training import Training\n"
        "heavy = {'matplotlib', 'sklearn', 'scipy', 'rich'}\n"
        "def end(self, *batch): print(sorted(heavy & set(sys.modules))); sys.exit()\n"
        "Training.count = end; main(['train', 'digits', '--device', 'cpu', '--epochs', '1'])"
    )
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_other_dtypes_train(call, dtype):
    line = last_line(call("train", "iris", "--dtype", dtype, "--epochs", 15, "--device", "cpu"))
    assert float(line.split()[2]) > 60
    assert last_line(call("evaluate", "runs/iris-1")) == line


@pytest.mark.parametrize(
    "options",
    [
        ("--optimizer", "sgd", "--schedule", "onecycle"),
        ("--optimizer", "adam", "--schedule", "step", "--norm", "batch", "--batch-size", "15"),
        ("--optimizer", "rmsprop", "--schedule", "plateau", "--norm", "layer", "--activation", "gelu"),
        ("--schedule", "constant", "--dropout", "0", "--clip-norm", "0", "--hidden", "none", "--patience", "0"),
        ("--task", "regression", "--label-smoothing", "0"),
    ],
    ids=str,
)
def test_options(call, options):
    assert last_line(call("train", "iris" if "regression" not in options else "diabetes", *QUICK[:2], *options))


def test_npz_and_idx_bring_their_own_held_out_part(call):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(0, 2, 80)
    np.savez("parts.npz", X=X[:50], y=y[:50], X_test=X[50:], y_test=y[50:])
    assert last_line(call("train", "parts.npz", *QUICK)).endswith("30 rows)")


def test_the_fallback_to_the_cpu_is_one_line_with_the_reason(call, monkeypatch):
    monkeypatch.setattr("gpugrad.backend.cupy.unavailable_reason", lambda: "no device; check nvidia-smi")
    done = call("train", "iris", *QUICK[:-2])
    assert done.err.splitlines()[0] == "on the CPU: no device; check nvidia-smi"


def test_info_names_versions_device_threads_and_kernels(call):
    out = last_line(call("info")) and call("info").out
    for word in ("gpugrad", "Python", "NumPy", np.__version__, "device", "BLAS", "kernels", "hash", "safetensors"):
        assert word in out


def test_datasets_help_and_version(call):
    assert "handwritten digits" in call("datasets").out
    assert "train" in call().out
    assert "--weight-decay" in call("train", "--help").out
    assert re.fullmatch(r"gpugrad \d+\.\d+.*\n", call("--version").out)


def test_every_setting_of_a_run_is_an_option(call):
    import dataclasses

    from gpugrad.train import Config

    text = call("train", "--help").out
    names = {field.name for field in dataclasses.fields(Config)} - {"source"}
    assert {name for name in names if "--" + name.replace("_", "-") not in text} == set()


def start(tmp_path, root, *arguments):
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gpugrad", *arguments]
    return subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_saves_and_the_line_it_prints_goes_on(call, tmp_path, root):
    """A real process and a real signal; the resumed run equals one that was left alone."""
    options = ("train", "iris", "--device", "cpu", "--epochs", "250", "--patience", "0", "--hidden", "8")
    process = start(tmp_path, root, *options, "--out", "run")
    log = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert out == "gpugrad train --resume run\n"
    assert re.search(r"interrupted after epoch \d+, and saved; go on with:\n$", err)
    assert "Traceback" not in err
    assert 0 < len(log.read_text().splitlines()) < 250
    assert not (tmp_path / "run" / "result.json").exists()
    ended, whole = call(*out.split()[1:]), call(*options, "--out", "whole")
    assert last_line(ended) == last_line(whole)
    records = [
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("run", "whole")
    ]
    for a, b in zip(*records, strict=True):
        assert {**a, "seconds": 0, "samples_per_s": 0} == {**b, "seconds": 0, "samples_per_s": 0}


def test_resume_refuses_other_settings_and_finishes(call):
    last_line(call("train", "iris", *QUICK, "--out", "run"))
    done = call("train", "--resume", "run", "--lr", "0.1")
    assert (done.code, done.err) == (
        2,
        "error: --lr: a resumed run keeps its settings; leave it out, or train anew without --resume\n",
    )
    assert last_line(call("train", "--resume", "run", "--device", "cpu")) == last_line(call("evaluate", "run"))


def test_python_m_gpugrad_in_a_pipe(tmp_path, root):
    out, err = start(tmp_path, root, "train", "wine", *QUICK).communicate(timeout=60)
    assert re.fullmatch(r"held-out accuracy [\d.]+ % \(cross entropy [\d.]+, 36 rows\)\n", out)
    assert "epoch 2/2   loss " in err and "samples/s" in err
