"""The loop beside what it does when worked by hand, and the hooks around it."""

import json

import numpy as np
import pytest

from gpugrad import nn, optim
from gpugrad.data import Loader
from gpugrad.errors import ArgumentError, CheckpointError, NonFiniteError
from gpugrad.nn import cross_entropy, mse_loss
from gpugrad.train import Accuracy, Callback, EarlyStopping, MetricsLog, PlainProgress, evaluate, fit

X, Y = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])


def line(w=0.0):
    """y = w x."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False, dtype="float64", rng=0))
    model.load_state_dict({"0.weight": np.array([[w]])})
    return model


def ordered(batch_size=1):
    return Loader(X, Y, batch_size=batch_size, shuffle=False)


def weight(model):
    return float(model[0].weight.detach().numpy()[0, 0])


def fitted(model, loss=mse_loss, loader=None, lr=0.1, epochs=1, **settings):
    """The training of a model by SGD, on the two samples in their order."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    return fit(model, optimizer, loss, loader or ordered(), epochs=epochs, **settings)


def test_two_steps_by_hand():
    """w: 0 -> 0 + 0.1 * 4 = 0.4 -> 0.4 + 0.1 * 12.8 = 1.68; losses (0 - 2)^2 = 4 and (0.8 - 4)^2 = 10.24."""
    model = line()
    training = fitted(model, validation=ordered(batch_size=2))
    assert weight(model) == pytest.approx(1.68, abs=1e-12)
    (record,) = training.history
    assert record["train_loss"] == pytest.approx((4 + 10.24) / 2)
    assert record["val_loss"] == pytest.approx((0.32**2 + 0.64**2) / 2)
    assert (record["epoch"], record["step"], record["lr"]) == (1, 2, 0.1)
    assert (training.epoch, training.step, training.stopped) == (1, 2, None)


def test_the_norm_of_the_gradient_is_bounded():
    model = line()
    fitted(model, clip_norm=1.0)
    assert weight(model) == pytest.approx(0.2, rel=1e-5)  # two steps of 0.1 * 1


@pytest.mark.parametrize(("by", "lrs"), [("epoch", [0.1, 0.01]), ("batch", [0.001, 0.00001])])
def test_the_schedule_moves_by_epoch_or_batch(by, lrs):
    model = line()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    training = fit(model, optimizer, mse_loss, ordered(), epochs=2, scheduler=schedule, schedule_by=by)
    assert [record["lr"] for record in training.history] == pytest.approx(lrs)


def test_plateau_gets_the_validation_loss():
    model = line(2.0)  # the answer: nothing gets better
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    training = fit(
        model, optimizer, mse_loss, ordered(), epochs=3, validation=ordered(), scheduler=schedule, schedule_by="epoch"
    )
    assert [record["lr"] for record in training.history] == pytest.approx([0.1, 0.1, 0.05])


def test_hooks_come_in_order_and_endings_in_reverse():
    calls = []

    def recorder(label):
        def hook(name):
            return lambda self, *_: calls.append(f"{label}.{name}")

        names = [name for name in vars(Callback) if name.startswith("on_") or name == "close"]
        return type("Recorder", (Callback,), {name: hook(name) for name in names})()

    fitted(line(), callbacks=[recorder("a"), recorder("b")])
    names = [call for call in calls if call.startswith("a.")]
    assert names == [
        *("a.on_train_begin", "a.on_epoch_begin", "a.on_batch_end", "a.on_batch_end"),
        *("a.on_epoch_end", "a.on_train_end", "a.close"),
    ]
    assert calls[:2] == ["a.on_train_begin", "b.on_train_begin"]
    assert calls[-4:] == ["b.on_train_end", "a.on_train_end", "b.close", "a.close"]


class StopAt(Callback):
    """Stop after so many batches."""

    def __init__(self, step, why="enough"):
        self.step, self.why, self.closed = step, why, False

    def on_batch_end(self, training):
        if training.step == self.step:
            training.stop(self.why)

    def close(self):
        self.closed = True


def test_a_callback_can_leave_an_epoch():
    model, stop = line(), StopAt(1)
    training = fitted(model, epochs=5, callbacks=[stop])
    assert (training.epoch, training.step, training.stopped) == (0, 1, "enough")
    assert weight(model) == pytest.approx(0.4)
    assert stop.closed


def test_early_stopping_puts_the_best_weights_back():
    """With a learning rate that overshoots, the loss falls once and then grows."""
    model = line(1.0)
    stopping = EarlyStopping(patience=2)
    training = fitted(
        model, loader=ordered(batch_size=2), lr=0.45, epochs=50, validation=ordered(), callbacks=[stopping]
    )
    losses = [record["val_loss"] for record in training.history]
    assert stopping.best_epoch == 1 + int(np.argmin(losses))
    assert training.epoch == stopping.best_epoch + 2
    assert training.stopped == "no better val_loss in 2 epochs"
    assert evaluate(model, mse_loss, ordered()) == {"loss": pytest.approx(min(losses))}


def test_early_stopping_refuses_what_it_cannot_watch():
    with pytest.raises(ArgumentError, match="monitor is 'val_accuracy'; the epoch's record has train_loss"):
        fitted(line(), callbacks=[EarlyStopping("val_accuracy")])
    for wrong in ({"mode": "most"}, {"patience": 0}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            EarlyStopping(**wrong)


def test_better_is_by_mode_and_margin_and_never_nan():
    stopping = EarlyStopping(mode="max", min_delta=0.1)
    assert not stopping.is_better(float("nan"))
    stopping.best = 0.5
    assert [stopping.is_better(v) for v in (0.55, 0.61, float("nan"))] == [False, True, False]


def test_evaluate_counts_rows_and_keeps_the_mode():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Dropout(0.9, rng=0))
    x, y = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32), np.array([0, 1, 0, 1, 1])
    whole = evaluate(model, cross_entropy, Loader(x, y, batch_size=5, shuffle=False), Accuracy())
    parts = evaluate(model, cross_entropy, Loader(x, y, batch_size=2, shuffle=False), Accuracy())
    assert parts == pytest.approx(whole)
    assert model.training


def test_a_loss_that_is_not_finite_names_the_step_and_the_operation():
    model = line(1.0)

    def loss(outputs, y):
        return (outputs - 2.0).log().mean()  # -inf at step 2, where the output is 2

    with pytest.raises(NonFiniteError, match=r"the loss is .* at step 1 \(epoch 1\); first made by log: .*; lower"):
        fitted(model, loss, lr=1e-3)


def test_a_parameter_that_overflowed_is_named():
    model = line(1.0)
    with pytest.raises(NonFiniteError, match=r"at step \d+ .*"):
        fitted(model, lr=1e200, epochs=9)
    with pytest.raises(NonFiniteError, match=r"parameter '0\.weight' is not finite already"):
        model[0].weight.data[...] = np.inf
        fitted(model)


def test_a_gradient_that_is_not_finite_is_found_before_the_step():
    model = line(0.0)

    def loss(outputs, y):
        return outputs.abs().sqrt().mean() if hasattr(outputs, "sqrt") else None

    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="the gradients' norm is"):
        fitted(model, loss, clip_norm=1.0)
    assert weight(model) == 0.0


def test_data_that_is_not_finite_is_named():
    model = line(1.0)
    loader = Loader(np.array([[np.nan]]), np.array([[1.0]]), batch_size=1)
    with pytest.raises(NonFiniteError, match="the batch's inputs are not finite already"):
        fitted(model, loader=loader)


def test_epochs_below_one_are_refused():
    with pytest.raises(ArgumentError, match="epochs is 0; expected 1 or more"):
        fit(line(), None, mse_loss, ordered(), epochs=0)


def test_a_loader_that_runs_dry_is_refused():
    batches = iter([(X, Y)])
    with pytest.raises(ArgumentError, match="no batch in epoch 2; expected one that can be iterated in every epoch"):
        fitted(line(), loader=batches, epochs=2)


def test_a_wrong_schedule_is_refused():
    model = line()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="schedule_by is 'step'; expected 'epoch' or 'batch'"):
        fit(model, optimizer, mse_loss, ordered(), epochs=1, schedule_by="step")
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ArgumentError, match="ReduceLROnPlateau goes by the epoch"):
        fit(model, optimizer, mse_loss, ordered(), epochs=1, scheduler=plateau, schedule_by="batch")


def test_a_state_of_other_parts_is_refused():
    model = line()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    state = fit(model, optimizer, mse_loss, ordered(), epochs=1).state_dict()
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=1)
    with pytest.raises(CheckpointError, match="no state of the scheduler"):
        fit(model, optimizer, mse_loss, ordered(), epochs=2, scheduler=schedule, resume=state)


def test_log_and_plain_lines(tmp_path, capsys):
    callbacks = [MetricsLog(tmp_path / "metrics.jsonl"), PlainProgress()]
    training = fitted(line(), epochs=2, validation=ordered(), callbacks=callbacks)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(text) for text in lines] == training.history
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("epoch 1/2   loss 7.1200   validation loss 0.2560   ")
    assert len(shown) == 2
