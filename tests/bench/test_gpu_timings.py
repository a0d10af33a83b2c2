"""bench/gpu: the cases, every contestant's results against float64, and the clock, on the CPU and with fakes."""

import numpy as np
import pytest

from bench.gpu import cases, clock, contestant, reference, small, timings, torch_peer, training
from bench.gpu.cases import CASES, SMALL, Case, inputs
from bench.gpu.contestant import Contestant, error_of
from gpugrad.cuda import autotune

pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
from tests.bench.pretend_card import PretendCard
from tests.host_cuda.fixture import host

__all__ = ["host"]
each = pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)


@pytest.fixture
def card(host, tmp_path, monkeypatch):
    monkeypatch.setattr(contestant, "COLD_BYTES", 1)
    monkeypatch.setattr(autotune, "ROUNDS", 1)
    monkeypatch.setattr(autotune, "WARM_UP", 0)
    with autotune.use(autotune.Table(tmp_path / "autotune.json", "test")):
        yield PretendCard(host)


class OnNumPy:
    """The face of a card for contestants that take NumPy's arrays."""

    array, numpy = staticmethod(np.array), staticmethod(np.asarray)


def wanted(case):
    arrays = inputs(case)
    return arrays, reference.expected(np, case, small.widened(arrays))


def assert_right(case, made, expected):
    made = list(made)
    right, told = timings.admitted(iter(made), expected, case.tolerance)
    assert [c.name for c in right] == [name for name, _ in made], told


@each
def test_ours(card, case):
    from bench.gpu import ours

    arrays, expected = wanted(case)
    assert_right(case, ours.contestants(card, case, arrays), expected)


@each
def test_cupy_by_hand(case):
    from bench.gpu import cupy_peer

    arrays, expected = wanted(case)
    if case.dtype == "float32":  # NumPy sums bfloat16 in bfloat16
        made = dict(cupy_peer.contestants(OnNumPy, np, case, arrays))
        assert_right(case, [("CuPy", made["CuPy"])], expected)


@pytest.mark.slow
@each
def test_pytorch(case, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    torch = torch_peer.pinned()
    monkeypatch.setattr(torch, "compile", lambda f, dynamic: f)
    arrays, expected = wanted(case)
    assert_right(case, torch_peer.contestants(torch, case, arrays, "cpu"), expected)


@pytest.mark.slow
@each
def test_jax(case):
    pytest.importorskip("jax", reason="jax is not installed")
    from bench.gpu import jax_peer

    arrays, expected = wanted(case)
    assert_right(case, jax_peer.contestants(jax_peer.pinned(), case, arrays), expected)


def test_small_cases_give_the_same_bits_again(card, monkeypatch):
    monkeypatch.setattr(small, "SMALL", SMALL[6:10])
    assert small.repeated(card, 2) == {"differing": [], "cases": 4, "runs": 2}
    given = iter(range(100))
    monkeypatch.setattr(small, "results", lambda *a: {"gpugrad": [np.array([next(given)])]})
    monkeypatch.setattr(small, "checked", small.results)
    assert len(small.repeated(card, 2)["differing"]) == 4


def test_a_wrong_result_is_seen(card, monkeypatch):
    from bench.gpu import ours

    monkeypatch.setitem(ours.CALLS, "outer_each", lambda g, x: (card.array(np.ones((35, 9, 12), g.dtype)),))
    with pytest.raises(AssertionError, match=r"outer_each float32 35x9x12, gpugrad: off by"):
        small.checked(card, Case("outer_each", "float32", (35, 9, 12)))


# --- cases


def test_cases_have_names_of_their_own_and_cover_every_family_when_small():
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.family for case in SMALL} == {case.family for case in CASES} == set(cases._INPUTS)


def test_bytes_and_operations():
    assert Case("linear_vjp", "bfloat16", (100, 8, 4)).n_bytes == 2 * 2 * (800 + 400 + 32)
    assert Case("linear_vjp", "float32", (100, 8, 4)).n_flop == 4 * 100 * 32
    step, n_weights = Case("train_step", "float32", (1000, 64)), 4 * 64 * 64 + 640
    assert step.n_flop == 1000 * (6 * n_weights - 2 * 64 * 64)
    assert step.n_bytes == 1000 * 64 * 4 + 8000 + (n_weights + 4 * 64 + 10) * 24


def test_an_error_is_relative_and_never_hides_what_is_missing():
    a = np.array([3.0, 4.0])
    assert error_of([a + 0.5], [a]) == pytest.approx(0.5 * 2**0.5 / 5)
    assert error_of([], [a]) == error_of([a[:1]], [a]) == error_of([a * np.nan], [a]) == float("inf")


def test_copies_keep_the_inputs_out_of_the_cache():
    assert contestant.n_copies({"x": np.zeros(1 << 20, np.uint8)}) == contestant.MOST_COPIES
    assert contestant.n_copies({"x": np.broadcast_to(np.uint8(0), (1 << 28,))}) == 1
    seen = []
    run = contestant.in_turns(lambda x: seen.append(x), [{"x": 1}, {"x": 2}])
    for _ in range(3):
        run()
    assert seen == [1, 2, 1]


# --- the clock


class FakeClock:
    """Time passes by what contestants say they take."""

    def __init__(self):
        self.ms = self.began = 0.0

    def start(self):
        self.began = self.ms

    def stop(self):
        return self.ms - self.began


def test_contestants_take_turns_in_blocks_and_are_told_by_call():
    time, order = FakeClock(), []

    def taking(name, ms, calls=1):
        def run():
            time.ms += ms
            order.append(name)

        return Contestant(name, run, list, calls=calls)

    a, b = clock.measure(time, [taking("a", 0.1), taking("b", 4.0, calls=2)], rounds=4)
    assert a == pytest.approx([100.0] * 4) and b == pytest.approx([2000.0] * 4)
    turns = "".join(order).replace("aaaaaaaaaa", "A")
    assert turns.endswith("bAAbbAAb")
    assert clock.summary(a) == {
        "us": pytest.approx(100),
        "low": pytest.approx(100),
        "high": pytest.approx(100),
        "rounds": 4,
    }


def test_what_the_stream_does_not_wait_for_is_waited_for():
    waited = []
    clock.block(FakeClock(), Contestant("x", lambda: "outputs", list, wait=waited.append), 2)
    assert waited == ["outputs"]


# --- a row


class FewPeers:
    """The pretended card, ours and a peer that is wrong."""

    def __init__(self, card):
        self.card, self.absent = card, {"jax": "not installed"}

    def contestants(self, case, arrays):
        from bench.gpu import ours

        yield from ours.contestants(self.card, case, arrays)
        yield "wrong", lambda: Contestant("wrong", lambda: None, lambda outputs: [np.zeros(1031)])
        yield "broken", lambda: 1 / 0

    def wanted(self, case, arrays):
        return wanted(case)[1]

    def free(self):
        """Nothing is held."""


def test_a_row_times_what_is_right_and_names_what_is_not(card):
    found = timings.row(FewPeers(card), Case("tanh_grad", "float32", (1031,)), rounds=3)
    assert found["contestants"]["gpugrad"]["us"] > 0 and found["contestants"]["gpugrad, graph"]["rounds"] == 3
    assert found["contestants"]["wrong"]["error"].startswith("wrong: off by 1.0e+00")
    assert found["contestants"]["broken"]["error"].startswith("ZeroDivisionError")
    assert "state" not in found and found["absent"] == {"jax": "not installed"}


def test_a_row_fails_where_ours_is_wrong_and_not_where_a_way_declines(card, monkeypatch):
    from bench.gpu import ours

    monkeypatch.setattr(ours.mlp_step, "mlp_step", lambda *args, **how: NotImplemented)
    found = timings.row(FewPeers(card), Case("train_step", "float32", (33, 8)), rounds=2)
    assert found["contestants"]["gpugrad fused, graph"]["error"].startswith("Declined")
    assert "state" not in found
    monkeypatch.setitem(ours.CALLS, "tanh_grad", lambda g, y: (g,))
    found = timings.row(FewPeers(card), Case("tanh_grad", "float32", (1031,)), rounds=2)
    assert found["state"] == "failed" and "gpugrad: wrong: off by" in found["error"]


# --- training


def test_a_step_that_was_not_captured_is_not_timed_as_a_graph(card, monkeypatch):
    from bench.gpu import ours

    monkeypatch.setattr("gpugrad.program.graph.plan.refusal", lambda program: "not today")
    case = SMALL[0]
    arrays, expected = wanted(case)
    right, told = timings.admitted(ours.contestants(card, case, arrays), expected, case.tolerance)
    assert "not captured: not today" in told.pop("gpugrad compiled, graph")["error"]
    assert [c.name for c in right] == list(told) and len(told) == 4


def test_digits_are_those_of_scikit_learn():
    pixels, labels = training.digits()
    assert pixels.shape == (1797, 64) and pixels.max() == 1 and np.bincount(labels).min() > 170
    bundled = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed").load_digits()
    with np.load(training.DIGITS) as file:
        np.testing.assert_array_equal(file["pixels"], bundled.data)
        np.testing.assert_array_equal(file["labels"], bundled.target)


@pytest.mark.parametrize("compiled", training.ROWS.values(), ids=list(training.ROWS))
def test_training_on_the_card_is_training_on_the_cpu(host, monkeypatch, compiled):
    monkeypatch.setattr(training.train, "__defaults__", (3, False))
    found = training.compared(compiled)
    assert found["steps"] == 50 and found["largest_difference"] <= 1e-4
    assert found["accuracy_cpu"] > 0.8 and host.launches
