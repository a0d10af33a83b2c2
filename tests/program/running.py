"""A model with its optimizer, and a training step, run as they are and compiled."""

import numpy as np
import pytest

from gpugrad import Tensor, nn, optim
from gpugrad.core import tree
from gpugrad.program import compile

OPTIMIZERS = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    "adam": (optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
    "amsgrad": (optim.Adam, {"lr": 0.01, "amsgrad": True}),
    "adamw": (optim.AdamW, {"lr": 0.01}),
    "rmsprop": (optim.RMSprop, {"lr": 0.01}),
    "centered": (optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
}


def plain():
    return nn.Sequential(nn.Linear(6, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1))


def rich():
    return nn.Sequential(
        nn.Linear(6, 8, rng=0),
        nn.BatchNorm1d(8),
        nn.GELU(),
        nn.Dropout(0.3, rng=5),
        nn.Linear(8, 8, rng=1),
        nn.LayerNorm(8),
        nn.Tanh(),
        nn.Dropout(0.1, rng=6),
        nn.Linear(8, 3, rng=2),
    )


def batches(n=6, size=8, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal((size, 6)).astype("f4"), rng.integers(0, 3, size)) for _ in range(n)]


class Run:
    """A model with its optimizer, and a training step of them."""

    def __init__(self, make=plain, optimizer="sgd", compiled=False, clip=None, value=None, weight=None, after=None):
        kind, options = OPTIMIZERS[optimizer]
        self.model = make()
        self.optimizer = kind(self.model.parameters(), **options)
        self.scheduler = after(self.optimizer) if after else None

        def step(x, y):
            self.optimizer.zero_grad()
            loss = nn.cross_entropy(self.model(x), y, weight=weight)
            loss.backward()
            if clip is not None:
                optim.clip_grad_norm_(self.model.parameters(), clip)
            if value is not None:
                optim.clip_grad_value_(self.model.parameters(), value)
            self.optimizer.step()
            return loss

        self.step = compile(step) if compiled else step

    def state(self):
        found = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        found |= {f"grad.{k}": p.grad.numpy() for k, p in self.model.named_parameters() if p.grad is not None}
        for i, entry in enumerate(self.optimizer.state_dict()["state"]):
            found |= {f"optimizer.{i}.{k}": np.asarray(v) for k, v in entry.items()}
        return found


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def compare(data=None, traces=1, between=lambda run, i: None, **options):
    eager, compiled = Run(**options), Run(**options, compiled=True)
    for i, (x, y) in enumerate(data or batches()):
        for run in (eager, compiled):
            between(run, i)
        np.testing.assert_array_equal(eager.step(x, y).detach().numpy(), compiled.step(x, y).numpy())
        assert_same(eager.state(), compiled.state())
    assert compiled.step.n_traces == traces
    return compiled


def trained(model, step, data=None, after=lambda i: ()):
    """What the steps return and leave: losses, parameters, and what else `after` gives."""
    seen = []
    for i, (x, y) in enumerate(data or batches()):
        seen += [np.array(raw(v)) for v in tree.flatten(step(x, y))[0]]
        seen += [np.array(v) for v in (*after(i), *model.state_dict().values())]
    return seen


def stepping(c, optimizer, loss, between=lambda: ()):
    """The usual step of an optimizer, through c; `between` is called when the gradients are there, for more results."""

    @c
    def step(x, y):
        optimizer.zero_grad()
        value = loss(x, y)
        value.backward()
        more = between()
        optimizer.step()
        return value, *more

    return step


def raw(x):
    return x.data if isinstance(x, Tensor) else x


def same_as_eager(program, executor):
    """Check that `program(c)`, where c compiles or does nothing, gives the same arrays, by NumPy to the last bit."""
    if executor == "fast":
        pytest.importorskip("llvmlite")
    made = []

    def compiled(f):
        made.append(compile(f, executor=executor))
        return made[-1]

    got, expected = program(compiled), program(lambda f: f)
    assert all(f.n_traces <= 4 for f in made) and any(f.n_traces for f in made)
    assert len(got) == len(expected)
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if executor == "fast":
            tolerance = 3e-3 if b.dtype == np.float16 else 1e-4
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance / 10, err_msg=str(i))
        else:
            np.testing.assert_array_equal(a, b, err_msg=str(i))


def each_as_eager(programs):
    """The test that each of some programs gives on each executor what it gives uncompiled."""

    @pytest.mark.parametrize("executor", ["numpy", "list", "fast"])
    @pytest.mark.parametrize("name", programs)
    @pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
    def test_a_program(name, executor):
        same_as_eager(programs[name], executor)

    return test_a_program
