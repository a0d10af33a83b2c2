"""Training by compiled programs beside training as it is written: every loss, gradient, state and record."""

import re

import numpy as np
import pytest

from gpugrad import nn, optim
from gpugrad.data import Loader
from gpugrad.nn import cross_entropy, mse_loss
from gpugrad.program.fast import available
from gpugrad.train import R2, Accuracy, Callback, Checkpoint, EarlyStopping, fit, load_checkpoint
from gpugrad.train.training import INTERRUPTED
from tests.train.nests import assert_same, assert_same_but_times

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
CLASSES = (X[:, 0] + X[:, 1] ** 2 > 0.7).astype(np.int64)
AMOUNTS = (X[:, :1] * X[:, 1:2]).astype(np.float32)


class Watch(Callback):
    """Losses, gradients and parameters of every step, and an interruption after so many."""

    def __init__(self, stop_at=None):
        self.seen, self.stop_at = [], stop_at

    def on_batch_end(self, training):
        parameters = list(training.model.parameters())
        self.seen.append([training.loss_sum, *(p.grad.numpy().copy() for p in parameters)])
        self.seen[-1] += [p.detach().numpy().copy() for p in parameters]
        if training.step == self.stop_at:
            training.stop(INTERRUPTED)


def train(compile, rule=optim.AdamW, dtype="float32", dropout=0.3, norm=None, clip=0.5, y=CLASSES, **more):
    """Four epochs of seven batches, the last one shorter, with whatever has a state."""
    model = nn.MLP([6, 16, 8, 2 if y is CLASSES else 1], dropout=dropout, norm=norm, dtype=dtype, rng=1)
    optimizer = rule(model.parameters(), **{"lr": 1e-2, "weight_decay": 1e-2})
    wide = "float64" if dtype == "float64" else "float32"

    def loss(outputs, targets):
        wider = outputs.astype(wide)
        return cross_entropy(wider, targets) if y is CLASSES else mse_loss(wider, targets)

    watch = Watch(more.pop("stop_at", None))
    given = y if y is CLASSES else y.astype(wide)
    settings = {
        "epochs": 4,
        "validation": Loader(X[:20].astype(dtype), given[:20], batch_size=16, shuffle=False),
        "metric": Accuracy() if y is CLASSES else R2(),
        "scheduler": optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40),
        "schedule_by": "batch",
        "clip_norm": clip,
        **more,
    }
    callbacks = [EarlyStopping(patience=9), watch, *settings.pop("callbacks", [])]
    loader = Loader(X.astype(dtype), given, batch_size=8, seed=5)
    return fit(model, optimizer, loss, loader, compile=compile, callbacks=callbacks, **settings), watch.seen


SETTINGS = [
    {},
    {"clip": None, "dropout": 0.0},
    {"clip": 1e9},
    {"norm": "batch", "rule": optim.SGD},
    {"norm": "layer", "rule": optim.RMSprop},
    {"dtype": "float64", "rule": optim.Adam, "y": AMOUNTS},
    {"dtype": "bfloat16"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: " ".join(s) or "defaults")
def test_every_step_record_and_state_is_that_of_the_written_loop(settings):
    """A program for whole batches and one for the last, for gradients and for measuring; one for the update."""
    lines = []
    compiled, seen = train(True, say=lines.append, **settings)
    written, expected = train(False, **settings)
    assert len(seen) == 28
    assert_same(seen, expected)
    assert_same_but_times(compiled.history, written.history)
    states = [training.state_dict() for training in (compiled, written)]
    assert_same_but_times(*states)
    assert len(lines) == 1 and re.match(r"compiled in \d+\.\d\d s; ", lines[0]) and "executor: numpy" in lines[0]
    n_traces = {name: program.n_traces for name, program in compiled.steps._programs.items()}
    assert n_traces == {"gradients": 2, "update": 1, "measure": 2}


@pytest.mark.parametrize("order", [(True, False), (False, True)], ids=str)
def test_a_run_may_change_between_both_and_end_the_same(tmp_path, order):
    whole, expected = train(True)
    parts, state = [], None
    for compile, stop_at in zip((*order, order[0]), (9, 18, None), strict=True):
        keep = [Checkpoint(tmp_path)]
        training, seen = train(compile, stop_at=stop_at, resume=state, callbacks=keep)
        parts += seen
        state = load_checkpoint(tmp_path / "last.safetensors")
    assert_same(parts, expected)
    assert_same_but_times(training.history, whole.history)
    assert_same(training.model.state_dict(), whole.model.state_dict())


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_native_code_gives_the_same_to_rounding(monkeypatch, tmp_path):
    """Its sums run in another order; a run by it that was interrupted still ends on the bits of the whole one."""
    monkeypatch.setenv("GPUGRAD_EXECUTOR", "fast")
    monkeypatch.setenv("GPUGRAD_CACHE_DIR", str(tmp_path / "cache"))
    (whole, seen), (_, expected) = train(True), train(False)
    np.testing.assert_allclose([s[0] for s in seen], [s[0] for s in expected], rtol=1e-5)
    train(True, stop_at=10, callbacks=[Checkpoint(tmp_path)])
    ended, _ = train(True, resume=load_checkpoint(tmp_path / "last.safetensors"))
    assert_same_but_times(ended.history, whole.history)
    assert_same(ended.model.state_dict(), whole.model.state_dict())


def scaler(scale):
    return optim.GradScaler(init_scale=scale, growth_interval=5)


@pytest.mark.parametrize("scale", [8.0, 2.0**40])
def test_loss_scaling_is_compiled_too(scale):
    """By the larger scale the first steps overflow, and are skipped."""
    told = []
    compiled, seen = train(True, dtype="float16", scaler=scaler(scale), say=told.append)
    written, expected = train(False, dtype="float16", scaler=scaler(scale))
    assert_same(seen, expected)
    assert_same_but_times(compiled.state_dict(), written.state_dict())
    assert told[0].startswith("compiled in") and compiled.step == 28
    assert (compiled.scaler.get_scale() < scale) == (scale > 8)


class Guarded(nn.Module):
    """Looks at a value, which no program can."""

    def __init__(self):
        self.layer = nn.Linear(6, 2, rng=0)
        self.drop = nn.Dropout(0.5, rng=0)

    def forward(self, x):
        y = self.drop(self.layer(x))
        return y if float(y.sum()) < 1e9 else y * 0


def guarded(compile, **more):
    model = Guarded()
    loader = Loader(X, CLASSES, batch_size=25, seed=1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    training = fit(model, optimizer, cross_entropy, loader, epochs=2, compile=compile, **more)
    return training, model.state_dict()


def test_what_cannot_be_traced_runs_as_written_after_a_warning_with_the_line():
    lines = []
    with pytest.warns(RuntimeWarning, match=r"fit: not compiled: compile: .*float\(y\.sum\(\)\) < 1e9") as caught:
        told, state = guarded(True)
    assert len(caught) == 1
    _, same = guarded(True, say=lines.append)
    written, expected = guarded(False)
    assert len(lines) == 1 and "float(y.sum())" in lines[0]
    assert_same_but_times([state, same, told.history], [expected, expected, written.history])


class DropLess(Callback):
    """Changes a number in a module between epochs."""

    def on_epoch_begin(self, training):
        for module in training.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.4 / (training.epoch + 1)


def test_a_number_in_a_module_may_change_between_epochs():
    (compiled, seen), (written, expected) = (train(on, callbacks=[DropLess()]) for on in (True, False))
    assert_same(seen, expected)
    assert_same_but_times(compiled.history, written.history)


def test_a_variable_of_the_loss_may_change_between_steps():
    def run(compile):
        weight = 1.0

        class Heavier(Callback):
            def on_batch_end(self, training):
                nonlocal weight
                weight = 2.0 if training.step % 2 else 1.0

        model = nn.Linear(6, 1, rng=0)
        fit(
            model,
            optim.SGD(model.parameters(), lr=0.01),
            lambda outputs, y: mse_loss(outputs, y) * weight,
            Loader(X, AMOUNTS, batch_size=10, seed=1),
            epochs=2,
            callbacks=[Heavier()],
            compile=compile,
        )
        return model.state_dict()

    assert_same(run(True), run(False))


class Stateful(nn.Module):
    """With numbers and a list beside its layer."""

    def __init__(self):
        self.layer, self.scale, self.calls, self.losses = nn.Linear(6, 2, rng=0), 1.0, 0, []

    def forward(self, x):
        return self.layer(x) * self.scale


class Counting(Stateful):
    def forward(self, x):
        self.calls += 1
        return super().forward(x) / self.calls


class Noisy(Stateful):
    def forward(self, x):
        return super().forward(x + np.random.standard_normal(x.shape).astype(x.dtype))


class Meddling(Callback):
    """Counts on the model, and sets what its forward reads now and then."""

    def __init__(self, often):
        self.often = often

    def on_batch_end(self, training):
        training.model.calls += 1
        training.model.losses.append(training.loss_sum)
        if training.step % 5 == 0 and self.often:
            training.model.scale += 0.5


@pytest.mark.parametrize(
    ("make", "often", "says"),
    [(Stateful, False, "compiled"), (Stateful, True, "compiled"), (Counting, False, "not"), (Noisy, False, "not")],
)
def test_a_model_with_a_state_of_its_own(make, often, says):
    found, lines = [], []
    for on in (True, False):
        np.random.seed(0)
        model = make()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        loader = Loader(X, CLASSES, batch_size=10, seed=1)
        meddling = Meddling(often)
        training = fit(
            model, optimizer, cross_entropy, loader, epochs=3, compile=on, callbacks=[meddling], say=lines.append
        )
        found.append([model.state_dict(), model.calls, model.losses])
        if on and says == "compiled":
            assert training.steps._programs["gradients"].n_traces == (3 if often else 1)
    assert_same(*found)
    assert lines[0].startswith(says)


def test_batches_of_ever_other_sizes_are_left_to_the_written_loop():
    lines = []
    sizes = [(X[:n], CLASSES[:n]) for n in range(10, 30)]
    model = nn.MLP([6, 4, 2], rng=0)
    training = fit(model, optim.SGD(model.parameters(), lr=0.1), cross_entropy, sizes, epochs=1, say=lines.append)
    assert training.step == 20
    assert [line.partition(" in ")[0] for line in lines] == ["compiled", lines[1]]
    assert lines[1].startswith("not compiled: the batches have had more than 8 shapes")
