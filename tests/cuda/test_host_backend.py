"""The whole CUDA back end on the CPU: every line of the spec table through it, and an MLP that learns digits."""

import collections
import functools
import warnings

import ml_dtypes
import numpy as np
import pytest

import gpugrad as gg
from gpugrad import train
from gpugrad.core.namespace import PRIMITIVES, forget_bindings
from gpugrad.cuda import dispatch
from gpugrad.train.callback import Callback
from tests.ops.spec import all_specs, parts

SPECS = all_specs()
RTOL = {"float64": 1e-12, "float32": 1e-5, "float16": 2.0**-10, "bfloat16": 2.0**-7}
DTYPES = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in RTOL}
FREE_SIGNS = "svd[hermitian=True](3,3)"  # CuPy has no hermitian=, so that the signs of U and V are others


def run(spec, args, move):
    """The outputs, and the gradients of their inner products with fixed weights; `move` puts arrays on a device."""
    leaves = {i: gg.Tensor(move(args[i]), requires_grad=spec.differentiable) for i in spec.moving}
    others = {i: move(a) if isinstance(a, np.ndarray) else a for i, a in enumerate(args)}
    ys = parts(spec.call(*(leaves.get(i, others[i]) for i in range(len(args)))))
    for y in ys:
        if isinstance(y, gg.Tensor) and y.requires_grad:
            weights = np.random.default_rng(0).uniform(0.5, 1, y.shape).astype(y.dtype)
            y.backward(move(weights), retain_graph=True)
    return [*ys, *(t.grad for t in leaves.values())]


def same_array(array):
    return array


def assert_near(got, want, tolerance, host):
    if want is None:
        assert got is None
        return
    want = np.asarray(want.data if isinstance(want, gg.Tensor) else want)
    got = got.data if isinstance(got, gg.Tensor) else got
    got = host.numpy(got) if hasattr(got, "get") else np.asarray(got)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    if want.dtype.kind in "fV":
        want, got = want.astype(float), got.astype(float)
    finite = np.abs(want[np.isfinite(want)])
    scale = max(1.0, float(finite.max(initial=0)))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


def mixes_devices(error):
    """True where a spec's function holds NumPy arrays of its own, which no device takes."""
    while error.__cause__ is not None:
        error = error.__cause__
    return "arguments are on cpu and cuda:0" in str(error) or "unsupported type numpy.ndarray" in str(error)


def dtypes_of(spec):
    return [*spec.dtypes, *(["bfloat16"] if "float16" in spec.dtypes else [])]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_values_and_gradients_are_those_of_the_cpu(spec, host):
    for name in dtypes_of(spec):
        args = [a.astype(DTYPES[name]) if i in spec.moving else a for i, a in enumerate(spec.draw("float64"))]
        try:
            want = run(spec, args, same_array)
        except (gg.errors.GpugradError, TypeError):
            continue  # what the CPU refuses, tests/ops/ has
        try:
            got = run(spec, args, host.array)
        except (gg.errors.GpugradError, TypeError) as error:
            assert mixes_devices(error), error
            continue
        assert len(got) == len(want)
        narrow = DTYPES[name].itemsize == 2
        for g, w in zip(got, want, strict=True):
            if spec.id != FREE_SIGNS:
                assert_near(g, w, RTOL[name] * (4 * spec.narrow if narrow else 1), host)


# --- no launcher that is declared and never serves


def fused():
    """{name of a primitive: its word `cuda=`}."""
    makers = {name: p.makers.get("cupy") for name, p in PRIMITIVES.items()}
    return {
        name: m.args[0] for name, m in makers.items() if isinstance(m, functools.partial) and isinstance(m.args[0], str)
    }


@pytest.fixture
def served(monkeypatch):
    """How often each launcher took a call, by its word; the counting is over at the end of the test."""
    counts = collections.Counter()

    def counting(word, find=dispatch.launcher):
        launch = find(word)

        def counted(*args, **params):
            y = launch(*args, **params)
            counts[word] += y is not NotImplemented
            return y

        return counted

    monkeypatch.setattr(dispatch, "launcher", counting)
    forget_bindings()
    yield counts
    monkeypatch.undo()
    forget_bindings()


def test_every_launcher_serves_the_spec_table(host, served):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for spec in SPECS:
            try:
                run(spec, spec.draw("float32"), host.array)
            except (gg.errors.GpugradError, TypeError):
                continue  # as the test above has it
    assert fused()
    assert {name: word for name, word in fused().items() if not served[word]} == {}
    assert len(host.launches) >= 100


# --- an MLP that learns


class Losses(Callback):
    """The training loss of every batch."""

    def __init__(self):
        self.values, self.before = [], (0.0, 0)

    def on_batch_end(self, training):
        before = self.before if training.batch > 1 else (0.0, 0)
        self.before = training.loss_sum, training.n_samples
        self.values.append((training.loss_sum - before[0]) / (training.n_samples - before[1]))


def digits(device, folder, compile=True):
    """(loss of each of 50 steps, accuracy on the held-out part) of an MLP that learns digits on `device`."""
    losses = Losses()
    settings = {"hidden": (64, 32), "lr": 1e-2, "dropout": 0.1, "batch_size": 52, "epochs": 2, "schedule": "constant"}
    settings["compile"] = compile
    outcome = train.run(train.Config("digits", device=device, out=str(folder), **settings), callbacks=[losses])
    return losses.values[:50], outcome.held_out.values["accuracy"]


@pytest.mark.host_only
def test_digits_are_learnt_as_on_the_cpu(host, tmp_path):
    """By `gpugrad.train`, with dropout: the same initial weights, batches and masks, hence the same losses."""
    want, accuracy = digits("cpu", tmp_path / "cpu")
    assert not host.launches and len(want) == 50 and accuracy > 0.9
    for compiled in (True, False):
        host.launches.clear()
        got, own_accuracy = digits("cuda", tmp_path / f"cuda{compiled}", compiled)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)
        assert own_accuracy == pytest.approx(accuracy, abs=0.003)  # one digit of 360
        if compiled:
            assert 0 < host.launched("xent_vjp<float") < 10  # when traced, in the first run and in the capture
    for kernel in (
        "act_fwd<Relu, float>",
        "act_vjp<Relu, float>",
        "dropout_fwd<float>",
        "xent_fwd<float",
        "xent_vjp<float",
    ):
        assert host.launched(kernel) >= 50, kernel


# --- compiled functions


def test_a_compiled_function_is_one_graph_and_says_what_was_taken(host):
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=shape).astype("float32") for shape in ((5, 4), (3, 4), (3,)))

    def f(x, w, b):
        return gg.grad(lambda w: gg.ops.relu(gg.ops.linear(x, w, b)).sum())(w)

    compiled = gg.compile(f)
    moved = [host.array(a) for a in (x, w, b)]
    for _ in range(2):
        np.testing.assert_allclose(host.numpy(compiled(*moved)), f(x, w, b), rtol=1e-5)
    assert compiled.n_traces == 1
    told = compiled.explain()
    assert "executor: graph" in told and "kernel: linear 8x4x4 float32 sm_90: cuBLAS onto the bias" in told
