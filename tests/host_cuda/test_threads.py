"""Threads, barriers, shuffles, votes and shared memory do what CUDA says, in every stepping order."""

import numpy as np
import pytest

from tests.host_cuda.runtime import ORDERS

NAMES = (
    *("indices", "scan", "half_warps", "shuffles", "votes", "early_exit", "neighbour", "total", "product<16>"),
    *("reverse_rows<float>", "reverse_rows<double>"),
)


@pytest.fixture(scope="module", params=ORDERS, ids=["forward", "reverse", "shuffled"])
def right(request, kernels):
    module = kernels("right.cu", *NAMES)
    module.order(request.param, seed=11)
    return module.get_function


def test_indices_in_three_dimensions(right):
    out = np.zeros((12, 120), np.int32)
    right("indices")((2, 3, 2), (4, 5, 6), (out,))
    np.testing.assert_array_equal(out, np.add.outer(np.arange(12) * 10000, np.arange(120)))


def test_a_scan_by_1024_threads(right):
    x = np.random.default_rng(0).integers(-9, 9, 1024, dtype=np.int32)
    y = np.empty_like(x)
    right("scan")((1,), (1024,), (x, y))
    np.testing.assert_array_equal(y, np.cumsum(x))


def test_the_halves_of_a_warp_in_calls_of_their_own(right):
    y = np.zeros(32, np.int32)
    right("half_warps")((1,), (32,), (y,))
    np.testing.assert_array_equal(y, np.repeat([120, 376], 16))


@pytest.mark.parametrize(("source", "by", "width"), [(3, 1, 32), (40, 5, 32), (1, 3, 8), (9, 16, 16), (0, 31, 32)])
def test_every_shuffle(right, source, by, width):
    x, y = np.arange(32, dtype=np.int32) * 10, np.zeros((4, 32), np.int32)
    right("shuffles")((1,), (32,), (x, y, *map(np.int32, (source, by, width))))
    lane = np.arange(32)
    segment, within = lane // width * width, lane % width
    down, up = np.where(within + by < width, lane + by, lane), np.where(within >= by, lane - by, lane)
    xor = np.where((lane ^ by) < segment + width, lane ^ by, lane)
    np.testing.assert_array_equal(y, np.stack([segment + source % width, down, up, xor]) * 10)


@pytest.mark.parametrize("p", [np.zeros(64), np.ones(64), np.arange(64) % 3 == 0], ids=["none", "all", "some"])
def test_votes(right, p):
    p = p.astype(np.int32)
    y = np.zeros((64, 6), np.int32)
    right("votes")((1,), (64,), (p, y))
    for warp in (0, 1):
        lanes = p[32 * warp : 32 * warp + 32]
        bits = np.packbits(lanes.astype(bool), bitorder="little").view(np.int32)[0]
        expected = [p.sum(), p.any(), p.all(), bits, lanes.any(), lanes.all()]
        np.testing.assert_array_equal(y[32 * warp : 32 * warp + 32], np.tile(expected, (32, 1)))


@pytest.mark.parametrize("n", [1, 31, 33, 64])
def test_threads_that_left_are_not_waited_for(right, n):
    y = np.zeros(64, np.float32)
    right("early_exit")((1,), (64,), (y, np.int32(n)))
    np.testing.assert_array_equal(y[:n], np.arange(n)[::-1])


def test_syncwarp_orders_memory(right):
    y = np.empty(32, np.float32)
    right("neighbour")((1,), (32,), (y,))
    np.testing.assert_array_equal(y, np.roll(np.arange(32), -1))


def test_atomics(right):
    x = np.random.default_rng(0).integers(-9, 9, 1000).astype(np.float32)
    out, most = np.zeros(1, np.float32), np.zeros(1, np.uint32)
    right("total")((3,), (64,), (x, out, most, np.int32(1000)))
    assert (out[0], most[0]) == (x.sum(), 191)


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_dynamic_shared_memory_in_several_types(right, dtype):
    x = np.random.default_rng(0).standard_normal((3, 77)).astype("f4" if dtype == "float" else "f8")
    y = np.empty_like(x)
    right(f"reverse_rows<{dtype}>")((3,), (32,), (x, y, np.int32(77)), x[0].nbytes)
    np.testing.assert_array_equal(y, x[:, ::-1])


def product(function, n=64):
    a, b = np.random.default_rng(0).standard_normal((2, n, n)).astype(np.float32)
    c = np.empty_like(a)
    function((n // 64, n // 64), (256,), (a, b, c, *[np.int32(n)] * 3))
    return c, a.astype(float) @ b


def test_a_tiled_product(right):
    got, expected = product(right("product<16>"))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_a_tiled_product_without_its_barrier_is_wrong(kernels, order):
    module = kernels("right.cu", "product<16>", options=("-DWITHOUT_BARRIER",))
    module.order(order, seed=3)
    got, expected = product(module.get_function("product<16>"))
    assert not np.allclose(got, expected, rtol=1e-2, atol=1e-2)


def test_threads_are_left_only_where_they_wait(kernels):
    module = kernels("right.cu", *NAMES)
    before = module.switches()
    module.get_function("indices")((1,), (32,), (np.zeros(32, np.int32),))
    assert module.switches() - before == 64  # into each thread once, and out of it
