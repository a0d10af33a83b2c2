"""Kernels and launchers of matrix products and both their gradients against float64, on the CPU."""

import ml_dtypes
import numpy as np
import pytest

import gpugrad as gg
from gpugrad.cuda import batched_matmul_vjp as launchers
from gpugrad.ops.matmul import matmul_vjp

TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "float16": 2e-3, "bfloat16": 1.6e-2}  # of the sum of |summands|
DTYPES = list(TOLERANCE)


def random(shape, dtype="float64", seed=0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(kind)


def reference(g, a, b):
    return matmul_vjp.primitive.forward(np, *(x.astype(float) for x in (g, a, b)))


def close(host, got, want, size, dtype):
    error = np.abs(host.numpy(got).astype(float) - want)
    assert got.shape == want.shape and np.all(error <= TOLERANCE[dtype] * (size + 1e-3)), error.max()


def check(host, a_shape, b_shape, dtype="float64", turn=lambda x: x):
    """Forward and both gradients of a b; `turn` makes views of what lies on the host."""
    a, b = random(a_shape, dtype), random(b_shape, dtype, 1)
    product = np.matmul(a.astype(float), b.astype(float))
    g = random(product.shape, dtype, 2)
    on_host = [turn(host.array(turn(x))) for x in (g, a, b)]
    size = np.matmul(np.abs(a.astype(float)), np.abs(b.astype(float)))
    close(host, launchers.matmul(*on_host[1:]), product, size, dtype)
    host.launches.clear()
    got, sizes = launchers.matmul_vjp(*on_host), reference(np.abs(g), np.abs(a), np.abs(b))
    for d, want, bound in zip(got, reference(g, a, b), sizes, strict=True):
        assert d.dtype == a.dtype
        close(host, d, want, bound, dtype)


SMALL = [
    (1, 1, 1, 1),
    (5, 2, 3, 4),
    (3, 8, 8, 8),
    (33, 3, 1, 5),
    (2, 9, 17, 31),
    (7, 32, 32, 32),
    (31, 1, 7, 1),
    (100, 4, 4, 4),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "m", "k", "columns"), SMALL)
def test_small_matrices_by_one_launch(host, dtype, n, m, k, columns):
    check(host, (n, m, k), (n, k, columns), dtype)
    assert [name.split("<")[0] for _, name in host.launches] == ["matmul_vjp_small"]


LEADING = [
    ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 1, 2, 3), (3, 3, 4)), ((2, 3, 2, 3), (2, 1, 3, 4)), ((2, 3, 2, 3), (2, 3, 3, 4)), ((1, 2, 3), (1, 3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)), ((70, 2, 3), (1, 3, 2)), ((2, 3), (3, 4)), ((1, 3), (3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize(("a_shape", "b_shape"), LEADING)
def test_broadcast_operands_get_the_sum(host, dtype, a_shape, b_shape):
    check(host, a_shape, b_shape, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [((3, 40, 5), (3, 5, 6)), ((40, 5), (3, 5, 6)), ((3, 40, 5), (5, 6)), ((3, 40, 5), (1, 5, 33))],
)
def test_large_matrices_go_to_cublas(host, dtype, a_shape, b_shape):
    check(host, a_shape, b_shape, dtype)
    assert not any(name.startswith("matmul") for _, name in host.launches)


def test_a_deep_sum_over_few_products_is_split_between_blocks(host):
    check(host, (4, 5), (300, 5, 3), "float32")
    assert host.launched("matmul_small") == 2 and host.launched("split_sum") == 1


def test_products_with_one_matrix_are_one_product(host):
    check(host, (6, 4, 3), (3, 5), "float32")
    assert host.launches == []  # cuBLAS: all rows at once, and one deep product


def swapped(x):
    """The same values, the last two axes exchanged in memory."""
    return x.swapaxes(-1, -2).copy().swapaxes(-1, -2) if isinstance(x, np.ndarray) and type(x) is np.ndarray else x


@pytest.mark.parametrize(
    "shapes",
    [((5, 2, 3), (5, 3, 4)), ((5, 40, 3), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (3, 4))],
)
def test_transposed_views_are_read_as_they_lie(host, shapes):
    check(host, *shapes, turn=swapped)


def test_batches_with_gaps_between_matrices(host):
    a, b = random((6, 4, 6)), random((6, 5, 4), seed=1)
    views = [host.array(x)[::2, :3, :3] for x in (a, b)]
    y = launchers.matmul(*views)
    np.testing.assert_allclose(host.numpy(y), a[::2, :3, :3] @ b[::2, :3, :3], atol=1e-14)


@pytest.mark.parametrize(
    ("a_shape", "b_shape"), [((3,), (3, 4)), ((2, 3), (3,)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((40,), (2, 40, 3))]
)
def test_vectors_are_rows_and_columns(host, a_shape, b_shape):
    a, b = random(a_shape), random(b_shape, seed=1)
    y = launchers.matmul(host.array(a), host.array(b))
    assert y.shape == (a @ b).shape
    np.testing.assert_allclose(host.numpy(y), a @ b, atol=1e-14)


@pytest.mark.parametrize("order", (0, 1, 2))
def test_any_order_of_threads_gives_the_same_bits(host, order):
    g, a, b = (host.array(random(s, "float32", i)) for i, s in enumerate(((9, 9, 7), (9, 9, 12), (9, 12, 7))))

    def all_of_them():
        found = (*launchers.matmul_vjp(g, a, b), *launchers.matmul_vjp(g, a[0], b), launchers.matmul(a, b))
        return [host.numpy(x).copy() for x in found]

    want = all_of_them()
    host.order(order, seed=5)
    for got, expected in zip(all_of_them(), want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_what_is_declined(host):
    m, f, v = host.array(np.ones((2, 3, 3))), host.array(np.ones((2, 3, 3), "float32")), host.array(np.ones(3))
    for args in [(m, f), (m, 2.0), (v, v), (m, host.array(np.ones((4, 3)))), (host.array(np.ones((2, 2), int)),) * 2]:
        assert launchers.matmul(*args) is NotImplemented
    for args in [(m, m, f), (v, m, v), (v, v, m), (m[:1], m, m), (host.array(np.ones((0, 3, 3))),) * 3]:
        assert launchers.matmul_vjp(*args) is NotImplemented


@pytest.mark.host_only
def test_strides_beyond_32_bits_are_declined(host):
    from tests.host_cuda.arrays import wrap

    far = np.lib.stride_tricks.as_strided(np.ones(8), (2, 2, 2), (8, 2**34, 2**34))  # elements 2^31 apart, never read
    a, x = wrap(far), host.array(np.ones((2, 2, 2)))
    assert launchers.matmul(a, x) is NotImplemented and launchers.matmul(x, a) is NotImplemented
    assert launchers.matmul_vjp(x, a, x) is NotImplemented


@pytest.mark.parametrize(
    "shapes", [((5, 2, 3), (5, 3, 4)), ((3,), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 4)), ((2, 2, 2, 2, 3), (2, 1, 2, 3, 3))]
)
def test_gradients_through_the_engine(host, shapes):
    arrays = [random(s, seed=i) for i, s in enumerate(shapes)]

    def gradients(make):
        a, b = (gg.Tensor(make(x), requires_grad=True) for x in arrays)
        ((a @ b) ** 2).sum().backward()
        return a.grad.data, b.grad.data

    for on_host, plain in zip(gradients(host.array), gradients(np.array), strict=True):
        np.testing.assert_allclose(host.numpy(on_host), plain, atol=1e-12)
