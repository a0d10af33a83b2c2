"""Training steps as one CUDA graph, captured and replayed by the stand-in for the stream."""

import ml_dtypes
import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, optim
from gpugrad.optim import lr_scheduler
from tests.cuda.rules import Signs

OPTIMIZERS = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "nesterov": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "adam": (optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
    "amsgrad": (optim.Adam, {"lr": 0.01, "amsgrad": True}),
    "adamw": (optim.AdamW, {"lr": 0.01}),
    "rmsprop": (optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
}
LOSSES = {"cross_entropy": nn.cross_entropy, "mse": nn.mse_loss}
AS_RECORDED = ["common", "dead"]  # passes after which the same kernels run as without a program
TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "bfloat16": 0.05}


def plain(device, dtype):
    return nn.MLP([6, 8, 3], activation="relu", rng=0, device=device, dtype=dtype)


def rich(device, dtype):
    layers = [
        *(nn.Linear(6, 8, rng=0), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3, rng=5)),
        *(nn.Linear(8, 8, rng=1), nn.LayerNorm(8), nn.Tanh(), nn.Dropout(0.1, rng=6), nn.Linear(8, 3, rng=2)),
    ]
    return nn.Sequential(*layers).to(device, dtype)


class Run:
    """A model with its optimizer on a device, and a training step of them."""

    def __init__(
        self,
        host,
        make=plain,
        optimizer="sgd",
        loss="cross_entropy",
        dtype="float32",
        *,
        passes=None,
        device="cuda",
        clip=None,
        scaled=False,
    ):
        self.host, self.device = host, device
        self.dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
        kind, options = OPTIMIZERS[optimizer]
        self.model = model = make(device, self.dtype)
        self.optimizer = own = kind(model.parameters(), **options)
        self.scaler = scaler = optim.GradScaler(init_scale=2.0**18, growth_interval=3, enabled=scaled)
        loss_fn = LOSSES[loss]

        def step(x, y):
            own.zero_grad()
            loss = loss_fn(model(x), y)
            scaler.scale(loss).backward()
            if clip is not None:
                clip(model.parameters())
            scaler.step(own)
            scaler.update()
            return loss

        self.step = step if passes is None else gg.compile(step, passes=passes or None)

    def __call__(self, x, y):
        y = y if y.dtype.kind == "i" else y.astype(self.dtype)
        batch = x.astype(self.dtype), y
        return float(self.step(*(self.host.array(a) if self.device == "cuda" else a for a in batch)).item())

    def state(self):
        found = {name: t for name, t in self.model.state_dict().items()}
        found |= {f"grad.{name}": p.grad for name, p in self.model.named_parameters() if p.grad is not None}
        return {name: np.asarray(getattr(value, "numpy", lambda value=value: value)()) for name, value in found.items()}


def batches(n=20, size=8, loss="cross_entropy"):
    rng = np.random.default_rng(0)
    for _ in range(n):
        x = rng.standard_normal((size, 6))
        yield x, rng.integers(0, 3, size) if loss == "cross_entropy" else rng.standard_normal((size, 3))


def assert_same(a, b, rtol=0.0):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(
            *(np.asarray(x[name], np.float64) for x in (a, b)), rtol=rtol, atol=rtol, err_msg=name
        )


def assert_captured(step):
    assert "captured: one graph" in (told := step.explain()) and "executor: graph" in told, told


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make, loss", [(plain, "cross_entropy"), (rich, "mse")])
def test_replays_are_the_loop_bit_for_bit(host, optimizer, make, loss):
    eager, compiled = (Run(host, make, optimizer, loss, passes=p) for p in (None, AS_RECORDED))
    losses = [(eager(x, y), compiled(x, y)) for x, y in batches(loss=loss)]
    assert [a for a, _ in losses] == [b for _, b in losses]
    assert_same(eager.state(), compiled.state())
    assert compiled.step.n_traces == 1
    assert_captured(compiled.step)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("make, loss", [(plain, "cross_entropy"), (rich, "mse")])
def test_with_all_passes_steps_are_those_of_the_cpu(host, make, loss, dtype):
    on_cpu, compiled = (
        Run(host, make, "adamw", loss, dtype, device=d, passes=p) for d, p in (("cpu", None), ("cuda", ()))
    )
    losses = [(on_cpu(x, y), compiled(x, y)) for x, y in batches(8, loss=loss)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert_captured(compiled.step)


def test_a_schedule_acts_on_the_replays(host):
    runs = [Run(host, optimizer="nesterov", passes=p) for p in (None, AS_RECORDED)]
    schedules = [lr_scheduler.StepLR(run.optimizer, 2, gamma=0.1) for run in runs]
    for x, y in batches(6):
        assert len({run(x, y) for run in runs}) == 1
        for schedule in schedules:
            schedule.step()
    assert_same(runs[0].state(), runs[1].state())
    assert runs[1].step.n_traces == 1


def test_two_programs_alternate_in_one_pool(host):
    eager, compiled = (Run(host, rich, "adam", passes=p) for p in (None, AS_RECORDED))
    pairs = zip(batches(6), batches(6, size=5), strict=True)
    for x, y in [batch for pair in pairs for batch in pair]:
        assert eager(x, y) == compiled(x, y)
    assert_same(eager.state(), compiled.state())
    assert compiled.step.n_traces == 2 and all(entry.plan.why_not is None for entry in compiled.step._entries)


def test_a_frozen_parameter_stays_and_has_no_part_in_the_update(host):
    runs = [Run(host, optimizer="adam", passes=p) for p in (None, AS_RECORDED)]
    for run in runs:
        run.model[0].weight.requires_grad = False
    before = runs[1].state()["0.weight"].copy()
    for x, y in batches(4):
        assert len({run(x, y) for run in runs}) == 1
    assert_same(runs[0].state(), runs[1].state())
    np.testing.assert_array_equal(runs[1].state()["0.weight"], before)
    assert_captured(runs[1].step)


def test_a_rule_without_a_kernel_is_recorded_call_by_call(host):
    OPTIMIZERS["signs"] = Signs, {"lr": 0.01}
    try:
        eager, compiled = (Run(host, optimizer="signs", passes=p) for p in (None, AS_RECORDED))
    finally:
        del OPTIMIZERS["signs"]
    for x, y in batches(4):
        assert eager(x, y) == compiled(x, y)
    assert_same(eager.state(), compiled.state())
    assert_captured(compiled.step)


def test_new_weights_from_outside_are_what_the_next_replay_uses(host):
    runs = [Run(host, optimizer="adam", passes=p) for p in (None, AS_RECORDED)]
    fresh = {name: 0.5 * value for name, value in runs[0].model.state_dict().items()}
    for i, (x, y) in enumerate(batches(5)):
        if i == 3:
            for run in runs:
                run.model.load_state_dict(fresh)
        assert len({run(x, y) for run in runs}) == 1
    assert_same(runs[0].state(), runs[1].state())


@pytest.mark.parametrize(
    "clip",
    [
        lambda params: optim.clip_grad_norm_(params, 0.1),
        lambda params: optim.clip_grad_norm_(params, 0.1, norm_type=float("inf")),
        lambda params: optim.clip_grad_value_(params, 0.01),
    ],
)
def test_clipping_is_part_of_the_graph(host, clip):
    runs = [Run(host, optimizer="adam", passes=p, clip=clip) for p in (None, AS_RECORDED)]
    losses = [[run(x, y) for run in runs] for x, y in batches(5)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-6)
    assert_same(runs[0].state(), runs[1].state(), rtol=1e-6)
    assert_captured(runs[1].step)


def test_arrays_of_numpy_are_staged_in_a_training_step(host):
    """Two batches are under way at a time; each step trains on its own."""
    eager = Run(host, optimizer="adam")
    compiled = Run(host, optimizer="adam")
    model, optimizer = compiled.model, compiled.optimizer

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(gg.Tensor(x, device="cuda")), gg.Tensor(y, device="cuda"))
        loss.backward()
        optimizer.step()
        return loss

    step = gg.compile(step, passes=AS_RECORDED)
    for x, y in batches(6):
        assert step(x.astype("float32"), y).item() == eager(x, y)
    assert_same(eager.state(), compiled.state())
    assert_captured(step)


@pytest.mark.filterwarnings("ignore:overflow encountered")  # which the scaler is there for
def test_a_loss_scaler_skips_the_same_steps(host):
    runs = [Run(host, optimizer="adam", dtype="float16", passes=p, scaled=True) for p in (None, AS_RECORDED)]
    for x, y in batches(10):
        assert len({run(x, y) for run in runs}) == 1
        assert len({run.scaler.get_scale() for run in runs}) == 1
    assert_same(runs[0].state(), runs[1].state())
    assert runs[1].scaler.get_scale() < 2.0**18 and runs[1].step.n_traces == 1
    assert_captured(runs[1].step)
