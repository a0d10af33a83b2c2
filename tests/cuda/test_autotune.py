"""Which implementation is taken: the default where nothing was measured, else the fastest; with a fake clock."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from gpugrad.cuda import autotune, linear_vjp
from gpugrad.cuda.autotune import Choice, Table, Work, measuring, run
from gpugrad.cuda.precision import matmul_precision

F32 = np.dtype("float32")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some" / "folder" / "autotune.json"


@pytest.fixture
def table(host, path, monkeypatch):
    """An empty table in a folder that does not exist yet, in use, and nothing run so far."""
    monkeypatch.setattr(autotune, "taken", {})
    monkeypatch.setattr(autotune, "told", {})
    found = Table(path, "v1")
    with autotune.use(found):
        yield found


class Clock:
    """A timer of functions that tell by themselves how long they take: f.us microseconds, more in some rounds."""

    def __init__(self, noise=()):
        self.n_timed, self.noise = 0, noise

    def __call__(self, f):
        f()
        self.n_timed += 1
        return f.us * 1e-6 * (self.noise[self.n_timed % len(self.noise)] if self.noise else 1.0)


def taking(us, value, calls):
    """A candidate that takes `us` and gives `value`."""

    def candidate():
        calls.append(value)
        return value

    candidate.us = us
    return candidate


def candidates(calls, **us):
    return {name: taking(t, name, calls) for name, t in us.items()}


def test_the_first_named_runs_where_nothing_was_measured(table):
    calls = []
    assert run("op", (3, 4), F32, candidates(calls, own=5, other=1)) == "own"
    assert calls == ["own"] and table.choices == {}
    assert autotune.report() == [("op 4x4 float32 sm_90", "own (the default; not measured here)")]


def test_what_declines_leaves_it_to_the_next(table):
    assert run("op", (3,), F32, {"own": lambda: NotImplemented, "other": lambda: 2}) == 2
    assert run("op", (3,), F32, {"own": lambda: NotImplemented}) is NotImplemented


def test_the_fastest_is_measured_once_and_runs_from_then_on(table, path):
    calls, clock = [], Clock()
    with measuring(clock):
        assert run("op", (100, 8), F32, candidates(calls, own=5, lt=2, third=3)) == "lt"
        assert clock.n_timed == 3 * autotune.ROUNDS
        assert run("op", (65, 7), F32, candidates(calls, own=5, lt=2, third=3)) == "lt"  # the same class of sizes
        assert clock.n_timed == 3 * autotune.ROUNDS
    calls.clear()
    assert run("op", (128, 8), F32, candidates(calls, own=5, lt=2, third=3)) == "lt" and calls == ["lt"]
    assert autotune.report()[0] == ("op 128x8 float32 sm_90", "lt (lt 2.0 us, third 3.0 us, own 5.0 us)")
    assert Table(path, "v1").choices == table.choices
    assert [p.name for p in path.parent.iterdir()] == ["autotune.json"]


@pytest.mark.parametrize(("own", "other", "taken"), [(5.0, 4.95, "own"), (5.0, 4.5, "other"), (5.0, 5.0, "own")])
def test_another_than_the_default_must_be_faster_by_a_margin(table, own, other, taken):
    with measuring(Clock()):
        assert run("op", (1,), F32, candidates([], own=own, other=other)) == taken


def test_single_slow_rounds_do_not_count(table):
    with measuring(Clock(noise=(1.0, 1.0, 1.0, 50.0))):
        assert run("op", (1,), F32, candidates([], own=5, other=3)) == "other"


def test_what_declines_is_not_measured(table):
    clock = Clock()
    with measuring(clock):
        both = {"own": lambda: NotImplemented, **candidates([], other=1)}
        assert run("op", (1,), F32, both) == "other"
    assert clock.n_timed == 0 and table.choices == {}


def test_a_measured_choice_that_declines_now_is_not_said_to_run(table):
    key = autotune.key_of("op", (1,), F32)
    table.choices[key] = Choice("lt", {"own": 2e-6, "lt": 1e-6})
    assert run("op", (1,), F32, {"own": lambda: "own", "lt": lambda: NotImplemented}) == "own"
    assert autotune.taken[key] == Choice("own", {})


def test_keys_tell_sizes_dtype_precision_and_card_apart(host):
    key = autotune.key_of
    assert key("op", (0, 1, 2, 3, 1000), F32) == "op 0x1x2x4x1024 float32 sm_90"
    assert key("op", (5,), np.dtype("float16")) == "op 8 float16 sm_90"
    with matmul_precision("tf32"):
        assert key("op", (5,), F32) == "op 8 tf32 sm_90"
        assert key("op", (5,), np.dtype("float64")) == "op 8 float64 sm_90"
    host.device = host.device._replace(arch=75)
    assert key("op", (5,), F32) == "op 8 float32 sm_75"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "v1"}', '{"version": "v1", "choices": {"a": 3}}'])
def test_a_damaged_file_counts_as_empty_and_is_written_anew(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    table = Table(path, "v1")
    assert table.choices == {}
    table.keep("key", Choice("own", {"own": 1e-6}))
    assert Table(path, "v1").choices == {"key": Choice("own", {"own": 1e-6})}


def test_what_was_measured_with_other_kernels_is_forgotten(path):
    Table(path, "v1").keep("key", Choice("own", {"own": 1e-6}))
    newer = Table(path, "v2")
    assert newer.choices == {}
    newer.keep("other", Choice("lt", {"lt": 1e-6}))
    assert json.loads(path.read_text())["choices"] == {"other": ["lt", {"lt": 1e-6}, 0.0]}


def test_two_processes_add_to_one_file(path):
    first, second = Table(path, "v1"), Table(path, "v1")
    first.keep("a", Choice("own", {"own": 1.0}))
    second.keep("b", Choice("own", {"own": 2.0}))
    assert set(Table(path, "v1").choices) == {"a", "b"}


def test_a_folder_that_refuses_is_let_be(tmp_path):
    (tmp_path / "file").write_text("")
    table = Table(tmp_path / "file" / "autotune.json", "v1")
    table.keep("a", Choice("own", {}))
    assert table.choices == {"a": Choice("own", {})}


def test_the_file_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert autotune.cache_file() == tmp_path / "gpugrad" / "autotune.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert autotune.cache_file() == tmp_path / ".cache" / "gpugrad" / "autotune.json"
    monkeypatch.setattr(autotune.os.path, "expanduser", lambda path: path)
    assert autotune.cache_file() == Path(tempfile.gettempdir(), "gpugrad", "autotune.json")


@pytest.mark.parametrize("best", ["one kernel", "cuBLAS + kernel", "cuBLASLt"])
def test_every_way_through_linear_vjp_gives_the_same(table, host, monkeypatch, best):
    monkeypatch.setattr("gpugrad.cuda.outer.TALL_ROWS", 1)
    rng = np.random.default_rng(0)
    shapes = ((40, 5), (40, 5), (40, 6), (5, 6))
    arrays = [host.array(rng.uniform(-1, 1, shape).astype("float32")) for shape in shapes]
    params = {"activation": "tanh", "options": (), "bias": True}
    want = [host.numpy(a).copy() for a in linear_vjp.linear_vjp(*arrays, **params)]
    key = autotune.key_of("linear_vjp dx dw db", (40, 5, 6), F32)
    assert autotune.taken[key].taken == "one kernel"
    table.choices[key] = Choice(best, {best: 1e-6})
    got = linear_vjp.linear_vjp(*arrays, **params)
    assert autotune.taken[key].taken == best
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(host.numpy(a), b, atol=1e-5)


def test_the_roofline_fraction_of_each_is_kept_and_told(table, path):
    ceilings = {F32: Work(flop=1e12, n_bytes=1e9)}.__getitem__
    with measuring(Clock(), ceilings):
        run("arithmetic", (8,), F32, candidates([], own=4, lt=2), Work(flop=1e6, n_bytes=10))
        run("memory", (8,), F32, candidates([], own=4, lt=2), Work(flop=1e3, n_bytes=500))
    told = dict(autotune.report())
    assert told["arithmetic 8 float32 sm_90"] == (
        "lt (lt 2.0 us, 50% of the roofline, own 4.0 us, 25% of the roofline)"  # 1 us at 1e12 flop/s
    )
    assert told["memory 8 float32 sm_90"] == "lt (lt 2.0 us, 25% of the roofline, own 4.0 us, 12% of the roofline)"
    assert Table(path, "v1").choices == table.choices


def test_a_fraction_is_not_made_up_where_work_or_ceilings_are_unknown(table):
    with measuring(Clock()):
        run("op", (8,), F32, candidates([], own=4, lt=2), Work(1e6, 10))
    with measuring(Clock(), lambda dtype: Work(1e12, 1e9)):
        run("op", (9,), F32, candidates([], own=4, lt=2))
    assert not any("roofline" in why for _, why in autotune.report())


def test_launchers_tell_their_work(host, table):
    x, w, g = (host.array(np.ones(shape, np.float32)) for shape in ((64, 8), (4, 8), (64, 4)))
    with measuring(lambda f: 1e-3, lambda dtype: Work(1e6, 1e12)):
        linear_vjp.linear_vjp(g, None, x, w, activation="identity", options=(), bias=True)
    (choice,) = table.choices.values()
    assert choice.floor == pytest.approx(2 * 2 * 64 * 4 * 8 / 1e6)  # two products
