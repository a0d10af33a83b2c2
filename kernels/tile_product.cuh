// Matrix products of one block between tiles in shared memory: C[r][c] = sum over k of A(r, k) B(k, c).
//
// A lies as [r][k] where A_BY_K, else as [k][r]; B as [c][k] where B_BY_K, else as [k][c]: the three products of a linear
// layer (forward, input gradient, weight gradient) differ in these flags alone, and nothing is ever transposed in memory.
// Sizes are multiples of TileOf<T>::step, leading dimensions of 16 bytes, what lies beyond the true sizes is zero.
// out(r, c, value) is called once for each element, by the thread that holds it; the sum over k is in rising order.
#pragma once
#include "common.cuh"
#include "mma.cuh"

template <typename T> struct TileOf { static const int step = 16; };
template <> struct TileOf<float> { static const int step = 4; };

// float: each thread owns 4 x 4 elements and reads 16 bytes at a time.  Operands that lie along k are read from rows n/4
// apart, so that neighbouring lanes touch neighbouring rows: with a leading dimension of 4 mod 32 no bank is hit twice.
template <bool BY_K> __device__ __forceinline__ int element_of(int group, int i, int n_groups) {
  return BY_K ? group + i * n_groups : group * 4 + i;
}

template <bool BY_K>
__device__ __forceinline__ void read_4x4(float (&v)[4][4], const float* p, int ld, int group, int n_groups, int k) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float* row = BY_K ? p + element_of<true>(group, i, n_groups) * ld + k : p + (k + i) * ld + group * 4;
    const float4 q = *reinterpret_cast<const float4*>(row);
    const float four[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
    for (int j = 0; j < 4; ++j) (BY_K ? v[i][j] : v[j][i]) = four[j];
  }
}

template <bool A_BY_K, bool B_BY_K, typename Out>
__device__ __forceinline__ void tile_product(const float* a, int lda, const float* b, int ldb, int rows, int cols, int depth, Out out) {
  const int n_r = rows / 4, n_c = cols / 4;
  for (int t = threadIdx.x; t < n_r * n_c; t += blockDim.x) {
    const int tr = t / n_c, tc = t % n_c;
    float acc[4][4] = {};
    for (int k = 0; k < depth; k += 4) {
      float av[4][4], bv[4][4];
      read_4x4<A_BY_K>(av, a, lda, tr, n_r, k);
      read_4x4<B_BY_K>(bv, b, ldb, tc, n_c, k);
#pragma unroll
      for (int s = 0; s < 4; ++s)
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int j = 0; j < 4; ++j) acc[i][j] += av[i][s] * bv[j][s];
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j) out(element_of<A_BY_K>(tr, i, n_r), element_of<B_BY_K>(tc, j, n_c), acc[i][j]);
  }
}

// bfloat16: each warp owns 16 I x 16 J elements and feeds mma.sync m16n8k16 by ldmatrix, sums in float.
template <bool A_BY_K> __device__ __forceinline__ const __nv_bfloat16* a_address(const __nv_bfloat16* a, int lda, int r, int k, int lane) {
  return A_BY_K ? a + (r + lane % 16) * lda + k + lane / 16 * 8 : a + (k + lane / 16 * 8 + lane % 8) * lda + r + lane / 8 % 2 * 8;
}
template <bool B_BY_K> __device__ __forceinline__ const __nv_bfloat16* b_address(const __nv_bfloat16* b, int ldb, int c, int k, int lane) {
  return B_BY_K ? b + (c + lane / 16 * 8 + lane % 8) * ldb + k + lane / 8 % 2 * 8 : b + (k + lane % 16) * ldb + c + lane / 16 * 8;
}

template <int I, int J, bool A_BY_K, bool B_BY_K, typename Out>
__device__ __forceinline__ void warp_tiles(const __nv_bfloat16* a, int lda, const __nv_bfloat16* b, int ldb, int rows, int cols, int depth, Out out) {
  const int lane = threadIdx.x & 31, n_c = cols / (16 * J), n_tiles = rows / (16 * I) * n_c;
  for (int t = threadIdx.x >> 5; t < n_tiles; t += blockDim.x >> 5) {
    const int r0 = t / n_c * 16 * I, c0 = t % n_c * 16 * J;
    float acc[I][2 * J][4] = {};
    for (int k = 0; k < depth; k += 16) {
      unsigned av[I][4], bv[J][4];
#pragma unroll
      for (int i = 0; i < I; ++i) ldmatrix_x4<!A_BY_K>(av[i], a_address<A_BY_K>(a, lda, r0 + 16 * i, k, lane));
#pragma unroll
      for (int j = 0; j < J; ++j) ldmatrix_x4<!B_BY_K>(bv[j], b_address<B_BY_K>(b, ldb, c0 + 16 * j, k, lane));
#pragma unroll
      for (int i = 0; i < I; ++i)
#pragma unroll
        for (int j = 0; j < 2 * J; ++j) {
          const unsigned pair[2] = {bv[j / 2][j % 2 * 2], bv[j / 2][j % 2 * 2 + 1]};
          mma_bf16_16816(acc[i][j], av[i], pair);
        }
    }
#pragma unroll
    for (int i = 0; i < I; ++i)
#pragma unroll
      for (int j = 0; j < 2 * J; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) out(r0 + 16 * i + lane / 4 + e / 2 * 8, c0 + 8 * j + lane % 4 * 2 + e % 2, acc[i][j][e]);
  }
}

template <bool A_BY_K, bool B_BY_K, typename Out>
__device__ __forceinline__ void tile_product(const __nv_bfloat16* a, int lda, const __nv_bfloat16* b, int ldb, int rows, int cols, int depth, Out out) {
  if (rows % 32 == 0 && cols % 32 == 0) warp_tiles<2, 2, A_BY_K, B_BY_K>(a, lda, b, ldb, rows, cols, depth, out);
  else warp_tiles<1, 1, A_BY_K, B_BY_K>(a, lda, b, ldb, rows, cols, depth, out);
}
