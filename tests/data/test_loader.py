import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data import Loader
from gpugrad.errors import ArgumentError, ArgumentTypeError, CheckpointError, ShapeError

sizes = st.tuples(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans()).filter(
    lambda size: not (size[3] and size[1] > size[0])
)


def loader_of(n, batch_size, shuffle, drop_last, seed=0):
    X = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    return Loader(
        X, np.arange(n), np.arange(n) / 7, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, seed=seed
    )


@given(sizes, st.integers(0, 5))
def test_an_epoch_covers_every_sample_once_and_keeps_rows_together(size, seed):
    n, batch_size, shuffle, drop_last = size
    loader = loader_of(*size, seed)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        rows = np.concatenate([y for _, y, _ in batches]).tolist()
        assert len(set(rows)) == len(rows) == (n - n % batch_size if drop_last else n)
        assert rows == list(range(len(rows))) or shuffle
        for x, y, w in batches:
            np.testing.assert_array_equal(x, np.stack([2 * y, 2 * y + 1], axis=1))
            np.testing.assert_array_equal(w, y / 7)
            assert x.flags.c_contiguous and x.dtype == np.float32
        assert all(len(y) == batch_size for _, y, _ in batches[: None if drop_last else -1])


@given(sizes, st.integers(0, 40), st.integers(0, 3))
def test_a_resumed_loader_goes_on_where_the_first_stopped(size, n_done, seed):
    endless = (batch for loader in [loader_of(*size, seed)] for _ in itertools.count() for batch in loader)
    undisturbed = [y.tolist() for _, y, _ in itertools.islice(endless, n_done + 12)]
    first = loader_of(*size, seed)
    stream = (batch for _ in itertools.count() for batch in first)
    done = [y.tolist() for _, y, _ in itertools.islice(stream, n_done)]
    state = json.loads(json.dumps(first.state_dict()))
    second = loader_of(*size, seed)
    second.load_state_dict(state)
    stream = (batch for _ in itertools.count() for batch in second)
    assert done + [y.tolist() for _, y, _ in itertools.islice(stream, 12)] == undisturbed


def test_a_state_saved_in_the_last_step_leaves_an_empty_rest_of_the_epoch():
    loader = loader_of(10, 5, True, False)
    states = [loader.state_dict() for _ in loader]
    assert [(s["epoch"], s["position"]) for s in [*states, loader.state_dict()]] == [(0, 1), (0, 2), (1, 0)]
    loader.load_state_dict(states[-1])
    assert list(loader) == [] and loader.epoch == 1 and len(list(loader)) == 2


def test_epochs_differ_and_depend_on_the_seed():
    def epochs(seed):
        loader = loader_of(50, 50, True, False, seed)
        return [next(iter(list(loader)))[1].tolist() for _ in range(3)]

    orders = epochs(0) + epochs(1)
    assert len({tuple(order) for order in orders}) == 6
    assert epochs(0) == orders[:3]


def test_a_look_at_the_first_batch_disturbs_nothing():
    loader = loader_of(20, 4, True, False)
    peeked = next(iter(loader))[1].tolist()
    assert loader.epoch == 0
    batches = [y.tolist() for _, y, _ in loader]
    assert batches[0] == peeked and len(batches) == 5 and loader.epoch == 1


def test_batches_are_copies_when_shuffled_and_views_when_not():
    X = np.zeros((6, 3))
    assert not any(np.shares_memory(x, X) for (x,) in Loader(X, batch_size=2))
    assert all(np.shares_memory(x, X) for (x,) in Loader(X, batch_size=2, shuffle=False))


def test_any_layout_gives_contiguous_batches():
    X = np.asfortranarray(np.arange(12.0).reshape(6, 2))[::2]
    for shuffle in (False, True):
        batches = [x for (x,) in Loader(X, batch_size=2, shuffle=shuffle)]
        assert all(x.flags.c_contiguous for x in batches)
        assert sorted(np.concatenate(batches)[:, 0].tolist()) == X[:, 0].tolist()


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, True, None])
def test_wrong_batch_sizes(refused, batch_size):
    with refused(ArgumentError, f"Loader: batch_size is {batch_size!r}", "1 or more"):
        Loader(np.zeros(3), batch_size=batch_size)


def test_wrong_arguments(refused):
    with refused(ArgumentError, "batch_size 4 with drop_last=True leaves no batch of 3 rows", "drop_last=False"):
        Loader(np.zeros(3), batch_size=4, drop_last=True)
    with refused(ShapeError, "the arrays have [3, 4] rows", "the same number"):
        Loader(np.zeros(3), np.zeros(4), batch_size=1)
    with refused(ShapeError, "[0] rows", "at least 1"):
        Loader(np.zeros((0, 2)), batch_size=1)
    with refused(ArgumentTypeError, "got a list", "np.asarray"):
        Loader([1, 2], batch_size=1)
    with refused(ShapeError, "at least one axis"):
        Loader(np.zeros(()), batch_size=1)
    with refused(ArgumentError, "no arrays came"):
        Loader(batch_size=1)
    with refused(ArgumentError, "Loader: seed is -1"):
        Loader(np.zeros(3), batch_size=1, seed=-1)


@pytest.mark.parametrize("name", ["n_samples", "batch_size", "shuffle", "drop_last", "seed"])
def test_a_state_of_other_settings(refused, name):
    loader = loader_of(10, 2, True, False)
    state = {**loader.state_dict(), name: 99}
    with refused(
        CheckpointError, f"{name}=99", f"this loader {loader.state_dict()[name]!r}", "settings of the first run"
    ):
        loader.load_state_dict(state)


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"position": 6}, {"position": None}, {"epoch": "1"}])
def test_a_damaged_state(refused, wrong):
    loader = loader_of(10, 2, True, False)
    with refused(CheckpointError, "at most 5 batches", "use an earlier one"):
        loader.load_state_dict({**loader.state_dict(), **wrong})


@pytest.mark.gpu
def test_cupy_arrays_stay_on_their_device():
    cupy = pytest.importorskip("cupy")
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    there = Loader(cupy.asarray(X), cupy.asarray(y), batch_size=3, seed=4)
    for (x, labels), (expected, _) in zip(there, Loader(X, y, batch_size=3, seed=4), strict=True):
        assert isinstance(x, cupy.ndarray) and isinstance(labels, cupy.ndarray)
        np.testing.assert_array_equal(x.get(), expected)
