"""Compiled training steps against eager ones, and what the compiling executor promises."""

import itertools
import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError
from gpugrad.program import compile, threads
from gpugrad.program.fast import choosing, machine, writing

from .running import stepping
from .test_numpy_plan import big
from .test_training import OPTIMIZERS, Run, batches, plain, rich

pytest.importorskip("llvmlite")


@pytest.fixture
def two_threads():
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(None)


def plan(compiled):
    return compiled._entries[0].plan


def compare(data=None, tolerance=2e-5, **options):
    eager, compiled = Run(**options), Run(**options, compiled=True)
    for x, y in data or batches():
        np.testing.assert_allclose(compiled.step(x, y).numpy(), eager.step(x, y).detach().numpy(), rtol=1e-6, atol=1e-7)
    assert plan(compiled.step).name == "fast" and plan(compiled.step).n_native > 0
    expected, got = eager.state(), compiled.state()
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        scale = np.max(np.abs(value), initial=1e-3)
        np.testing.assert_allclose(got[name], value, rtol=tolerance, atol=tolerance * scale, err_msg=name)
    return compiled


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer):
    # Adam divides by roots of tiny squares, which magnifies the last place of a gradient near zero
    compare(optimizer=optimizer, tolerance=2e-3 if optimizer.startswith(("ada", "ams", "rms", "cen")) else 2e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_dropout_batch_norm_and_layer_norm(optimizer):
    compare(make=rich, optimizer=optimizer, tolerance=5e-3 if optimizer == "adam" else 1e-4)


def test_a_plain_step_is_one_native_function():
    found = plan(compare(make=plain, optimizer="adam", tolerance=2e-3).step)
    assert len(found.natives) == 1 and found.n_python == 0


def test_threads_change_no_bit(two_threads):
    def run(n):
        threads.set_num_threads(n)
        own = Run(make=big, optimizer="sgd", compiled=True)
        losses = [own.step(x, y).item() for x, y in batches(42, size=256)]
        return losses, own.state(), plan(own.step).natives[0].why

    one, two = run(1), run(2)
    assert one[0] == two[0]
    for name, value in one[1].items():
        np.testing.assert_array_equal(two[1][name], value)
    assert one[2] == "no more are allowed" and "2 threads" in two[2]


def test_shared_work_gives_what_eager_execution_gives(two_threads, monkeypatch):
    monkeypatch.setattr("gpugrad.program.fast.choosing.Choice.took", lambda self, seconds: None)  # stays on two
    compare(data=batches(6, size=300), make=big, optimizer="momentum")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_update_is_cut_where_a_large_array_ends(two_threads, monkeypatch, optimizer):
    """Then the threads have the rows of an array that they have of its gradient."""
    cuts, stretches = [], writing.Writer._stretches

    def noted(self, group):
        sizes = [self._joined[v] for v in group.inputs if v in self._joined]
        cuts.append((stretches(self, group), group.nest, sizes))
        return cuts[-1][0]

    monkeypatch.setattr(writing.Writer, "_stretches", noted)
    monkeypatch.setattr(writing, "ALONE", 256)
    compare(data=batches(2, size=300), make=big, optimizer=optimizer, tolerance=2e-3)
    parts, nest, sizes = max(cuts, key=lambda cut: len(cut[0]))
    starts, stops = zip(*parts, strict=True)
    assert (0, nest.rows()) == (starts[0], stops[-1]) and starts[1:] == stops[:-1]
    ends = {end // nest.lanes for end in itertools.accumulate(sizes[0])}
    assert len(parts) >= 3 and {*starts[1:]} <= ends and sum(sizes[0]) == nest.size


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_allocates_nothing_above_a_kilobyte(optimizer):
    run = Run(make=big, optimizer=optimizer, compiled=True)
    for x, y in batches(42, size=64):
        run.step(x, y)
    tracemalloc.start()
    run.step(x, y)
    tracemalloc.reset_peak()
    held, _ = tracemalloc.get_traced_memory()
    run.step(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - held < 1024


def test_inputs_that_do_not_lie_row_by_row_are_taken_as_well():
    f = compile(lambda x, y: (ops.tanh(x) @ y, x.T), executor="fast")
    rng = np.random.default_rng(0)
    for _ in range(2):
        x, y = rng.standard_normal((5, 7)), rng.standard_normal((7, 3))
        f(x, y)
        for a, b in ((np.asfortranarray(x), y), (np.repeat(x, 2, axis=0)[::2], y[:, ::-1])):
            product, turned = f(a, b)
            np.testing.assert_allclose(product, np.tanh(a) @ b, rtol=1e-12, atol=1e-14)
            np.testing.assert_array_equal(turned, a.T)


def test_a_label_that_is_no_class_raises_as_in_eager_execution():
    run = Run(compiled=True)
    (x, y), *_ = batches(1)
    for _ in range(2):
        run.step(x, y)
    before = run.state()
    with pytest.raises(Exception) as eager:
        Run().step(x, y + 3)
    with pytest.raises(type(eager.value), match="cross_entropy"):
        run.step(x, y + 3)
    for name, value in run.state().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "expm1", "log1p"])
def test_functions_are_close_to_the_true_value_everywhere(name, dtype):
    f = compile(lambda x: getattr(ops, name)(x) * 1.0, executor="fast")
    info = np.finfo(dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, 1.0, -1.0]
    small = np.logspace(-6, 2.85, 4001)
    x = np.concatenate([special, small, -small, 1 + np.linspace(-0.01, 0.01, 999)]).astype(dtype)
    with np.errstate(all="ignore"):
        f(x)
        got, expected = f(x), getattr(np, name)(x.astype(np.longdouble)).astype(dtype)
    np.testing.assert_allclose(got, expected, rtol=6 * info.eps, atol=2 * info.smallest_subnormal)
    assert plan(f).n_python == 0


@pytest.mark.parametrize(
    "m, k, n", [(1, 1, 1), (1, 70, 33), (5, 3, 1), (17, 16, 15), (64, 9, 40), (31, 257, 65), (3, 2, 500)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", range(8))
def test_products_of_all_layouts(m, k, n, dtype, turned):
    """As stored, or with either factor, or the result, transposed."""
    ta, tb, tc = (bool(turned & bit) for bit in (1, 2, 4))

    def f(a, b):
        y = (a.T if ta else a) @ (b.T if tb else b)
        return (y.T if tc else y) * 1.0

    rng = np.random.default_rng(m + n)
    a = rng.standard_normal((k, m) if ta else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if tb else (k, n)).astype(dtype)
    compiled = compile(f, executor="fast")
    for _ in range(2):
        got = compiled(a, b)
    exact = f(a.astype("f8"), b.astype("f8"))
    np.testing.assert_allclose(got, exact, rtol=0, atol=4 * k * np.finfo(dtype).eps * 3)
    assert plan(compiled).n_python == 0


@pytest.mark.parametrize("lanes, registers", [(4, 32), (4, 16), (8, 16)])
def test_other_processors_get_other_tiles_and_the_same_results(lanes, registers, monkeypatch):
    narrow = machine.processor()._replace(lanes=lanes, registers=registers)
    monkeypatch.setattr("gpugrad.program.fast.plan.processor", lambda: narrow)
    compare(make=rich, optimizer="momentum", tolerance=1e-4)
    compare(data=batches(3, size=70), make=big)


def test_calls_that_no_code_is_made_for_run_on_numpy_between():
    f = compile(lambda x: ops.exp(ops.sort(ops.tanh(x) * 2, axis=-1)) + 1, executor="fast")
    x = np.random.default_rng(0).standard_normal((9, 11))
    for _ in range(3):
        np.testing.assert_allclose(f(x), np.exp(np.sort(np.tanh(x) * 2)) + 1, rtol=1e-12)
    assert len(plan(f).natives) == 2 and plan(f).n_python == 1


def test_code_is_taken_from_disk_by_another_process_and_explained(tmp_path):
    script = (
        "import numpy as np, gpugrad as gg\n"
        "f = gg.compile(lambda x: gg.ops.tanh(x) * 2, executor='fast')\n"
        "f(np.ones(5)); f(np.ones(5)); print(f._entries[0].plan.was_cached); print(f.explain())"
    )
    env = os.environ | {"GPUGRAD_CACHE_DIR": str(tmp_path)}
    texts = [subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True) for _ in range(2)]
    assert [t.stdout.splitlines()[0] for t in texts] == ["False", "True"], texts[0].stderr
    assert "executor: fast" in texts[1].stdout and " made in " in texts[0].stdout and " read in " in texts[1].stdout
    assert len(list((tmp_path / "programs").iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPUGRAD_CACHE_DIR", str(tmp_path / "file"))
    f = compile(lambda x: ops.exp(x) + 5, executor="fast")
    for _ in range(2):
        np.testing.assert_allclose(f(np.zeros(3)), 6.0)


def test_the_number_of_threads(monkeypatch):
    before = threads.get_num_threads()
    threads.set_num_threads(1)
    assert gg.program.threads.get_num_threads() == 1
    threads.set_num_threads(None)
    assert threads.get_num_threads() == before
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.get_num_threads() == 1
    with pytest.raises(ArgumentError, match="set_num_threads: n is 0"):
        threads.set_num_threads(0)


def test_without_llvmlite_programs_run_on_numpy(monkeypatch):
    monkeypatch.setattr("gpugrad.program.entry.available", lambda: False)
    monkeypatch.setattr("gpugrad.program.fast.plan.available", lambda: False)
    f = compile(lambda x: x * 2 + 1)
    for _ in range(2):
        np.testing.assert_array_equal(f(np.ones(3)), 3.0)
    assert plan(f).name == "numpy"
    g = compile(lambda x: x * 2 + 1, executor="fast")
    with pytest.raises(ArgumentError, match=r"gpugrad\[fast\]"):
        g(np.ones(3))


def test_a_forked_child_has_threads_of_its_own(two_threads):
    script = (
        "import os, numpy as np, gpugrad as gg\n"
        "from gpugrad.program import threads\n"
        "from gpugrad.program.fast.choosing import Choice\n"
        "threads.set_num_threads(2); Choice.took = lambda self, seconds: None\n"
        "x = np.ones((300, 300)); f = gg.compile(lambda x: x @ x, executor='fast')\n"
        "f(x); f(x); f(x); child = os.fork()\n"
        "assert (f(x) == 300).all()\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
        "os._exit(0)"
    )
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


def test_choices_are_kept_as_json_and_explained(two_threads):
    run = Run(make=big, compiled=True)
    for x, y in batches(42, size=256):
        run.step(x, y)
    kept = json.loads(choosing._file().read_text())
    (native,) = plan(run.step).natives
    assert any(key.startswith(native._key) for key in kept)
    assert f"threads: {native.threads} ({native.why})" in run.step.explain()


def test_an_mlp_whose_layers_are_wide_trains(two_threads):
    model = nn.MLP([20, 100, 100, 1], rng=0)
    rule = gg.optim.Adam(model.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 20)).astype("f4")
    y = (x[:, :1] * x[:, 1:2]).astype("f4")

    step = stepping(gg.compile, rule, lambda x, y: nn.mse_loss(model(x), y))
    losses = [step(x, y)[0].item() for _ in range(150)]
    assert losses[-1] < 0.02 * losses[0]


@pytest.mark.parametrize("executor", ["fast", "numpy"])
def test_arrays_without_elements_go_through_fused_calls(executor):
    w = np.ones((4, 3), "f4")
    for f, x in [
        (lambda x: ops.tanh(x * 2) + 1, np.ones(0, "f4")),
        (lambda x: ops.relu(x @ w) * 0.5 + 1, np.ones((0, 4), "f4")),
        (lambda x: (ops.tanh(x * 2) + 1).sum(axis=0), np.ones((0, 4), "f4")),
    ]:
        compiled = compile(f, executor=executor)
        for _ in range(2):
            np.testing.assert_array_equal(compiled(x), f(x))
