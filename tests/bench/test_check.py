"""`gpugrad bench --check`: a reverse rule that takes twice as long is found and named."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import __main__ as program
from bench import command, timing
from bench.suites import check, machine, ops, task
from bench.suites import run as running
from bench.suites.row import BenchError, Ratio, Row, Run, Stat
from bench.suites.task import Settings, Task
from gpugrad.core.namespace import PRIMITIVES

HEAD = {"device": "cpu", "versions": {}, "commit": "c", "kernels": "k", "started": "2026-01-01"}


def stored(*rows, machine_id="here", threads=1):
    return Run(**HEAD, machine={"id": machine_id}, settings={"suite": "tiny", "threads": threads}, rows=list(rows))


def row(ratio, name="tanh", part="VJP"):
    times = {"gpugrad": Stat(1 / ratio, 1 / ratio, 1 / ratio, 30)}
    return Row("ops", name, {"n": 64, "part": part}, times, Ratio("ceiling", ratio, ratio, ratio))


@pytest.mark.parametrize(("now", "falls"), [(1.0, 0), (0.86, 0), (0.84, 1), (0.5, 1), (3.0, 0)])
def test_a_fall_of_more_than_15_percent(now, falls):
    found = check.falls(stored(row(1.0)), [row(now)])
    assert len(found) == falls
    if found:
        assert str(found[0]).startswith("ops: tanh (n=64, part=VJP): the ratio fell by ")


def test_a_copy_that_became_faster_is_no_fault_of_ours_but_a_peer_is():
    old, new = row(1.0), row(0.5)
    new.times = dict(old.times)
    assert check.falls(stored(old), [new]) == []
    for one in (old, new):
        one.times = {**one.times, "torch": one.times["gpugrad"]}
    assert len(check.falls(stored(old), [new])) == 1


@pytest.mark.parametrize(("before", "now", "fell"), [((0.9, 1.1), (0.4, 0.89), 1), ((0.9, 1.1), (0.4, 0.95), 0)])
def test_ratios_whose_quartiles_meet_are_not_apart(before, now, fell):
    old, new = row(1.0), row(0.7)
    old.ratio, new.ratio = Ratio("ceiling", 1.0, *before), Ratio("ceiling", 0.7, *now)
    assert len(check.falls(stored(old), [new])) == fell
    assert check.falls(stored(old), [new, row(0.8), row(0.99)]) == []


@pytest.mark.parametrize(("others", "now", "fell"), [(0.0, 0.8, 1), (0.2, 0.8, 1), (1.5, 0.8, 0), (1.5, 0.5, 1)])
def test_a_busy_machine_is_allowed_more_but_not_twice_as_long(others, now, fell, slept):
    run = stored(row(now))
    run.settings["others"] = others
    assert len(check.confirmed(stored(row(1.0)), run, [], Settings("tiny"), print)) == fell


def test_a_single_round_is_not_compared():
    once = Stat(1.0, 1.0, 1.0, 1)
    old, new = (Row("cold", "import", {}, {"gpugrad": once, "jax": once}, Ratio("jax", r, r, r)) for r in (1.0, 0.1))
    assert check.falls(stored(old), [new]) == []


def test_only_rows_of_both_are_compared_and_the_best_of_several_counts():
    old = stored(row(1.0), row(1.0, "exp"), Row("ops", "none"))
    assert check.falls(old, [row(0.5), row(0.95), row(0.1, "new")]) == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (stored(row(1.0), machine_id="there"), "another machine"),
        (stored(row(1.0), threads=2), "--threads 2, this run with --threads 1"),
        (stored(row(1.0, "exp")), "no row in common"),
        (stored(row(2.0)), ""),
    ],
)
def test_what_can_be_compared(other, reason):
    assert reason in check.comparable(other, stored(row(1.0)))
    assert bool(check.comparable(other, stored(row(1.0)))) == bool(reason)


def test_a_row_that_fell_by_chance_is_measured_again_and_forgiven(slept):
    again = Task("ops", "tanh, 64 elements", 1.0, lambda s: iter([row(0.99)]))
    said = []
    assert check.confirmed(stored(row(1.0)), stored(row(0.5)), [again], Settings("tiny"), said.append) == []
    assert said == ["1 ratios fell; measuring 1 tasks again"] and not slept
    slow = again._replace(run=lambda s: iter([row(0.6)]))
    (fall,) = check.confirmed(stored(row(1.0)), stored(row(0.5)), [slow], Settings("tiny"), said.append)
    assert fall.now == 0.6 and slept == [wait for wait in check.WAITS_S if wait]
    assert said[-1] == "1 ratios fell; measuring 1 tasks again in 30 s"


@pytest.fixture
def slept(monkeypatch):
    """The waits, which are not waited for."""
    found = []
    monkeypatch.setattr(check.time, "sleep", lambda seconds: found.append(seconds) if seconds else None)
    return found


class FakeClock:
    """Time that passes only where a rule says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-9
        return self.now


@pytest.fixture(autouse=True)
def unpinned(monkeypatch):
    monkeypatch.setattr(program, "pin", lambda threads: None)


@pytest.fixture
def fake_time(monkeypatch, slept):
    """Every measured call takes a microsecond, and the reverse rule of tanh `factor` more."""
    clock, rule = FakeClock(), PRIMITIVES["tanh"].vjp_rules[0]
    cost = SimpleNamespace(factor=1.0)

    def timed(F, g, y, x):
        clock.now += 1e-6 * cost.factor
        return rule(F, g, y, x)

    monkeypatch.setattr(PRIMITIVES["tanh"], "vjp_rules", (timed,))
    monkeypatch.setattr(time, "process_time", clock)
    monkeypatch.setattr(ops.np, "copyto", lambda target, source: setattr(clock, "now", clock.now + 1e-6))
    monkeypatch.setattr(timing, "ROUND_S", 1e-5)
    monkeypatch.setattr(task, "_seconds", lambda run: 1e-6)
    monkeypatch.setattr(timing, "_calls", lambda timer: 3)
    return cost


def test_a_reverse_rule_that_takes_twice_as_long_fails_the_check_by_name(fake_time, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "SUITES", ("ops",))
    monkeypatch.setattr(command.running, "tasks_of", lambda names, s: [ops._task("tanh", 64)])
    before, after = str(tmp_path / "before.json"), str(tmp_path / "after.json")
    options = ["--suite", "tiny", "--peers", "none"]
    monkeypatch.setattr(running, "others", lambda before, seconds: 0.0)
    assert program.main([*options, "--out", before]) == 0
    assert program.main([*options, "--out", after, "--check", before]) == 0
    assert "no ratio fell by more than 15%" in capsys.readouterr().out
    monkeypatch.setattr(running, "others", lambda before, seconds: 2.0)
    fake_time.factor = 2.0
    assert program.main([*options, "--out", after, "--check", before]) == 1
    out = capsys.readouterr().out
    assert "slower: ops: tanh (n=64, part=VJP): the ratio fell by 50%, from 1 to 0.5" in out
    assert out.count("slower: ") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "speed"], "--only: speed is not a suite; expected one of overhead, ops"),
        (["--peers", "pytorch"], "--peers: pytorch not known"),
        (["--threads", "0"], "--threads: got 0; expected 1 or more"),
        (["--device", "tpu"], "--device: got tpu; expected cpu or cuda"),
        (["--check", "nowhere.json"], "nowhere.json: not a file of gpugrad bench"),
    ],
)
def test_what_is_not_understood_is_one_line_and_exit_code_2(words, message, capsys):
    assert program.main(words) == 2
    assert message in capsys.readouterr().err


def test_a_row_that_fails_now_fails_the_check(monkeypatch, tmp_path, capsys):
    def fail(settings):
        raise ArithmeticError("off by far")

    stored_file = stored(row(1.0), row(1.0, "exp"))
    stored_file.machine = machine.machine()
    stored_file.save(tmp_path / "before.json")
    good = Task("ops", "tanh", 1.0, lambda s: iter([row(1.0)]))
    monkeypatch.setattr(command.running, "tasks_of", lambda names, s: [good, Task("ops", "exp", 1.0, fail)])
    words = ["--suite", "tiny", "--peers", "none", "--out", str(tmp_path / "out.json")]
    assert program.main([*words, "--check", str(tmp_path / "before.json")]) == 1
    assert "failed: ops: exp: not measured: ArithmeticError: off by far" in capsys.readouterr().out


def test_a_file_of_another_machine_is_not_compared(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command.running, "complete", None)  # nothing is measured before
    stored(row(1.0), machine_id="there").save(tmp_path / "there.json")
    words = ["--suite", "tiny", "--peers", "none", "--out", str(tmp_path / "out.json")]
    assert program.main([*words, "--check", str(tmp_path / "there.json")]) == 2
    assert "from another machine" in capsys.readouterr().err


def test_the_machine_has_a_name_of_its_own():
    found = machine.machine()
    assert len(found["id"]) == 12 and found == machine.machine() and found["cores"] >= 1
    assert machine.versions()["numpy"]


def test_the_gpu_suite_is_started(monkeypatch):
    started = []
    monkeypatch.setattr(
        command.subprocess, "run", lambda words, cwd: started.append(words) or SimpleNamespace(returncode=3)
    )
    assert program.main(["--device", "cuda"]) == 3
    assert started[0][1:] == ["-m", "bench.gpu"]
    assert program.main(["--device", "cuda", "--out", "there.json"]) == 3
    assert started[1][1:] == ["-m", "bench.gpu", "--out", str(Path("there.json").absolute())]


def test_a_wheel_says_where_the_suite_is(monkeypatch, tmp_path):
    from gpugrad.cli import bench
    from gpugrad.errors import MissingDependencyError

    assert (bench.checkout() / "bench" / "__main__.py").is_file()
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "site-packages" / "gpugrad" / "cli" / "bench.py"))
    with pytest.raises(MissingDependencyError, match="not in the installed package, but in gpugrad's repository"):
        bench.checkout()


def test_a_bench_error_is_no_fault_of_ours():
    assert issubclass(BenchError, Exception) and not issubclass(BenchError, ValueError)


def test_a_suite_measured_again_takes_the_place_of_the_first(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command.running, "tasks_of", lambda names, s: [ops._task("tanh", 64)])
    options = ["--suite", "tiny", "--only", "ops", "--peers", "none"]
    kept, other = tmp_path / "kept.json", Row("train", "64-32-10")
    first = stored(row(0.25), other, machine_id=machine.machine()["id"])
    first.versions, first.settings["peers"] = machine.versions(), []
    first.ceilings = {"copy": {"per_s": 7.0, "unit": "bytes"}}
    first.save(kept)
    for _ in range(2):  # and then that of the second
        assert program.main([*options, "--into", str(kept)]) == 0
    found = Run.load(kept)
    assert found.ceilings == first.ceilings
    assert [r for r in found.rows if r.suite == "train"] == [other]
    assert {r.key for r in found.rows} > {other.key} and row(0.25) not in found.rows
    (part,) = found.again
    assert part["suites"] == ["ops"] and found.commit == "c"
    assert found.measured_again == f"; ops again at commit {part['commit']}"
    assert program.main([*options, "--into", str(kept), "--threads", "2"]) == 2
    assert "--into: the file was made with --threads 1, this run with --threads 2" in capsys.readouterr().err
    assert Run.load(kept) == found


def test_a_suite_is_not_put_beside_those_of_other_peers(monkeypatch, tmp_path, capsys):
    """Without the peer that won a row, the row would be won."""
    monkeypatch.setattr(command.running, "complete", lambda *given: pytest.fail("measured"))
    kept, options = tmp_path / "kept.json", ["--suite", "tiny", "--only", "ops", "--peers", "none"]
    first = stored(row(0.25), machine_id=machine.machine()["id"])
    first.versions = {**machine.versions(), "torch": "0.0.1"}
    first.settings["peers"] = ["torch"]
    first.save(kept)
    assert program.main([*options, "--into", str(kept)]) == 2
    found = capsys.readouterr().err
    assert "the file was made beside others: torch 0.0.1 there," in found and "torch takes part there only" in found
