"""An interrupted run that is resumed ends as one that was never interrupted: bit for bit, on the CPU."""

import json

import numpy as np
import pytest

from gpugrad import nn, optim
from gpugrad.data import Loader, load
from gpugrad.errors import ArgumentError, CheckpointError
from gpugrad.nn import cross_entropy
from gpugrad.train import (
    Accuracy,
    Callback,
    Checkpoint,
    Config,
    EarlyStopping,
    MetricsLog,
    fit,
    load_checkpoint,
    load_run,
    resume,
    run,
)
from gpugrad.train.training import INTERRUPTED
from tests.train.nests import assert_same, assert_same_but_times

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] ** 2 > 0.7).astype(np.int64)


class InterruptAt(Callback):
    """Stop as Ctrl-C does, after so many batches in all."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, training):
        if training.step == self.step:
            training.stop(INTERRUPTED)


def train(folder, dtype="float32", norm=None, optimizer=optim.AdamW, epochs=10, stop_at=None, state=None):
    """Ten epochs of seven batches each, with everything that has a state."""
    folder.mkdir(exist_ok=True)
    model = nn.MLP([6, 16, 2], dropout=0.3, norm=norm, dtype=dtype, rng=1)
    rule = optimizer(model.parameters(), lr=1e-2)
    loader = Loader(X.astype(dtype), Y, batch_size=8, seed=5)

    def loss(outputs, y):
        return cross_entropy(outputs.astype("float32"), y)

    callbacks = [EarlyStopping(patience=8), MetricsLog(folder / "metrics.jsonl"), Checkpoint(folder, every_s=0)]
    training = fit(
        model,
        rule,
        loss,
        loader,
        epochs=epochs,
        validation=Loader(X[:20].astype(dtype), Y[:20], batch_size=20, shuffle=False),
        metric=Accuracy(),
        scheduler=optim.lr_scheduler.CosineAnnealingLR(rule, T_max=70),
        schedule_by="batch",
        scaler=optim.GradScaler(init_scale=2.0**18, growth_interval=9, enabled=dtype == "float16"),
        clip_norm=1.0,
        callbacks=[*callbacks, *([InterruptAt(stop_at)] if stop_at else [])],
        resume=state,
    )
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert log == training.history
    return training


def assert_resumed_is_whole(tmp_path, stops, **settings):
    whole = train(tmp_path / "whole", **settings)
    folder, state = tmp_path / "parts", None
    for stop in [*stops, None]:
        training = train(folder, stop_at=stop, state=state, **settings)
        assert training.stopped == INTERRUPTED or stop is None
        state = load_checkpoint(folder / "last.safetensors")
    assert_same_but_times(training.history, whole.history)
    assert_same_but_times(state, load_checkpoint(tmp_path / "whole" / "last.safetensors"))
    best = [load_checkpoint(path / "best.safetensors") for path in (folder, tmp_path / "whole")]
    assert_same_but_times(*best)
    assert_same(training.model.state_dict(), whole.model.state_dict())


@pytest.mark.parametrize("stops", [[35], [1], [38], [34, 36, 69], [70]], ids=str)
def test_resumed_is_bit_for_bit_the_undisturbed_run(tmp_path, stops):
    """Interrupted at an epoch's end (after its last batch, before validation) and within epochs, once and often."""
    assert_resumed_is_whole(tmp_path, stops)


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {"norm": "batch"},
        {"optimizer": optim.SGD},
        {"optimizer": optim.RMSprop},
    ],
    ids=str,
)
def test_master_weights_scale_and_statistics_go_on_too(tmp_path, settings):
    assert_resumed_is_whole(tmp_path, [37], **settings)


def test_a_killed_process_loses_epochs_but_no_bits(tmp_path):
    """The log is ahead of the checkpoint; resuming writes it anew from there."""
    whole = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=35)
    state = load_checkpoint(tmp_path / "parts" / "last.safetensors")
    with open(tmp_path / "parts" / "metrics.jsonl", "a") as log:
        log.write('{"epoch": 6, "train_loss": 1.0}\n{"epoch": 7, "tra')
    training = train(tmp_path / "parts", state=state)
    assert_same_but_times(training.history, whole.history)


def test_early_stopping_counts_on(tmp_path):
    """Stopped by patience at the same epoch, with the best epoch before the interruption."""

    def patient(folder, state=None, stop=None):
        model = nn.MLP([6, 64, 2], rng=1)
        rule = optim.Adam(model.parameters(), lr=3e-2)
        part = Loader(X[30:], Y[30:], batch_size=20, shuffle=False)
        callbacks = [EarlyStopping(patience=6), Checkpoint(folder), *([InterruptAt(stop)] if stop else [])]
        loader = Loader(X[:30], Y[:30], batch_size=10)
        return fit(model, rule, cross_entropy, loader, epochs=99, validation=part, callbacks=callbacks, resume=state)

    whole = patient(tmp_path)
    assert 6 < whole.epoch < 99
    part = patient(tmp_path, stop=3 * (whole.epoch - 2))
    assert part.callbacks[0].best_epoch == whole.callbacks[0].best_epoch
    ended = patient(tmp_path, state=load_checkpoint(tmp_path / "last.safetensors"))
    assert_same_but_times(ended.history, whole.history)
    assert_same(ended.model.state_dict(), whole.model.state_dict())


SETTINGS = {"epochs": 10, "hidden": (16,), "patience": 0}


def test_a_whole_run_is_resumed_from_its_folder(tmp_path):
    """10 epochs, interrupted after 5: parameters, log and held-out result of the undisturbed run."""
    whole = run(Config("iris", out=str(tmp_path / "whole"), **SETTINGS))
    part = run(Config("iris", out=str(tmp_path / "part"), **SETTINGS), callbacks=[InterruptAt(5 * 7)])
    assert part.interrupted and part.held_out is None
    assert (whole.training.step, part.training.step) == (70, 35)
    assert not (part.folder / "result.json").exists()
    ended = resume(part.folder)
    assert ended.held_out.values == whole.held_out.values
    logs = [(run.folder / "metrics.jsonl").read_text().splitlines() for run in (ended, whole)]
    assert_same_but_times(*([json.loads(line) for line in log] for log in logs))
    for name in ("best", "last"):
        states = [load_checkpoint(run.folder / f"{name}.safetensors") for run in (ended, whole)]
        for state in states:
            del state["about"]["config"]["out"]
        assert_same_but_times(*states)


def test_a_finished_run_is_only_measured_again(tmp_path):
    first = run(Config("iris", out=str(tmp_path), **SETTINGS))
    again = resume(tmp_path)
    assert again.training.step == first.training.step
    assert again.held_out.values == first.held_out.values


def test_resuming_with_other_data_is_refused(tmp_path):
    table = tmp_path / "table.csv"
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in RNG.normal(size=(60, 2))]
    table.write_text("\n".join(["a,b,answer", *rows]))
    config = Config(str(table), target=("answer",), out=str(tmp_path / "run"), **SETTINGS)
    run(config, callbacks=[InterruptAt(3)])
    table.write_text("\n".join(["a,b,answer", *rows[1:], rows[0]]))
    with pytest.raises(CheckpointError, match=r"table\.csv: has changed since the run began; resume it with the same"):
        resume(tmp_path / "run")


def csv_run(tmp_path, rows, **settings):
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["a,b,answer", *rows]))
    return Config(str(table), target=("answer",), out=str(tmp_path / "run"), device="cpu", **{**SETTINGS, **settings})


def test_held_out_rows_that_changed_are_noticed(tmp_path):
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in RNG.normal(size=(60, 2))]
    config = csv_run(tmp_path, rows)
    run(config)
    result = (tmp_path / "run" / "result.json").read_bytes()
    row = int(load(config.source, "answer").split((0.72, 0.08, 0.2), 0)[2][0])
    rows[row] = "9" + rows[row]
    csv_run(tmp_path, rows)
    with pytest.raises(CheckpointError, match=r"table\.csv: has changed since training"):
        load_run(tmp_path / "run", "cpu").evaluate()
    with pytest.raises(CheckpointError, match=r"table\.csv: has changed since the run began"):
        resume(tmp_path / "run")
    assert (tmp_path / "run" / "result.json").read_bytes() == result


def test_the_result_of_a_finished_run_stays(tmp_path):
    run(Config("iris", out=str(tmp_path), **SETTINGS))
    result = (tmp_path / "result.json").read_bytes()
    resume(tmp_path)
    assert (tmp_path / "result.json").read_bytes() == result


def test_seconds_add_up_over_interruptions(tmp_path):
    run(Config("iris", out=str(tmp_path), **SETTINGS), callbacks=[InterruptAt(38)])
    ended = resume(tmp_path)
    seconds = json.loads((tmp_path / "result.json").read_text())["seconds"]
    assert len(ended.training.history) == 10
    assert seconds == pytest.approx(sum(record["seconds"] for record in ended.training.history), abs=2e-3)


def test_label_smoothing_is_of_classes_alone(tmp_path):
    with pytest.raises(ArgumentError, match=r"label-smoothing: got 0\.1, but the task is regression"):
        run(Config("diabetes", label_smoothing=0.1, out=str(tmp_path / "run"), **SETTINGS))
    assert not (tmp_path / "run").exists()
