"""Random programs: eager execution is the oracle, with all passes that keep every bit, none, and random subsets."""

import numpy as np
import pytest
from hypothesis import strategies as st

from gpugrad.program import blocks
from gpugrad.program.passes import ON_GPU, OTHER_SUMS, PASSES

from .building import SHAPES, arguments, both, random_programs

EXACT = st.one_of(st.none(), st.sets(st.sampled_from(sorted(PASSES.keys() - ON_GPU - OTHER_SUMS))).map(tuple))
MORE = {"subset": EXACT, "executor": st.sampled_from(["numpy", "list"]), "block": st.sampled_from([1, 5, blocks.BLOCK])}


def check(choices, mode, subset, seed, dtype, executor, block):
    """`block` elements at a time in fused calls: a small number makes blocks of all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        for _, expected, got in both(choices, mode, subset, range(seed, seed + 3), dtype, executor):
            for a, b in zip(expected, got, strict=True):
                np.testing.assert_array_equal(a, b)


@random_programs(200, **MORE)
def test_a_random_program_gives_what_eager_execution_gives(choices, mode, subset, seed, dtype, executor, block):
    check(choices, mode, subset, seed, dtype, executor, block)


@pytest.mark.slow
@random_programs(2000, **MORE)
def test_two_thousand_random_programs(choices, mode, subset, seed, dtype, executor, block):
    check(choices, mode, subset, seed, dtype, executor, block)


def test_the_operations_take_the_arguments_they_are_given():
    assert len(SHAPES) == len(arguments(0, "float32"))
