"""Memory that tells when a kernel leaves its array."""

import ml_dtypes
import numpy as np
import pytest

from tests.host_cuda.guarded import guarded, guarded_like, overwritten
from tests.host_cuda.module import HostModule

SOURCE = """
__global__ void put(float* y, int i) { y[i] = 1; }
__global__ void see(float* y, int i) { if (y[i] == 3) y[0] = 1; }
"""


@pytest.fixture(scope="module")
def touch():
    return HostModule(SOURCE, ["put", "see"]).get_function


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (1024,), (3, 7)])
def test_it_is_aligned_and_begins_as_nan(shape, dtype):
    a = guarded(shape, dtype)
    assert (a.shape, a.dtype) == (shape, dtype)
    assert a.ctypes.data % 16 == 0 and a.flags.c_contiguous and a.flags.writeable
    assert np.isnan(a.astype(float)).all() if np.dtype(dtype).kind != "i" else (a == -1).all()


@pytest.mark.parametrize("layout", [np.copy, np.transpose, lambda x: x[:, ::-1], lambda x: x.transpose(1, 0, 2)])
def test_a_copy_keeps_the_order_of_the_axes(layout):
    x = layout(np.arange(24.0).reshape(2, 3, 4))
    copy, expected = guarded_like(x), np.array(x, order="K")
    np.testing.assert_array_equal(copy, x)
    assert copy.strides == expected.strides and not np.shares_memory(copy, x)


@pytest.mark.parametrize("n", [4, 5, 1024, 1027])
def test_only_its_own_elements_can_be_written(touch, n):
    for i in (0, n - 1):
        touch("put")((1,), (1,), (guarded((n,), np.float32), np.int32(i)))
    for i in (-1, -4, n, n + 3, n + 500):
        with pytest.raises(RuntimeError, match=r"illegal address|wrote beside the memory of argument 0"):
            touch("put")((1,), (1,), (guarded((n,), np.float32), np.int32(i)))


def test_a_read_past_the_last_16_bytes_is_an_error(touch):
    for i in (8, 300):
        with pytest.raises(RuntimeError, match=rf"\({4 * i - 20} bytes past the end of argument 0\)"):
            touch("see")((1,), (1,), (guarded((5,), np.float32), np.int32(i)))


def test_memory_from_elsewhere_is_not_watched():
    assert not overwritten(np.ones(4).ctypes.data)
