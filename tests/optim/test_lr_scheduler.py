"""Schedules against their closed forms by hand, beside PyTorch over 100 steps, and resumed."""

import json
import math

import numpy as np
import pytest

from gpugrad import Tensor, optim
from gpugrad.errors import ArgumentError, ArgumentTypeError, CheckpointError
from gpugrad.optim import lr_scheduler

N_STEPS = 100
SCHEDULES = {
    "ConstantLR": lambda m, o: m.ConstantLR(o, factor=0.25, total_iters=7),
    "LinearLR": lambda m, o: m.LinearLR(o, start_factor=0.1, end_factor=0.8, total_iters=30),
    "StepLR": lambda m, o: m.StepLR(o, step_size=13, gamma=0.7),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, milestones=[40, 10, 11], gamma=0.3),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, T_max=100, eta_min=1e-3),
    "CosineAnnealingLR past T_max": lambda m, o: m.CosineAnnealingLR(o, T_max=30),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda n: 0.95**n),
    "LambdaLR of each": lambda m, o: m.LambdaLR(o, [lambda n: 0.95**n, lambda n: 1 / (n + 1)]),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, max_lr=0.5, total_steps=100),
    "OneCycleLR by epochs": lambda m, o: m.OneCycleLR(
        o, max_lr=[0.5, 2.0], epochs=11, steps_per_epoch=10, pct_start=0.25, anneal_strategy="linear"
    ),
    "OneCycleLR three phases": lambda m, o: m.OneCycleLR(
        o, max_lr=0.5, total_steps=101, pct_start=0.4, three_phase=True, div_factor=10, final_div_factor=100
    ),
    "OneCycleLR without momentum": lambda m, o: m.OneCycleLR(o, max_lr=0.5, total_steps=100, cycle_momentum=False),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o,
        [m.LinearLR(o, start_factor=0.1, total_iters=20), m.CosineAnnealingLR(o, T_max=50), m.StepLR(o, 5, 0.5)],
        milestones=[20, 70],
    ),
}
each_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
each_optimizer = pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {})], ids=["SGD", "Adam"]
)


def optimizer_of(module, name="SGD", leaf=None, **options):
    leaf = leaf or (lambda: Tensor([1.0], requires_grad=True))
    return getattr(module, name)([{"params": [leaf()]}, {"params": [leaf()], "lr": 0.02}], lr=0.1, **options)


def values(optimizer):
    return [(g["lr"], g.get("momentum", 0.0), g.get("betas", (0.0, 0.0))[0]) for g in optimizer.param_groups]


@each_schedule
@each_optimizer
def test_beside_torch(make, name, options):
    torch = pytest.importorskip("torch")
    ours = optimizer_of(optim, name, **options)
    theirs = optimizer_of(torch.optim, name, lambda: torch.ones(1, requires_grad=True), **options)
    mine, reference = make(lr_scheduler, ours), make(torch.optim.lr_scheduler, theirs)
    for n in range(N_STEPS):
        np.testing.assert_allclose(values(ours), values(theirs), rtol=1e-10, atol=1e-15, err_msg=str(n))
        assert mine.get_last_lr() == [g["lr"] for g in ours.param_groups]
        theirs.step()
        mine.step()
        reference.step()


@each_schedule
@each_optimizer
def test_resuming_continues_the_sequence(make, name, options):
    whole = optimizer_of(optim, name, **options)
    schedule = make(lr_scheduler, whole)
    sequence = []
    for _ in range(60):
        sequence.append(values(whole))
        schedule.step()
    first = optimizer_of(optim, name, **options)
    schedule = make(lr_scheduler, first)
    for _ in range(25):
        schedule.step()
    state = json.loads(json.dumps(schedule.state_dict()))
    second = optimizer_of(optim, name, **options)
    second.param_groups[0]["lr"] = 77.0
    schedule = make(lr_scheduler, second)
    schedule.load_state_dict(state)
    assert schedule.last_epoch == 25
    for n in range(25, 60):
        assert values(second) == sequence[n]
        schedule.step()


def test_closed_forms_by_hand():
    optimizer = optimizer_of(optim)

    def sequence(schedule, *at):
        out = []
        for n in range(max(at) + 1):
            if n in at:
                out.append(schedule.get_last_lr()[0])
            schedule.step()
        return pytest.approx(out, rel=1e-14)

    assert sequence(lr_scheduler.CosineAnnealingLR(optimizer, T_max=10), 0, 5, 10) == [0.1, 0.05, 0.0]
    assert sequence(lr_scheduler.StepLR(optimizer, 3), 0, 2, 3, 6) == [0.1, 0.1, 0.01, 0.001]
    assert sequence(lr_scheduler.MultiStepLR(optimizer, [2, 5], 0.5), 0, 1, 2, 5) == [0.1, 0.1, 0.05, 0.025]
    assert sequence(lr_scheduler.LinearLR(optimizer, 0.5, total_iters=4), 0, 2, 4, 9) == [0.05, 0.075, 0.1, 0.1]
    assert sequence(lr_scheduler.ConstantLR(optimizer, 0.5, total_iters=4), 0, 3, 4) == [0.05, 0.05, 0.1]
    one = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=11, pct_start=5 / 11)  # up until 4, down until 10
    assert sequence(one, 0, 2, 4, 7, 10) == [0.04, 0.52, 1.0, (1 + 4e-6) / 2, 4e-6]


PLATEAUS = {
    "plain": {"factor": 0.5, "patience": 3},
    "max": {"mode": "max", "factor": 0.3, "patience": 2},
    "absolute": {"threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    "absolute max": {"mode": "max", "threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    "cooldown": {"factor": 0.8, "patience": 1, "cooldown": 3, "min_lr": [0.01, 0.001]},
    "eps": {"patience": 0, "eps": 1e-3},
}


@pytest.mark.parametrize("options", PLATEAUS.values(), ids=PLATEAUS)
def test_plateau_beside_torch(options):
    torch = pytest.importorskip("torch")
    ours, theirs = optimizer_of(optim), optimizer_of(torch.optim, leaf=lambda: torch.ones(1, requires_grad=True))
    mine = lr_scheduler.ReduceLROnPlateau(ours, **options)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    rng = np.random.default_rng(9)
    for n in range(N_STEPS):
        loss = float("nan") if n == 50 else 2 * math.exp(-n / 20) + 0.1 * rng.standard_normal()
        mine.step(loss)
        reference.step(loss)
        np.testing.assert_allclose(values(ours), values(theirs), rtol=1e-12, err_msg=str(n))


def test_plateau_resumes():
    losses = np.random.default_rng(10).random(60)
    whole, first, second = (optimizer_of(optim) for _ in range(3))
    options = {"patience": 1, "cooldown": 1, "factor": 0.9}
    schedule, before = (lr_scheduler.ReduceLROnPlateau(o, **options) for o in (whole, first))
    for n, loss in enumerate(losses):
        schedule.step(loss)
        if n < 30:
            before.step(loss)
    after = lr_scheduler.ReduceLROnPlateau(second, **options)
    after.load_state_dict(json.loads(json.dumps(before.state_dict(), allow_nan=False)))
    for loss in losses[30:]:
        after.step(loss)
    assert values(whole) == values(second)
    fresh = lr_scheduler.ReduceLROnPlateau(whole)
    fresh.step(float("nan"))
    fresh.load_state_dict(json.loads(json.dumps(fresh.state_dict(), allow_nan=False)))


def test_a_schedule_on_a_tensor_loss():
    optimizer = optimizer_of(optim)
    lr_scheduler.ReduceLROnPlateau(optimizer, patience=0).step(Tensor(1.5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), "step_size is 0"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=0), "T_max is 0"),
        (lambda o: lr_scheduler.LinearLR(o, start_factor=-1), "start_factor is -1"),
        (lambda o: lr_scheduler.ConstantLR(o, total_iters=1.5), "total_iters is 1.5"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), "total_steps .* is None"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 10, pct_start=2), "pct_start is 2"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 10, anneal_strategy="up"), "anneal_strategy is 'up'"),
        (lambda o: lr_scheduler.OneCycleLR(o, [1.0], 10), "max_lr has 1 entries"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs]), "got 1 functions"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), "got 0 schedules"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)] * 3, [5, 5]), "increasing milestones"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ReduceLROnPlateau(o)], []), "ReduceLROnPlateau is not"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(optimizer_of(optim), 1)], []), "this optimizer"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), "factor is 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="low"), "mode is 'low'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr has 1 entries"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=-1), "patience is -1"),
        (lambda o: lr_scheduler.OneCycleLR(optimizer_of(optim, "RMSpropless"), 1.0, 10), "no momentum to cycle"),
    ],
)
def test_refused(make, message, monkeypatch):
    class RMSpropless(optim.RMSprop):
        def __init__(self, params, lr):
            super().__init__(params, lr)
            del self.defaults["momentum"]

    monkeypatch.setattr(optim, "RMSpropless", RMSpropless, raising=False)
    with pytest.raises(ArgumentError, match=message):
        make(optimizer_of(optim))


def test_refused_types_and_states():
    with pytest.raises(ArgumentTypeError, match="StepLR: optimizer is a list; expected an Optimizer"):
        lr_scheduler.StepLR([], 1)
    with pytest.raises(ArgumentTypeError, match="expected an Optimizer"):
        lr_scheduler.ReduceLROnPlateau(None)
    one = lr_scheduler.OneCycleLR(optimizer_of(optim), 1.0, total_steps=1)
    one.step()
    with pytest.raises(ArgumentError, match="step 2 of 1"):
        one.step()
    assert one.last_epoch == 1
    schedule = lr_scheduler.StepLR(optimizer_of(optim), 2)
    good = schedule.state_dict()
    for wrong in ({"schedule": "LinearLR"}, {"last_epoch": -1}, {"base_lrs": [0.1]}, {"base_lrs": None}):
        with pytest.raises(CheckpointError, match="StepLR: the state"):
            schedule.load_state_dict({**good, **wrong})
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer_of(optim))
    with pytest.raises(CheckpointError, match="damaged"):
        plateau.load_state_dict({**plateau.state_dict(), "num_bad_epochs": None})
