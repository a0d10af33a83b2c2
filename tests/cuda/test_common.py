"""kernels/common.cuh: conversions, packs, and reductions of a fixed order."""

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda.source import kernels_dir

TYPES = {"float": np.float32, "double": np.float64, "__half": np.float16, "__nv_bfloat16": ml_dtypes.bfloat16}
SOURCE = """
#include "common.cuh"
template <typename T> __global__ void sums(const T* x, Acc<T>* y) {
  __shared__ Acc<T> part[32];
  const Acc<T> v = widen(x[threadIdx.x]);
  Acc<T>* own = y + 4 * threadIdx.x;
  own[0] = warp_sum(v), own[1] = warp_max(v), own[2] = block_sum(v, part), own[3] = block_sum(-v, part);
}
template <typename T> __global__ void halves(const Pack<T>* x, Pack<T>* y) {
  Pack<T> p = x[threadIdx.x];
  for (int i = 0; i < Pack<T>::size; ++i) p.at[i] = narrow<T>(widen(p.at[i]) / 2);
  y[threadIdx.x] = p;
}
"""


@pytest.fixture(scope="module")
def module():
    pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
    from tests.host_cuda.module import HostModule

    names = [f"{kernel}<{name}>" for kernel in ("sums", "halves") for name in TYPES]
    return HostModule(SOURCE, names, "common_test.cu", (f"-I{kernels_dir()}",))


def tree(v):
    """The sum over 32 lanes by halving, as the shuffles add."""
    for offset in (16, 8, 4, 2, 1):
        v = v + v[..., np.arange(32) ^ offset]
    return v[..., 0]


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("n_warps", [1, 3, 32])
@pytest.mark.parametrize("name", TYPES)
def test_sums_go_by_a_fixed_tree(module, name, n_warps, order):
    dtype = np.dtype(TYPES[name])
    acc = np.float64 if dtype == np.float64 else np.float32
    x = np.random.default_rng(0).standard_normal(32 * n_warps).astype(dtype)
    y = np.empty((n_warps, 32, 4), acc)
    module.order(order, seed=1)
    module.get_function(f"sums<{name}>")((1,), (32 * n_warps,), (x, y))
    warps = x.astype(acc).reshape(n_warps, 32)
    total = acc(0)
    for k, part in enumerate(tree(warps)):
        total = part if k == 0 else total + part
    np.testing.assert_array_equal(y[..., 0], np.repeat(tree(warps)[:, None], 32, 1))
    np.testing.assert_array_equal(y[..., 1], np.repeat(warps.max(1, keepdims=True), 32, 1))
    np.testing.assert_array_equal(y[..., 2], total)
    np.testing.assert_array_equal(y[..., 3], -total)


@pytest.mark.parametrize("lane", [0, 13, 31])
def test_nan_comes_out_at_every_lane(module, lane):
    x = np.arange(32, dtype=np.float32)
    x[lane] = np.nan
    y = np.zeros((32, 4), np.float32)
    module.get_function("sums<float>")((1,), (32,), (x, y))
    assert np.isnan(y).all()


@pytest.mark.parametrize("name", TYPES)
def test_a_pack_is_16_bytes_of_storage(module, name):
    x = np.random.default_rng(0).standard_normal(64).astype(TYPES[name])
    y = np.empty_like(x)
    module.get_function(f"halves<{name}>")((1,), (64 * x.itemsize // 16,), (x, y))
    np.testing.assert_array_equal(y, x / x.dtype.type(2))
