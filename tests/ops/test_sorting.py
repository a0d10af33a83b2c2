"""Sorting: ties, NaN, empty and 0-d arrays, dtypes, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, IndexingError, ShapeError

nan = np.nan
WEIGHTS = np.array([1.0, 10.0, 100.0, 1000.0])


def gradient(f, x):
    return gg.grad(lambda x: (f(x) * WEIGHTS[: f(x).shape[0]]).sum())(np.asarray(x, float)).tolist()


def test_equals_keep_their_order():
    x = [2.0, 1.0, 2.0, 1.0]
    assert ops.argsort(np.array(x)).tolist() == [1, 3, 0, 2]
    assert gradient(ops.sort, x) == [100.0, 1.0, 1000.0, 10.0]
    assert gg.jvp(ops.sort, (np.array(x),), (WEIGHTS,))[1].tolist() == [10.0, 1000.0, 1.0, 100.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_nan_comes_last(dtype):
    pytest.importorskip("ml_dtypes")
    x = gg.Tensor([3.0, nan, 1.0, -np.inf]).astype(dtype)
    np.testing.assert_array_equal(ops.sort(x).numpy().astype(float), [-np.inf, 1.0, 3.0, nan])
    assert ops.argsort(x).tolist() == [3, 2, 0, 1]
    assert ops.sort(x).dtype == x.dtype
    assert gradient(ops.sort, [3.0, nan, 1.0, 2.0]) == [100.0, 1000.0, 1.0, 10.0]


def test_integers_and_methods():
    t = gg.Tensor([3, 1, 2])
    assert t.sort().tolist() == [1, 2, 3] and t.argsort().tolist() == [1, 2, 0] and t.tolist() == [3, 1, 2]
    assert t.sort().dtype == np.int64
    assert ops.sort(np.uint8([200, 3])).tolist() == [3, 200]


def test_0d_as_in_numpy():
    assert ops.argsort(5.0).tolist() == [0] and ops.argpartition(5.0, 0).tolist() == [0]
    assert ops.sort(5.0, axis=None).tolist() == [5.0]
    with pytest.raises(ShapeError, match="sort: axis -1"):
        ops.sort(5.0)
    with pytest.raises(ShapeError, match="partition: axis -1"):
        ops.partition(5.0, 0)


def test_partition_holds_what_it_promises():
    x = np.random.default_rng(0).integers(0, 20, (3, 40)).astype(float)
    y = ops.partition(x, (5, -10), axis=1)
    s = np.sort(x, axis=1)
    np.testing.assert_array_equal(np.sort(y, axis=1), s)
    for k in (5, 30):
        np.testing.assert_array_equal(y[:, k], s[:, k])
        assert (y[:, :k].max(axis=1) <= s[:, k]).all() and (y[:, k:].min(axis=1) >= s[:, k]).all()
    with pytest.raises(IndexingError, match="kth 4 is out of range for 3 elements"):
        ops.partition(x[:, :3], 4)


def test_topk():
    x = np.array([1.0, 3.0, 2.0, 3.0])
    values, places = ops.topk(x, 3)
    assert values.tolist() == [3.0, 3.0, 2.0] and places.tolist() == [3, 1, 2]
    assert gradient(lambda x: ops.topk(x, 3)[0], x) == [0.0, 10.0, 100.0, 1.0]
    with pytest.raises(ArgumentError, match="k is 5 for axis 0 of length 4"):
        ops.topk(x, 5)


def test_unique_sends_its_gradient_to_the_first_of_each():
    assert gradient(ops.unique, [3.0, 1.0, 3.0, 2.0]) == [100.0, 1.0, 0.0, 10.0]
    np.testing.assert_array_equal(ops.unique(np.array([nan, 1.0, nan])), [1.0, nan])
    assert ops.unique(np.array([nan, 1.0, nan]), equal_nan=False).shape == (3,)


def test_searchsorted_beside_nan_and_equals():
    a = np.array([1.0, 2.0, 2.0, nan])
    v = np.array([2.0, nan, 0.0])
    for side in ("left", "right"):
        np.testing.assert_array_equal(ops.searchsorted(a, v, side), np.searchsorted(a, v, side))
    assert not ops.searchsorted(gg.Tensor(a, requires_grad=True), v).requires_grad


def test_what_is_refused():
    for wrong, error, words in [
        (lambda: ops.sort([1.0], axis=1), ShapeError, "sort: axis 1"),
        (lambda: ops.sort([1.0], kind="bubble"), ArgumentError, "kind is 'bubble'"),
        (lambda: ops.searchsorted([[1.0]], 1.0), ShapeError, "expected one axis"),
        (lambda: ops.searchsorted([1.0], 1.0, "up"), ArgumentError, "side is 'up'"),
        (lambda: ops.lexsort([]), ShapeError, "expected one or more"),
        (lambda: ops.lexsort([np.ones(2), np.ones(3)]), ShapeError, r"\(2,\), \(3,\)"),
        (lambda: ops.partition([1.0], 0.5), ArgumentTypeError, "kth is 0.5"),
    ]:
        with pytest.raises(error, match=words):
            wrong()
