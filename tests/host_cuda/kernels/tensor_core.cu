// C (M, N) float = A (M, K) B (K, N) of 16-bit floats, row major: tiles of 64 x 64, K in steps of 32, 4 warps of 32 x 32,
// two stages of cp.async.  Then single products, whose fragments the lanes load one element at a time.
#include "mma.cuh"
#ifndef GROUPS_TOO_MANY
#define GROUPS_TOO_MANY 0  // 1: a wait that lets the copies it needs be under way
#endif

__device__ void mma_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], __half) { mma_fp16_16816(d, a, b); }
__device__ void mma_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], __nv_bfloat16) { mma_bf16_16816(d, a, b); }

template <typename T> __global__ void __launch_bounds__(128) product(const T* A, const T* B, float* C, int M, int N, int K) {
  __shared__ __align__(16) T a_tile[2][64][40];
  __shared__ __align__(16) T b_tile[2][32][72];
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5, wm = warp / 2 * 32, wn = warp % 2 * 32;
  const int row0 = blockIdx.y * 64, col0 = blockIdx.x * 64;
  float sum[2][4][4] = {};
  auto load = [&](int stage, int k0) {
    for (int i = t; i < 256; i += 128) {
      cp_async16(&a_tile[stage][i / 4][i % 4 * 8], A + (size_t)(row0 + i / 4) * K + k0 + i % 4 * 8);
      cp_async16(&b_tile[stage][i / 8][i % 8 * 8], B + (size_t)(k0 + i / 8) * N + col0 + i % 8 * 8);
    }
    cp_async_commit();
  };
  load(0, 0);
  for (int k0 = 0, stage = 0; k0 < K; k0 += 32, stage ^= 1) {
    if (k0 + 32 < K) {
      load(stage ^ 1, k0 + 32);
      cp_async_wait<1 + GROUPS_TOO_MANY>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();
    for (int kk = 0; kk < 32; kk += 16) {
      unsigned a[2][4], b[2][4];
      for (int i = 0; i < 2; ++i) {
        ldmatrix_x4<false>(a[i], &a_tile[stage][wm + i * 16 + lane % 16][kk + lane / 16 * 8]);
        ldmatrix_x4<true>(b[i], &b_tile[stage][kk + lane % 16][wn + i * 16 + lane / 16 * 8]);
      }
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j) {
          const unsigned pair[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
          mma_16816(sum[i][j], a[i], pair, T());
        }
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int e = 0; e < 4; ++e)
        C[(size_t)(row0 + wm + i * 16 + lane / 4 + e / 2 * 8) * N + col0 + wn + j * 8 + lane % 4 * 2 + e % 2] = sum[i][j][e];
}

// d (16, 8) += a (16, 8) b (8, 8), in tf32
__global__ void tf32_product(const float* a, const float* b, float* d) {
  const int group = threadIdx.x / 4, k = threadIdx.x % 4;
  const unsigned a_part[4] = {to_tf32(a[group * 8 + k]), to_tf32(a[(group + 8) * 8 + k]), to_tf32(a[group * 8 + k + 4]),
                              to_tf32(a[(group + 8) * 8 + k + 4])};
  const unsigned b_part[2] = {to_tf32(b[k * 8 + group]), to_tf32(b[(k + 4) * 8 + group])};
  float d_part[4];
  for (int e = 0; e < 4; ++e) d_part[e] = d[(group + e / 2 * 8) * 8 + k * 2 + e % 2];
  mma_tf32_1688(d_part, a_part, b_part);
  for (int e = 0; e < 4; ++e) d[(group + e / 2 * 8) * 8 + k * 2 + e % 2] = d_part[e];
}

// y[i] = x[i] for i < n, else 0, through shared memory and asynchronous copies of 16 and of 4 bytes.
__global__ void copy_tail(const float* x, float* y, int n) {
  __shared__ __align__(16) float place[2][128];
  const int i = threadIdx.x * 4, left = n - i < 0 ? 0 : n - i > 4 ? 4 : n - i;
  cp_async16(&place[0][i], x + (left ? i : 0), left * 4);
  for (int j = i; j < i + 4; ++j) cp_async4(&place[1][j], x + (j < n ? j : 0), j < n ? 4 : 0);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  for (int j = i; j < i + 4; ++j) y[j] = place[0][j], y[128 + j] = place[1][j];
}
