"""Where a run lies, what it learns from, and what it shows."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest

from gpugrad.data import load
from gpugrad.errors import ArgumentError, CheckpointError, NonFiniteError, StorageError
from gpugrad.train import Config, load_run, plot_history, run
from gpugrad.train.folder import create_folder, find_checkpoint
from gpugrad.train.preparing import prepare
from gpugrad.train.progress import BarProgress, PlainProgress, progress_for, record_text
from gpugrad.train.training import Training

QUICK = {"epochs": 3, "hidden": (8,), "device": "cpu"}


def test_new_runs_get_the_next_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(create_folder(None, "digits")) for _ in range(2)] == ["runs/digits-1", "runs/digits-2"]
    (tmp_path / "runs" / "digits-1").rmdir()
    assert str(create_folder(None, "digits")) == "runs/digits-1"


def test_a_folder_with_other_files_serves_and_one_with_a_run_does_not(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert create_folder(tmp_path, "x") == tmp_path
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(StorageError, match=r"holds a run already \(metrics\.jsonl\); name another folder with --out$"):
        create_folder(tmp_path, "x")


def a_run_that_began(folder):
    """What is left of one that failed before its first checkpoint."""
    (folder / "config.json").write_text('{"config": {}, "preprocessor": {}, "fingerprint": "x"}')
    for name in ("metrics.jsonl", "curve.png", "notes.txt"):
        (folder / name).write_text("old")


def test_the_folder_of_a_run_that_saved_nothing_is_taken_over(tmp_path):
    a_run_that_began(tmp_path)
    assert create_folder(tmp_path, "x") == tmp_path
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "notes.txt"}


@pytest.mark.parametrize(
    ("kept", "advice"),
    [("last.safetensors", "go on with it by --resume"), ("best.safetensors", "name"), ("result.json", "name")],
)
def test_what_a_run_saved_is_never_taken_over(kept, advice, tmp_path):
    a_run_that_began(tmp_path)
    (tmp_path / kept).write_text("precious")
    with pytest.raises(StorageError, match=rf"holds a run already \(config\.json, .*{kept}\); {advice}"):
        create_folder(tmp_path, "x")
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"\xff", b"not JSON", b'{"config": {}, "fingerprint": ""}'])
def test_the_settings_of_another_program_are_not_written_over(content, tmp_path):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"\(config\.json\); name another folder"):
        create_folder(tmp_path, "x")


def test_a_run_that_failed_may_be_tried_again_in_its_folder(tmp_path):
    """As after a learning rate that was too high: the second run is as one in an empty folder."""
    with pytest.raises(NonFiniteError):
        run(Config("iris", lr=1e30, clip_norm=0.0, out=str(tmp_path / "a"), **QUICK))
    assert (tmp_path / "a" / "config.json").exists()
    again, fresh = (run(Config("iris", out=str(tmp_path / name), **QUICK)) for name in "ab")
    assert again.held_out.values == fresh.held_out.values
    assert len((tmp_path / "a" / "metrics.jsonl").read_text().splitlines()) == QUICK["epochs"]


def test_a_checkpoint_is_found_by_folder_or_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no best\.safetensors"):
        find_checkpoint(tmp_path, "best.safetensors")
    (tmp_path / "best.safetensors").write_bytes(b"")
    assert find_checkpoint(tmp_path, "best.safetensors") == find_checkpoint(tmp_path / "best.safetensors", "other")


def test_statistics_come_from_the_training_part_alone():
    """Rows that are validated or held out have no part in mean and deviation, nor in each other."""
    config = Config("breast_cancer", seed=3)
    prepared = prepare(config)
    X = prepared.training[0]
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-5)
    sizes = [len(part[0]) for part in (prepared.training, prepared.validation, prepared.held_out)]
    assert sum(sizes) == 569 and sizes[2] == 114
    shares = [part[1].mean() for part in (prepared.training, prepared.validation, prepared.held_out)]
    assert max(shares) - min(shares) < 0.02  # stratified
    rows = [{row.tobytes() for row in part[0]} for part in (prepared.training, prepared.validation, prepared.held_out)]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])


def test_the_fingerprint_is_of_data_and_split():
    prints = {prepare(Config("iris", seed=seed)).fingerprint() for seed in (0, 0, 1)}
    assert len(prints) == 2


def test_a_run_predicts_from_arrays_and_its_folder(tmp_path):
    outcome = run(Config("iris", out=str(tmp_path / "a"), **QUICK))
    trained = load_run(tmp_path / "a", device="cpu")
    assert trained.evaluate().values == outcome.held_out.values
    predictions = trained.predict(load("iris"))
    assert predictions.values.shape == (150,) and set(predictions.values) <= set(trained.preprocessor.classes)
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1)
    same = load_run(tmp_path / "a" / "best.safetensors").predict("iris")
    assert (same.probabilities == predictions.probabilities).all()


def test_a_checkpoint_that_is_no_run_says_so(tmp_path):
    from gpugrad.train import save_checkpoint

    save_checkpoint(tmp_path / "best.safetensors", {"model": {"w": np.ones(1)}})
    with pytest.raises(CheckpointError, match="says nothing of its data and settings"):
        load_run(tmp_path)


HISTORY = [
    {"epoch": i, "train_loss": 1 / i, "train_accuracy": 1 - 0.5 / i, "val_loss": 1.2 / i, "val_accuracy": 0.9}
    for i in (1, 2, 3, 4, 5)
]


def test_the_curve_is_a_png_and_matplotlib_keeps_no_state(tmp_path):
    import matplotlib

    backend = matplotlib.get_backend()
    plot_history(HISTORY, tmp_path / "curve.png", title="x", best_epoch=4)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert matplotlib.get_backend() == backend
    with pytest.raises(ArgumentError, match="history is empty"):
        plot_history([], tmp_path / "none.png")


def test_records_read_well():
    assert record_text(HISTORY[0]) == "loss 1.0000  accuracy 50.0 %   validation loss 1.2000  accuracy 90.0 %"
    assert record_text({"epoch": 1, "train_r2": 0.5, "train_loss": float("nan")}) == "R^2 0.5000  loss -"


def test_a_terminal_gets_a_bar_and_a_pipe_plain_lines():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert isinstance(progress_for(io.StringIO()), PlainProgress)
    terminal = Terminal()
    bar = progress_for(terminal)
    assert isinstance(bar, BarProgress)
    training = Training(None, None, None, [0] * 10, epochs=5, history=HISTORY[:2], epoch=2, step=20)
    bar.on_train_begin(training)
    bar.on_batch_end(training)
    bar.on_train_end(training)
    bar.close()
    shown = terminal.getvalue()
    assert "epoch 2/5" in shown and "accuracy 75.0 %" in shown and "left" in shown


def test_plain_lines_are_about_twenty(capsys):
    history = [{"epoch": i, "train_loss": 1.0, "samples_per_s": 1e4} for i in range(1, 101)]
    progress = PlainProgress()
    for i in range(100):
        progress.on_epoch_end(Training(None, None, None, [], epochs=100, history=history[: i + 1], epoch=i + 1))
    lines = capsys.readouterr().err.splitlines()
    assert 15 < len(lines) < 25
    assert lines[-1] == "epoch 100/100   loss 1.0000   10,000 samples/s"


def test_result_and_log_are_strict_json(tmp_path):
    run(Config("diabetes", out=str(tmp_path), **QUICK))
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        assert set(json.loads(line)) >= {
            "epoch",
            "step",
            "lr",
            "train_loss",
            "train_r2",
            "val_loss",
            "val_r2",
            "seconds",
        }
    assert set(json.loads((tmp_path / "result.json").read_text())["held_out"]) == {"loss", "r2", "rmse", "rows"}


def test_importing_training_imports_no_optional_package(root):
    program = """
import sys
import gpugrad.train
heavy = {"rich", "typer", "safetensors", "matplotlib", "sklearn", "scipy", "cupy", "pyarrow", "ml_dtypes"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
