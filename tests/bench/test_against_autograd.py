"""bench/against_autograd.py: its functions against differences, what it says and when `--check` fails, at tiny size."""

import sys

import numpy as np
import pytest

import gpugrad as gg
from bench import against_autograd, timing
from bench.functions import CASES
from bench.timing import Spread

OURS = against_autograd.our_library()
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture
def one_peer(monkeypatch):
    """gpugrad stands for the peer too, every measurement gives these times, and there is one function of each size."""

    def set_times(ours, theirs):
        monkeypatch.setattr(against_autograd, "import_autograd", lambda: OURS)
        small = CASES[0]._replace(large=CASES[0].small)
        monkeypatch.setattr(against_autograd, "CASES", (small,))
        spreads = [Spread([ours] * 3), Spread([theirs] * 3)]
        monkeypatch.setattr(against_autograd, "measure_on_one_thread", lambda runs, rounds: spreads)

    return set_times


def test_there_are_twelve_functions():
    assert len({case.name for case in CASES}) == len(CASES) == 12


@cases
def test_a_function_has_the_same_values_in_both_namespaces(case):
    x, *data = case.arguments("small")
    assert x.size <= 100
    np.testing.assert_allclose(case.f(gg.numpy, gg.Tensor(x), *data).numpy(), case.f(np, x, *data), rtol=1e-13)


@cases
def test_derivatives_against_differences(case):
    x, *data = case.arguments("small")
    v = np.random.default_rng(1).normal(size=x.shape)  # the vector of the bench's own products
    step = 1e-5

    def slope(f):
        return (f(x + step * v) - f(x - step * v)) / (2 * step)

    run = {kind: against_autograd.run_of(OURS, case, kind, "small") for kind in case.kinds}
    grad = gg.grad(lambda x: gg.numpy.sum(case.f(gg.numpy, x, *data)))
    np.testing.assert_allclose((run["gradient"]() * v).sum(), slope(lambda x: case.f(np, x, *data).sum()), rtol=1e-5)
    np.testing.assert_allclose(run["hvp"](), slope(grad), rtol=1e-4, atol=1e-4)
    if "jacobian" in case.kinds:
        pushed = np.tensordot(run["jacobian"](), v, v.ndim)
        np.testing.assert_allclose(pushed, slope(lambda x: case.f(np, x, *data)), rtol=1e-4, atol=1e-6)


@cases
def test_autograd_agrees(case):
    autograd = against_autograd.import_autograd()
    if autograd is None:
        pytest.skip(against_autograd.MISSING)
    for kind in case.kinds:
        ours, theirs = (against_autograd.run_of(library, case, kind, "small")() for library in (OURS, autograd))
        assert against_autograd.disagreement(kind, ours, theirs) == ""


def test_a_wrong_value_stops_the_comparison(one_peer, monkeypatch):
    one_peer(1.0, 4.0)
    wrong = OURS._replace(grad=lambda f: lambda x: gg.grad(f)(x) * np.array([1.0 + 1e-8, 1.0, 1.0, 1.0, 1.0]))
    with pytest.raises(ArithmeticError, match="gradient of logistic, small: the results differ by"):
        against_autograd.compare(wrong, CASES[0], "gradient", "small", 3)
    flat = OURS._replace(jacobian=lambda f: lambda x: gg.jacobian(f)(x).ravel())
    with pytest.raises(ArithmeticError, match="gives shape"):
        against_autograd.compare(flat, CASES[0], "jacobian", "small", 3)


def test_targets_that_are_met(one_peer, capsys):
    one_peer(1.0, 3.0)
    assert against_autograd.main(["--check"]) == 0
    out = capsys.readouterr().out
    assert "missed" not in out and out.count("geometric mean of 1 ") == 5
    assert "geometric mean of 3 " in out and "geometric mean of 2 " in out


def test_a_target_that_is_missed_fails_the_check_and_is_named(one_peer, capsys):
    one_peer(1.0, 2.0)
    assert against_autograd.main(["--size", "large", "--check"]) == 0
    assert against_autograd.main([]) == 0
    assert against_autograd.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert out.count("missed: small arrays: autograd / gpugrad is 2.00; the target is 3.00") == 2


def test_without_autograd_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "autograd", None)
    assert against_autograd.main([]) == 0
    assert against_autograd.main(["--check"]) == 2
    assert capsys.readouterr().out == f"{against_autograd.MISSING}\n" * 2


def test_a_real_measurement(monkeypatch, capsys):
    monkeypatch.setattr(timing, "ROUND_S", 1e-6)
    ratio = against_autograd.compare(OURS, CASES[1], "hvp", "small", 2)
    assert len(ratio.rounds) == 2 and ratio.median > 0
    assert capsys.readouterr().out.startswith("small hvp      rosenbrock")
