import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data import load, split
from gpugrad.errors import ArgumentError, DataError, ShapeError

shares = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(lambda parts: [part / sum(parts) for part in parts])


@given(st.integers(4, 200), shares, st.integers(0, 2**40))
def test_parts_are_disjoint_complete_ascending_and_of_their_size(n, fractions, seed):
    parts = split(n, fractions, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    for part, fraction in zip(parts, fractions, strict=True):
        assert (np.diff(part) > 0).all() and len(part) >= 1
        assert abs(len(part) - n * fraction) < 1 or n * min(fractions) < 1


@given(shares, st.lists(st.integers(4, 40), min_size=2, max_size=5), st.integers(0, 9))
def test_every_class_is_split_by_its_own_size(fractions, sizes, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)) * 3, sizes))
    parts = split(len(labels), fractions, seed, stratify=labels)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for c, size in enumerate(sizes):
        counts = [int((labels[part] == 3 * c).sum()) for part in parts]
        assert min(counts) >= 1
        if size * min(fractions) >= 1:
            assert all(abs(count - size * f) < 1 for count, f in zip(counts, fractions, strict=True))
    if min(sizes) * min(fractions) >= 1 and len(parts) == 2:
        assert abs(len(parts[0]) - len(labels) * fractions[0]) <= 0.5 + 1e-9


def test_rounding_does_not_add_up_over_many_small_classes():
    training, held_out = split(3 * 60, (0.8, 0.2), 0, np.repeat(np.arange(60), 3))
    assert (len(training), len(held_out)) == (120, 60)  # one of each class is the least there can be
    training, held_out = split(7 * 60, (0.8, 0.2), 0, np.repeat(np.arange(60), 7))
    assert (len(training), len(held_out)) == (336, 84)


def test_the_seed_decides():
    labels = load("digits").labels
    for stratify in (None, labels):
        first = split(1797, (0.8, 0.2), 5, stratify)
        again, other = split(1797, (0.8, 0.2), 5, stratify), split(1797, (0.8, 0.2), 6, stratify)
        np.testing.assert_array_equal(first[1], again[1])
        assert len(np.intersect1d(first[1], other[1])) < 150


def test_held_out_digits_keep_the_classes():
    labels = load("digits").labels
    _, held_out = split(1797, (0.8, 0.2), 0, labels)
    assert 355 <= len(held_out) <= 364
    assert abs(np.bincount(labels[held_out]) - 0.2 * np.bincount(labels)).max() < 1


def test_labels_may_be_text():
    parts = split(6, (0.5, 0.5), 0, ["a", "a", "b", "b", "b", "b"])
    assert sorted(np.concatenate(parts).tolist()) == list(range(6))
    assert [sum(row in (0, 1) for row in part.tolist()) for part in parts] == [1, 1]


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.3), (0.8, 0.0, 0.2), (1.2, -0.2), (), (float("nan"), 1), ((0.5, 0.5),), 0.8]
)
def test_wrong_fractions(refused, fractions):
    with refused(ArgumentError, f"fractions are {fractions}", "positive numbers that sum to 1"):
        split(10, fractions)


def test_too_few_rows(refused):
    with refused(DataError, "the data has 2 rows", "at least 3", "ask for fewer parts"):
        split(2, (0.6, 0.2, 0.2))
    with refused(DataError, "class 7 has 1 row;", "at least 2", "stratify=None"):
        split(4, (0.5, 0.5), 0, [1, 1, 7, 1])
    with refused(DataError, "class 'rare' has 1 row;"):
        split(4, (0.5, 0.5), 0, [0, 0, 1, 0], names=["usual", "rare"])
    with refused(ShapeError, "stratify has shape (2,)", "expected (4,)"):
        split(4, (0.5, 0.5), 0, [0, 1])
    with refused(ArgumentError, "split: seed is -1"):
        split(4, (0.5, 0.5), -1)


@pytest.mark.parametrize("fractions", ["a", None, ["x", 1], [[1], [1, 2]], ()], ids=str)
def test_what_are_no_fractions(refused, fractions):
    with refused(ArgumentError, "split: fractions are", "expected positive numbers that sum to 1"):
        load("iris").split(fractions)
