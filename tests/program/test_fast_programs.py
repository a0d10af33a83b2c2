"""The compiling executor on random programs: eager execution is the oracle, to what another order of sums allows."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad.program import compile

from .building import arguments, build
from .test_random_programs import CHOICES, MODES, SUBSETS

pytest.importorskip("llvmlite")
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def flat(x):
    return gg.core.tree.flatten(x)[0]


def check(choices, mode, subset, seed, dtype):
    f = MODES[mode](build(choices))
    compiled = compile(f, passes=subset, executor="fast")
    for s in (seed, seed + 1):
        args = arguments(s, dtype)
        expected, got = flat(f(*args)), flat(compiled(*args))
        exact = flat(f(*(a.astype("float64") for a in args)))
        for a, b, c in zip(expected, got, exact, strict=True):
            assert (a.shape, a.dtype, type(a)) == (b.shape, b.dtype, type(b))
            assert_near(a, b, c, TOLERANCE[dtype])
    assert compiled.n_traces == 1


def assert_near(eager, got, exact, tolerance):
    """Within the tolerance of eager execution, or within what eager execution itself is from the true value."""
    eager, got, exact = (np.asarray(x, "float64") for x in (eager, got, exact))
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(eager), initial=1.0, where=np.isfinite(eager))
        own = np.nan_to_num(np.max(np.abs(eager - exact), initial=0.0), posinf=0.0)
        np.testing.assert_allclose(got, eager, rtol=tolerance, atol=10 * tolerance * largest + 10 * own)


given_programs = given(
    CHOICES,
    st.sampled_from(sorted(MODES)),
    st.one_of(st.none(), SUBSETS),
    st.integers(0, 99),
    st.sampled_from(["float32", "float64"]),
)
options = dict(deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@quiet
@settings(max_examples=25, **options)
@given_programs
def test_a_random_program_gives_what_eager_execution_gives(choices, mode, subset, seed, dtype):
    check(choices, mode, subset, seed, dtype)


@quiet
@pytest.mark.slow
@settings(max_examples=2000, **options)
@given_programs
def test_two_thousand_random_programs(choices, mode, subset, seed, dtype):
    check(choices, mode, subset, seed, dtype)


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_and_results_whose_axes_lie_in_another_order(order):
    f = compile(lambda x: (gg.ops.tanh(x.T), gg.ops.reshape(x.T, -1) * 2, x.T.sum(axis=0)), executor="fast")
    a = np.random.default_rng(0).standard_normal((3, 4))
    for x in (np.asarray(a, order=order), a, np.asfortranarray(a), a[::-1, ::-1]):
        for got, expected in zip(f(x), (np.tanh(x.T), x.T.reshape(-1) * 2, x.sum(axis=1)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)
