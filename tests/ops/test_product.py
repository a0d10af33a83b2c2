"""The product of two matrices: the same bits by each way."""

import numpy as np
import pytest

from gpugrad.ops.product import product

SIZES = [(1, 1, 1), (3, 4, 5), (0, 3, 2), (3, 0, 2), (32, 64, 10), (200, 100, 60), (300, 200, 100)]


@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_it_is_matmul_in_every_layout(m, k, n, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(scale=9, size=shape).astype(dtype) for shape in ((m, k), (k, n)))
    for x in (a, np.asfortranarray(a), a[::-1]):
        for y in (b, np.asfortranarray(b)):
            got, expected = product(np, x, y), np.matmul(x, y)
            assert got.dtype == expected.dtype and got.shape == expected.shape
            np.testing.assert_array_equal(got, expected)


def test_dtypes_promote():
    a, b = np.ones((2, 3), np.float32), np.ones((3, 2))
    assert product(np, a, b).dtype == np.float64


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(2,3\)|shapes"):
        product(np, np.ones((2, 3)), np.ones((2, 3)))
