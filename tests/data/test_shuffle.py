import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data.shuffle import LOADER, SPLIT, check_seed, permutation
from gpugrad.errors import ArgumentError


@given(st.integers(0, 300), st.lists(st.integers(0, 2**70), min_size=1, max_size=3))
def test_it_is_a_permutation_and_repeats(n, key):
    order = permutation(n, *key)
    assert order.dtype == np.int64 and sorted(order.tolist()) == list(range(n))
    np.testing.assert_array_equal(order, permutation(n, *key))


def test_the_stream_is_fixed_for_ever():
    """A NumPy or gpugrad that changes these would move held-out rows into training; NumPy 2.0.2 and 2.4.6 agree."""
    assert permutation(10, SPLIT, 0).tolist() == [9, 2, 4, 7, 5, 0, 8, 6, 3, 1]
    assert permutation(10, LOADER, 0, 1).tolist() == [9, 8, 5, 4, 0, 7, 2, 3, 6, 1]


def test_keys_differ():
    keys = [(SPLIT, 0), (SPLIT, 1), (LOADER, 0, 1), (LOADER, 1, 0), (LOADER, 1, 1)]
    assert len({tuple(permutation(50, *key).tolist()) for key in keys}) == len(keys)


def test_every_place_is_equally_likely():
    counts = np.zeros((4, 4))
    for seed in range(4000):
        counts[np.arange(4), permutation(4, seed)] += 1
    assert abs(counts - 1000).max() < 140  # 5 standard deviations of a binomial


@pytest.mark.parametrize("seed", [-1, 1.0, "0", None, True])
def test_a_wrong_seed(refused, seed):
    with refused(ArgumentError, f"split: seed is {seed!r}", "whole number, 0 or more"):
        check_seed("split", seed)


def test_numpy_integers_are_seeds():
    assert type(check_seed("split", np.int32(3))) is int
