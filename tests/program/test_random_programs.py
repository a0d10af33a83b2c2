"""Random programs: eager execution is the oracle, with all passes, none, and random subsets."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad.program import blocks, compile
from gpugrad.program.passes import PASSES

from .building import BINARY, SHAPES, UNARY, arguments, build, total

CHOICES = st.lists(
    st.tuples(st.integers(0, len(UNARY) + 3 * len(BINARY) - 1), st.integers(0, 40), st.integers(0, 40)), max_size=12
)
SUBSETS = st.sets(st.sampled_from(sorted(PASSES))).map(tuple)
MODES = {
    "forward": lambda f: f,
    "grad": lambda f: gg.grad(total(f), argnums=(0, 1, 2)),
    "value_and_grad": lambda f: gg.value_and_grad(total(f)),
    "hvp": lambda f: lambda *xs: gg.jvp(lambda x: gg.grad(total(f))(x, *xs[1:]), (xs[0],), (xs[0],)),
}


def check(choices, mode, subset, seed, dtype, executor, block=blocks.BLOCK):
    """`block` elements at a time in fused calls: a small number makes blocks of all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        compare(choices, mode, subset, seed, dtype, executor)


def compare(choices, mode, subset, seed, dtype, executor):
    f = MODES[mode](build(choices))
    compiled = compile(f, passes=subset, executor=executor)
    for s in (seed, seed + 1, seed + 2):
        args = arguments(s, dtype)
        expected, got = gg.core.tree.flatten(f(*args))[0], gg.core.tree.flatten(compiled(*args))[0]
        assert len(expected) == len(got)
        for a, b in zip(expected, got, strict=True):
            assert (a.shape, a.dtype, type(a)) == (b.shape, b.dtype, type(b))
            np.testing.assert_array_equal(a, b)
    assert compiled.n_traces == 1


given_programs = given(
    CHOICES,
    st.sampled_from(sorted(MODES)),
    st.one_of(st.none(), SUBSETS),
    st.integers(0, 99),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(["numpy", "list"]),
    st.sampled_from([1, 5, blocks.BLOCK]),
)
quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@quiet
@settings(max_examples=200, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
@given_programs
def test_a_random_program_gives_what_eager_execution_gives(choices, mode, subset, seed, dtype, executor, block):
    check(choices, mode, subset, seed, dtype, executor, block)


@quiet
@pytest.mark.slow
@settings(max_examples=2000, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
@given_programs
def test_two_thousand_random_programs(choices, mode, subset, seed, dtype, executor, block):
    check(choices, mode, subset, seed, dtype, executor, block)


def test_the_operations_take_the_arguments_they_are_given():
    assert len(SHAPES) == len(arguments(0, "float32"))
