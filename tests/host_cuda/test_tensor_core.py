"""Twins of mma.cuh: fragments as the PTX ISA lays them out, and copies that land when they are waited for."""

import ml_dtypes
import numpy as np
import pytest

from tests.host_cuda.runtime import ORDERS

NAMES = "product<__half>", "product<__nv_bfloat16>", "tf32_product", "copy_tail"
DTYPES = {"__half": np.float16, "__nv_bfloat16": ml_dtypes.bfloat16}


def product(module, dtype, order):
    m, n, k = 64, 128, 96
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((m, k)).astype(DTYPES[dtype]), rng.standard_normal((k, n)).astype(DTYPES[dtype])
    c = np.full((m, n), np.nan, np.float32)
    module.order(order, seed=5)
    module.get_function(f"product<{dtype}>")((n // 64, m // 64), (128,), (a, b, c, *map(np.int32, (m, n, k))))
    return c, a.astype(float) @ b.astype(float)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pipelined_product_of_16_bit_floats(kernels, dtype, order):
    got, expected = product(kernels("tensor_core.cu", *NAMES), dtype, order)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_a_copy_that_is_not_waited_for_is_not_there(kernels, order):
    module = kernels("tensor_core.cu", "product<__half>", options=("-DGROUPS_TOO_MANY=1",))
    got, expected = product(module, "__half", order)
    assert not np.allclose(got, expected, rtol=1e-2, atol=1e-2)


def test_a_product_in_tf32(kernels):
    rng = np.random.default_rng(2)
    a, b, d = (rng.standard_normal(shape).astype(np.float32) for shape in ((16, 8), (8, 8), (16, 8)))
    rounded = [((x.view(np.uint32) + 0x1000) & 0xFFFFE000).view(np.float32).astype(float) for x in (a, b)]
    expected = d + rounded[0] @ rounded[1]
    kernels("tensor_core.cu", *NAMES).get_function("tf32_product")((1,), (32,), (a, b, d))
    np.testing.assert_allclose(d, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 126, 127, 128])
def test_what_lies_behind_the_end_is_copied_as_zero(kernels, n):
    x, y = np.arange(1, 129, dtype=np.float32), np.full((2, 128), np.nan, np.float32)
    kernels("tensor_core.cu", *NAMES).get_function("copy_tail")((1,), (32,), (x, y, np.int32(n)))
    np.testing.assert_array_equal(y, np.tile(np.where(np.arange(128) < n, x, 0), (2, 1)))
