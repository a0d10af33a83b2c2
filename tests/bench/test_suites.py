"""bench/suites: how rounds are taken, the operands of every primitive, and what is refused as wrong."""

import time
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from bench import timing, turns
from bench.peers.nets import Net
from bench.suites import calculus, ceilings, cold, machine, ops, overhead, products, run, scale, task
from bench.suites import train as train_suite
from bench.suites.operands import work_for
from bench.suites.row import Fit, Row, row_of
from bench.suites.task import Settings, Task, require_close
from bench.turns import Contestant
from gpugrad.core.namespace import PRIMITIVES

TINY = Settings("tiny", seed=3)


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    monkeypatch.setattr(timing, "ROUND_S", 1e-6)


def test_a_slow_contestant_has_rounds_of_its_own(monkeypatch):
    monkeypatch.setattr(task, "BUDGET_S", {"tiny": 0.02})
    rounds = Settings("tiny").measure({"gpugrad": lambda: None, "slow": lambda: time.sleep(0.004)})
    assert list(rounds) == ["gpugrad", "slow"]
    assert len(rounds["gpugrad"]) == 30 and len(rounds["slow"]) < 30


class Clock:
    """Time that passes only where a call says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def call(self, seconds):
        def run():
            self.now += seconds()

        return run


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(Settings, "clock", made)
    monkeypatch.setattr(Settings, "pace", turns.AT_ONCE)
    return made


def test_each_is_measured_on_the_threads_that_suit_it(clock):
    """A peer that is slowed by a second thread is measured on one, and the row says so."""
    used = []
    peers = {"torch": SimpleNamespace(use_threads=used.append), "other": SimpleNamespace(use_threads=None)}
    runs = {
        "gpugrad compiled": clock.call(lambda: 2.0),
        "torch": clock.call(lambda: 4.0 * used[-1] if used else 1.0),
        "other": clock.call(lambda: 7.0),
    }
    rounds = Settings("tiny", peers=peers, threads=2).measure(runs)
    assert rounds.notes == {"torch": "on one thread, which is faster here"} and set(used) == {1, 2}
    assert set(rounds["torch"]) == {4.0} and set(rounds["other"]) == {7.0}
    assert row_of("a", "b", rounds).notes == rounds.notes


def test_what_chooses_its_threads_itself_may_always_use_all(clock, monkeypatch):
    """And the first call of everybody, which may compile; though whoever was before had one, which was faster."""
    now, seen = [2], {"eager": [], "compiled": []}

    def use(threads):
        now[0] = threads

    def run(who):
        return clock.call(lambda: seen[who].append(now[0]) or float(now[0]))

    monkeypatch.setattr("bench.suites.task.blas.use_threads", use)
    Settings("tiny", threads=2).measure({"gpugrad": run("eager"), "gpugrad compiled": run("compiled")})
    assert seen["eager"][0] == 2 and seen["eager"][-1] == 1 and set(seen["compiled"]) == {2}


def test_another_way_of_a_peer_is_tried_as_well(clock):
    ways = {"jax": Contestant(clock.call(lambda: 1.0), how="elsewhere")}
    rounds = Settings("tiny").measure({"gpugrad": clock.call(lambda: 1.0), "jax": clock.call(lambda: 3.0)}, ways)
    assert rounds.notes == {"jax": "elsewhere"} and set(rounds["jax"]) == {1.0}


def test_close_enough_is_a_share_of_the_largest_entry():
    require_close("x", "me", np.array([100.0, 1e-3]), np.array([100.0, 0.0]), 1e-4)
    with pytest.raises(ArithmeticError, match=r"x: me is off by 1\.0e-02 of the largest entry"):
        require_close("x", "me", np.array([101.0]), np.array([100.0]), 1e-4)
    with pytest.raises(ArithmeticError, match=r"shape \(1,\), expected \(2,\)"):
        require_close("x", "me", np.ones(1), np.ones(2), 1e-4)
    with pytest.raises(ArithmeticError):
        require_close("x", "me", np.array([np.nan]), np.ones(1), 1e-4)


def test_every_primitive_has_operands_and_runs():
    names = [t.what.split(",")[0] for t in ops.tasks(TINY)]
    assert set(names) == {n for n, p in PRIMITIVES.items() if p.forward.__module__.startswith("gpugrad.")}
    for name in names:
        work = work_for(name, 64, TINY.rng(1))
        work.primitive.call(*work.args, **work.params)


def test_a_primitive_without_operands_says_where_to_add_them(monkeypatch):
    work_for("add", 8, TINY.rng(1))
    monkeypatch.setitem(PRIMITIVES, "odd", SimpleNamespace(forward=ops.rows, family=None, inputs=("x",)))
    with pytest.raises(LookupError, match="odd; add a line to SHAPED"):
        work_for("odd", 8, TINY.rng(1))


@pytest.mark.parametrize(
    ("name", "forward", "reverse"),
    [("add", 3 * 256, 3 * 256), ("tanh", 2 * 256, 3 * 256), ("reshape", 0, 2 * 256), ("sum", 256 + 4, 256 + 4)],
)
def test_bytes_follow_from_the_arrays(name, forward, reverse):
    """64 numbers are 256 bytes; tanh's rule reads g and y, writes a gradient; a view moves none, its gradient does."""
    first, second = ops.rows(name, 64, TINY)
    assert (first.bytes, second.bytes) == (forward, reverse)
    assert first.params["part"] == "forward" and second.params["part"] == "VJP"
    assert first.ratio.peer == "ceiling" and set(first.times) == {"gpugrad", "ceiling"}


def test_a_wrong_rule_is_found(monkeypatch):
    def wrong(F, g, y, x):
        return g - g * y * y * (1.5 if x is None and getattr(y, "dtype", None) == np.float32 else 1.0)

    monkeypatch.setattr(PRIMITIVES["tanh"], "vjp_rules", (wrong,))
    with pytest.raises(ArithmeticError, match="VJP of tanh, 64: gpugrad is off"):
        list(ops.rows("tanh", 64, TINY))


def test_losses_and_ways_must_agree():
    right = [1.0, 0.5], np.array([1.0, 2.0])
    train_suite.require_same_course("net", "me", right, right)
    with pytest.raises(ArithmeticError, match="net: the losses of me are off by"):
        train_suite.require_same_course("net", "me", ([1.0, 0.6], right[1]), right)
    with pytest.raises(ArithmeticError, match="net: the parameters of me went"):
        train_suite.require_same_course("net", "me", (right[0], right[1] * 1.5), right)


def test_a_peer_that_trains_otherwise_is_left_out_and_named():
    from bench.peers import by_hand

    def other(net, optimizer):
        trainer = by_hand.trainer(net, optimizer)
        return trainer._replace(step=lambda x, y: trainer.step(x, y) * 1.01)

    settings = Settings("tiny", peers={"other": SimpleNamespace(trainer=other)})
    eager, compiled, by_numpy = train_suite.rows(Net((4, 3, 2), 5), "adam", settings)
    assert "the losses of other are off" in eager.notes["other"] and "other" not in eager.times
    assert eager.params["way"] == "eager" and compiled.ours == "gpugrad compiled" and eager.ratio is None
    assert by_numpy.params["way"] == "compiled, executor numpy" and by_numpy.ours == "gpugrad NumPy executor"


def test_an_exponent_is_fitted_to_each_series():
    fit = scale.fit_of("scale", "a step", "batch", {1.0: [1.0, 2.0], 2.0: [4.0, 8.0, 9.0], 4.0: [16.0, 32.0]}, 2.0)
    assert fit.exponent.median == pytest.approx(2.0) and fit.exponent.rounds == 2
    found = list(scale.rows("width", TINY))
    assert [type(one) for one in found] == [Row, Row, Fit, Fit]


@pytest.mark.parametrize("kind", ["gradients", "norms"])
def test_per_sample_rows_are_checked(kind):
    eager, compiled = calculus.per_sample_rows(kind, TINY)
    assert eager.ours == "gpugrad" and compiled.ours == "gpugrad compiled" and eager.key != compiled.key
    assert compiled.times["gpugrad compiled"].median > 0


def test_checkpoints_take_less_memory():
    time_row, memory_row = calculus.checkpoint_rows(Settings("tiny"))
    assert memory_row.unit == "bytes" and set(memory_row.times) == {"gpugrad", "gpugrad without"}
    assert calculus.peak_bytes(lambda: np.ones(100_000)) >= 800_000
    assert time_row.times["gpugrad"].median > 0


def test_products_know_their_work():
    square = products.Product("matmul", (0, 8, 8, 8))
    assert (square.flop, square.n_bytes) == (1024, 3 * 64 * 4)
    both = products.Product("matmul_vjp", (2, 8, 8, 8))
    assert (both.flop, both.n_bytes) == (4096, 2 * 5 * 64 * 4)


@pytest.mark.parametrize("kind", ["matmul", "matmul_vjp", "linear_vjp"])
def test_products_are_measured_eager_and_compiled(kind):
    eager, compiled = products.rows(products.Product(kind, (0, 3, 4, 5)), TINY)
    assert eager.ours == "gpugrad" and compiled.ours == "gpugrad compiled" and eager.key != compiled.key
    assert eager.flop == compiled.flop and compiled.times["gpugrad compiled"].median > 0


def test_overhead_cases_are_known_in_float64():
    assert overhead.expected("add tracked", 8).dtype == np.float64
    (row,) = overhead.rows("chain", 8, TINY)
    assert row.params == {"n": 8}


def test_ceilings_are_the_largest_copy_and_the_best_product():
    rows = [row for t in ceilings.tasks(TINY) for row in t.run(TINY)]
    found = ceilings.of(rows)
    assert set(found) == {"copy", "gemm float32", "gemm float64"} and found["copy"]["unit"] == "bytes"
    assert found["gemm float32"]["per_s"] > 0
    assert ceilings.of([]) == {}


def test_the_time_left_follows_from_what_was_done(monkeypatch):
    ticks = count(0.0, 10.0)
    monkeypatch.setattr(run.time, "perf_counter", lambda: next(ticks))
    seen = []
    tasks = [Task("a", "one", 1.0, lambda s: iter(())), Task("a", "two", 3.0, lambda s: iter(()))]
    assert list(run.measured(tasks, TINY, lambda *given: seen.append(given), print)) == []
    assert seen == [(0.0, "a: one", 4.0), (0.25, "a: two", 30.0), (1.0, "", 0.0)]
    assert run.minutes(125) == "2:05"


def test_a_task_that_fails_is_named_and_the_others_go_on(capsys):
    def fail(settings):
        raise ArithmeticError("off by far")
        yield

    good = Task("a", "good", 1.0, lambda s: iter([Row("a", "good")]))
    found = list(run.measured([Task("a", "bad", 1.0, fail), good], TINY, lambda *given: None, print))
    assert [row.name for row in found] == ["bad", "good"] and "off by far" in found[0].notes[""]
    assert "a: bad was not measured: ArithmeticError: off by far" in capsys.readouterr().out


def test_sizes_count_what_is_installed_for_a_library():
    assert "numpy" in cold.needed_by("scikit-learn") if cold._installed("scikit-learn") else True
    assert cold.needed_by("no-such-distribution") == set()
    assert cold.size_of("numpy") > 1_000_000


def test_what_a_fresh_interpreter_says():
    assert cold._python("-c", "print(1); print(2)") == ["2"]
    assert cold._python("-c", "raise SystemExit('no use')") == "left out: no use"


def test_other_programs_are_counted(tmp_path):
    before = machine.processor_s()
    assert machine.others((0.0, 0.0), 1e12) < 1e-3 and machine.others(before, 1.0) >= 0.0
    every, own = machine.processor_s()
    assert every >= own > 0.0 or every == 0.0


def test_a_busy_machine_is_said_to_be_one(monkeypatch):
    said = []
    monkeypatch.setattr(run, "tasks_of", lambda names, settings: [])
    monkeypatch.setattr(run, "others", lambda before, seconds: 1.26)
    found = run.complete([], TINY, {}, {}, lambda *given: None, said.append)
    assert found.settings["others"] == 1.26 and said[0].startswith("other programs kept 1.3 processors busy")
