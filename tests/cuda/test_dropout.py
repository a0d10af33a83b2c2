"""The dropout launcher on host memory: NumPy's numbers bit for bit."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.cuda.dropout import dropout
from tests.ops import philox

ml_dtypes = pytest.importorskip("ml_dtypes")

KEY, COUNTER = np.array(2**63 + 2**40 + 7, np.uint64), np.array(2**33 + 3, np.uint64)
DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: np.dtype(t).name)


def drawn(n, dtype):
    return (np.random.default_rng(n).normal(size=n) * 3).astype(dtype)


def bits(a):
    return a.view(f"u{a.dtype.itemsize}")


def generic(x, key, counter, p):
    """The forward on NumPy arrays, which is the reference."""
    return PRIMITIVES["dropout"].raw[np.ndarray](x, key, counter, p=p)


@each_dtype
@pytest.mark.parametrize("p", [0.0, 0.3, 0.999])
def test_the_bits_of_numpy(host, dtype, p):
    for order, n in enumerate((0, 1, 3, 4, 5, 31, 33, 257, 1031)):
        host.order(order % 3)
        x = drawn(n, dtype)
        got = host.numpy(dropout(host.array(x), host.array(KEY), host.array(COUNTER), p=p))
        assert got.dtype == dtype
        np.testing.assert_array_equal(bits(got), bits(generic(x, KEY, COUNTER, p)))


def test_the_mask_is_that_of_philox_in_python_integers(host):
    x = np.ones(77, np.float32)
    got = host.numpy(dropout(host.array(x), host.array(KEY), host.array(COUNTER), p=0.5))
    kept = philox.words(77, int(KEY), int(COUNTER)) >= 2**31
    assert 20 < kept.sum() < 57
    np.testing.assert_array_equal(got, np.where(kept, 2, 0))


def test_a_word_at_the_threshold_is_kept(host):
    words = philox.words(9, int(KEY), int(COUNTER))
    got = host.numpy(dropout(host.array(np.ones(9)), host.array(KEY), host.array(COUNTER), p=words[5] / 2**32))
    np.testing.assert_array_equal(got > 0, words >= words[5])


def test_blocks_beyond_32_bits_of_the_key_and_counter_count(host):
    x = host.array(np.ones(64, np.float32))
    zero = np.uint64(0)
    draws = [(zero, zero), (np.uint64(2**32), zero), (zero, np.uint64(2**32)), (np.uint64(1), zero)]
    masks = {host.numpy(dropout(x, *(host.array(v) for v in names), p=0.5)).tobytes() for names in draws}
    assert len(masks) == 4


@each_dtype
def test_views_and_more_elements_than_threads(host, dtype):
    x = drawn(290_001 if np.dtype(dtype).itemsize == 2 else 150_001, dtype)
    for order in (0, 1, 2):
        host.order(order, seed=5)
        got = host.numpy(dropout(host.array(x)[1:], host.array(KEY), host.array(COUNTER), p=0.4))
        np.testing.assert_array_equal(bits(got), bits(generic(x[1:].copy(), KEY, COUNTER, 0.4)))


def test_numbers_of_the_host_serve_as_key_and_counter(host):
    x = drawn(50, np.float32)
    for key, counter in ((int(KEY), int(COUNTER)), (KEY, COUNTER), (KEY[()], host.array(COUNTER))):
        got = host.numpy(dropout(host.array(x), key, counter, p=0.25))
        np.testing.assert_array_equal(got, generic(x, KEY, COUNTER, 0.25))


def test_what_is_dropped_is_zero_also_for_nan(host):
    got = host.numpy(dropout(host.array(np.full(64, np.nan, np.float32)), host.array(KEY), host.array(COUNTER), p=0.5))
    kept = philox.words(64, int(KEY), int(COUNTER)) >= 2**31
    np.testing.assert_array_equal(np.isnan(got), kept)
    np.testing.assert_array_equal(bits(got[~kept]), 0)


def test_what_cannot_be_served_is_declined(host):
    x, key = host.array(np.ones((4, 6), np.float32)), host.array(KEY)
    assert dropout(x.T, key, key, p=0.5) is NotImplemented
    assert dropout(host.array(np.ones(3, np.int64)), key, key, p=0.5) is NotImplemented
    assert dropout(x, key, host.array(np.array(3, np.int64)), p=0.5) is NotImplemented
    assert dropout(x, key, host.array(np.array([3], np.uint64)), p=0.5) is NotImplemented
    assert dropout(host.numpy(x), key, key, p=0.5) is NotImplemented
    assert dropout(1.0, key, key, p=0.5) is NotImplemented
    assert dropout(x, -1, key, p=0.5) is NotImplemented
    assert dropout(x, key, key, p=1.0) is NotImplemented
    assert host.launches == []


def test_the_operation_and_its_gradient_meet_the_same_mask(host):
    x = gg.Tensor(host.array(np.ones((5, 7), np.float32)), requires_grad=True)
    y = ops.dropout(x, host.array(KEY), host.array(COUNTER), p=0.5)
    y.backward(host.array(np.full((5, 7), 3, np.float32)))
    np.testing.assert_array_equal(host.numpy(x.grad.data), 3 * host.numpy(y.data))
    assert host.launched("dropout_fwd<float>") == 2
