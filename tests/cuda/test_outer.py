"""Kernels and launchers of outer products against float64, on the CPU."""

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda import outer
from gpugrad.cuda.kernel import aligned
from gpugrad.ops.linear import outer_norm2, outer_sum

TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "float16": 2e-3, "bfloat16": 1.6e-2}  # of the sum of |summands|
DTYPES = list(TOLERANCE)
ORDERS = (0, 1, 2)


def random(shape, dtype, seed=0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(kind)


def wide(*arrays):
    return tuple(a.astype(np.float64) for a in arrays)


def close(host, got, want, size, dtype):
    """Every element within the tolerance of `size`, the sum of the magnitudes of what was added up for it."""
    error = np.abs(host.numpy(got).astype(np.float64) - want)
    assert got.shape == want.shape and np.all(error <= TOLERANCE[dtype] * (size + 1e-3)), error.max()


SHAPES = [(1, 1, 1), (31, 5, 3), (33, 1, 17), (257, 33, 31), (130, 64, 65), (48, 32, 40), (100, 96, 8), (7, 128, 72)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_weighted_sum_over_the_batch(host, dtype, shape):
    n, rows, columns = shape
    u, x, weight = random((n, rows), dtype), random((n, columns), dtype, 1), random((n,), dtype, 2)
    u64, x64, w64 = wide(u, x, weight)
    for by, factor in ((None, 1.0), (weight, w64[:, None])):
        got = outer.outer_split(host.array(u), host.array(x), None if by is None else host.array(by), scale=0.5)
        want = outer_sum.primitive.forward(np, factor * u64, x64) / 2
        close(host, got, want, np.abs(factor * u64).T @ np.abs(x64), dtype)


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_of_threads_gives_the_same_bits(host, order):
    u, x = random((100, 40), "float32"), random((100, 36), "float32", 1)
    g, y = random((9, 3, 33), "float32"), random((9, 3, 31), "float32", 1)

    def all_of_them():
        sums = outer.outer_split(host.array(u), host.array(x))
        each = outer.outer_each(host.array(u), host.array(x))
        return [host.numpy(a).copy() for a in (sums, each, outer.outer_norm2(host.array(g), host.array(y)))]

    want = all_of_them()
    host.order(order, seed=7)
    for got, expected in zip(all_of_them(), want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_scale_may_lie_on_the_device(host):
    u, x = random((50, 3), "float16"), random((50, 4), "float16", 1)
    got = outer.outer_split(host.array(u), host.array(x), scale_at=host.array(np.full(1, 0.125, "float32")))
    close(host, got, wide(u)[0].T @ wide(x)[0] / 8, 50.0, "float16")


def test_many_rows_are_split_between_blocks_and_added_in_two_stages(host):
    u, x = random((5000, 3), "float32"), random((5000, 2), "float32", 1)
    got = outer.outer_sum(host.array(u), host.array(x))
    close(host, got, wide(u)[0].T @ wide(x)[0], np.abs(u).T @ np.abs(x), "float32")
    assert [name for _, name in host.launches] == ["outer_split<float, 2>", "split_sum<float>"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_few_rows_or_wide_ones_are_one_product(host, dtype):
    for g_shape, x_shape in (((40, 5), (40, 3)), ((4, 3, 5), (4, 3, 2)), ((5,), (3,))):
        g, x = random(g_shape, dtype), random(x_shape, dtype, 1)
        got = outer.outer_sum(host.array(g), host.array(x))
        close(host, got, outer_sum.primitive.forward(np, *wide(np.atleast_2d(g), np.atleast_2d(x))), 40.0, dtype)
    assert host.launches == []


def test_a_transposed_factor_is_taken_as_it_lies_and_a_strided_one_is_declined(host):
    g, x = random((5, 40), "float64"), random((40, 3), "float64", 1)
    close(host, outer.outer_sum(host.array(g).T, host.array(x)), g @ x, 40.0, "float64")
    gaps = host.array(random((8192, 8), "float64"))[::2, ::2]
    assert outer.outer_sum(gaps, gaps) is NotImplemented
    assert outer.outer_sum(host.array(random((4, 4, 3), "float32"))[:, ::2], host.array(x)) is NotImplemented
    assert outer.outer_sum(host.array(g), host.array(x)) is NotImplemented
    assert outer.outer_sum(host.array(x), host.array(x.astype("float32"))) is NotImplemented


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (3, 5, 7), (2, 3, 64), (5, 2, 33), (4, 1, 520)])
def test_each_outer_product(host, dtype, n, rows, columns):
    u, x = random((n, rows), dtype), random((n, columns), dtype, 1)
    want = wide(u)[0][:, :, None] * wide(x)[0][:, None]
    close(host, outer.outer_each(host.array(u), host.array(x)), want, 1.0, dtype)


def test_packs_are_used_only_where_addresses_and_widths_allow(host):
    base = host.array(random((6, 8), "float32"))
    shifted = host.array(random((49,), "float32"))[1:].reshape(6, 8)
    assert aligned(base) and not aligned(shifted)
    for x in (base, shifted):
        got = outer.outer_each(host.array(random((6, 3), "float32")), x)
        want = random((6, 3), "float32")[:, :, None] * host.numpy(x)[:, None]
        np.testing.assert_array_equal(host.numpy(got), want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (1,), (9,), (3, 5)])
@pytest.mark.parametrize(("rows", "m", "n"), [(1, 1, 1), (1, 33, 65), (2, 16, 31), (5, 40, 33), (9, 64, 70)])
def test_norms_of_outer_sums(host, dtype, lead, rows, m, n):
    g, x = random((*lead, rows, m), dtype), random((*lead, rows, n), dtype, 1)
    got = outer.outer_norm2(host.array(g), host.array(x))
    want = outer_norm2.primitive.forward(np, *wide(g, x))
    np.testing.assert_allclose(host.numpy(got).astype(float), want, rtol=4 * TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_norm_is_never_negative_and_declined_where_building_is_less_work(host):
    g = random((1, 2, 30), "float32") * 1e-3
    x = random((1, 1, 30), "float32") * np.array([[[1.0], [-1.0]]], "float32")
    same = np.repeat(g[:, :1], 2, axis=1)  # x_1 = -x_0 and g_1 = g_0: the product is 0
    assert host.numpy(outer.outer_norm2(host.array(same), host.array(x)))[0] >= 0
    assert (
        outer.outer_norm2(host.array(random((4, 9, 3), "float32")), host.array(random((4, 9, 3), "float32")))
        is NotImplemented
    )
    assert outer.outer_norm2(host.array(g), host.array(x.astype("float64"))) is NotImplemented


def test_rows_longer_than_the_kernels_count_are_declined(host, monkeypatch):
    monkeypatch.setattr(outer, "MOST_COLUMNS", 4)
    u, long, x = (host.array(random((3, n), "float32")) for n in (2, 5, 4))
    assert outer.outer_each(u, x) is not NotImplemented
    assert outer.outer_each(u, long) is NotImplemented
    assert outer.outer_each(long, u) is NotImplemented


def test_nothing_is_launched_for_nothing(host):
    assert outer.outer_each(host.array(np.ones((0, 3))), host.array(np.ones((0, 2)))).shape == (0, 3, 2)
    assert outer.outer_norm2(host.array(np.ones((0, 1, 3))), host.array(np.ones((0, 1, 2)))).shape == (0,)
    assert outer.outer_sum(host.array(np.ones((0, 3))), host.array(np.ones((0, 2)))).shape == (3, 2)
    assert host.launches == []
