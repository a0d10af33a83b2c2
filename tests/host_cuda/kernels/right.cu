// Kernels that are right, each of one feature of CUDA that tests/host_cuda emulates.
#include <cuda_fp16.h>
#include <cuda_bf16.h>

__global__ void indices(int* out) {
  const int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const int b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[b * (blockDim.x * blockDim.y * blockDim.z) + t] = b * 10000 + t;
}

// Inclusive sums of 1024 numbers by one block: shuffles within warps, then over warps through shared memory.
__global__ void scan(const int* x, int* y) {
  __shared__ int sums[32];
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5;
  int v = x[t];
  for (int d = 1; d < 32; d <<= 1) {
    const int u = __shfl_up_sync(~0u, v, d);
    if (lane >= d) v += u;
  }
  if (lane == 31) sums[warp] = v;
  __syncthreads();
  if (warp == 0) {
    int s = sums[lane];
    for (int d = 1; d < 32; d <<= 1) {
      const int u = __shfl_up_sync(~0u, s, d);
      if (lane >= d) s += u;
    }
    sums[lane] = s;
  }
  __syncthreads();
  y[t] = v + (warp ? sums[warp - 1] : 0);
}

// The two halves of a warp in calls of their own, with masks of 16 lanes.
__global__ void half_warps(int* y) {
  const int lane = threadIdx.x;
  const unsigned mask = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  int v = lane;
  if (lane < 16)
    for (int o = 8; o; o >>= 1) v += __shfl_xor_sync(mask, v, o, 16);
  else
    for (int o = 8; o; o >>= 1) v += __shfl_xor_sync(mask, v, o, 16);
  y[lane] = v;
}

__global__ void shuffles(const int* x, int* y, int source, int by, int width) {
  const int v = x[threadIdx.x];
  y[threadIdx.x] = __shfl_sync(~0u, v, source, width);
  y[32 + threadIdx.x] = __shfl_down_sync(~0u, v, by, width);
  y[64 + threadIdx.x] = __shfl_up_sync(~0u, v, by, width);
  y[96 + threadIdx.x] = __shfl_xor_sync(~0u, v, by, width);
}

__global__ void votes(const int* p, int* y) {
  const int mine = p[threadIdx.x];
  const int count = __syncthreads_count(mine), any = __syncthreads_or(mine), all = __syncthreads_and(mine);
  const unsigned bits = __ballot_sync(~0u, mine);
  const int any_lane = __any_sync(~0u, mine), all_lanes = __all_sync(~0u, mine);
  int* own = y + threadIdx.x * 6;
  own[0] = count, own[1] = any, own[2] = all, own[3] = (int)bits, own[4] = any_lane, own[5] = all_lanes;
}

// Threads that leave early take no part in later barriers.
__global__ void early_exit(float* y, int n) {
  __shared__ float place[64];
  if ((int)threadIdx.x >= n) return;
  place[threadIdx.x] = threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = place[n - 1 - threadIdx.x];
}

__global__ void neighbour(float* y) {
  __shared__ float place[32];
  place[threadIdx.x] = threadIdx.x;
  __syncwarp();
  y[threadIdx.x] = place[(threadIdx.x + 1) & 31];
}

__global__ void total(const float* x, float* out, unsigned* most, int n) {
  float v = 0.f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += __ldg(x + i);
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(~0u, v, o);
  if ((threadIdx.x & 31) == 0) atomicAdd(out, v);
  atomicMax(most, blockIdx.x * blockDim.x + threadIdx.x);
}

// One block per row; dynamic shared memory holds the row twice, in two types.
template <typename T> __global__ void reverse_rows(const T* x, T* y, int n) {
  extern __shared__ __align__(16) unsigned char bytes[];
  T* row = reinterpret_cast<T*>(bytes);
  for (int i = threadIdx.x; i < n; i += blockDim.x) row[i] = x[(size_t)blockIdx.x * n + i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[(size_t)blockIdx.x * n + i] = row[n - 1 - i];
}

// C (M, N) = A (M, K) B (K, N), tiles of 64 x 64 by 256 threads, 4 x 4 each, float4 loads; sizes multiples of 64 and 16.
template <int BK> __global__ void __launch_bounds__(256) product(const float* A, const float* B, float* C, int M, int N, int K) {
  __shared__ __align__(16) float a_tile[BK][68];
  __shared__ __align__(16) float b_tile[BK][64];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16, row0 = blockIdx.y * 64, col0 = blockIdx.x * 64;
  float sum[4][4] = {};
  for (int k0 = 0; k0 < K; k0 += BK) {
    for (int i = t; i < 64 * BK / 4; i += 256) {
      const int r = i / (BK / 4), c = i % (BK / 4) * 4;
      const float4 v = *reinterpret_cast<const float4*>(A + (size_t)(row0 + r) * K + k0 + c);
      a_tile[c][r] = v.x, a_tile[c + 1][r] = v.y, a_tile[c + 2][r] = v.z, a_tile[c + 3][r] = v.w;
    }
    for (int i = t; i < BK * 64 / 4; i += 256) {
      const int r = i / 16, c = i % 16 * 4;
      *reinterpret_cast<float4*>(&b_tile[r][c]) = *reinterpret_cast<const float4*>(B + (size_t)(k0 + r) * N + col0 + c);
    }
    __syncthreads();
    for (int k = 0; k < BK; ++k)
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) sum[i][j] += a_tile[k][ty * 4 + i] * b_tile[k][tx * 4 + j];
#ifndef WITHOUT_BARRIER
    __syncthreads();
#endif
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) C[(size_t)(row0 + ty * 4 + i) * N + col0 + tx * 4 + j] = sum[i][j];
}

__global__ void from_half(const __half* x, float* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = __half2float(x[i]);
}
__global__ void to_half(const float* x, __half* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = __float2half(x[i]);
}
__global__ void from_bfloat(const __nv_bfloat16* x, float* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = __bfloat162float(x[i]);
}
__global__ void to_bfloat(const float* x, __nv_bfloat16* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = __float2bfloat16(x[i]);
}

struct Shape { int rows; long long stride; };
__global__ void by_value(float* y, Shape shape, double d, bool b) {
  y[0] = shape.rows, y[1] = (float)shape.stride, y[2] = (float)d, y[3] = b;
}
__global__ void maybe_null(const float* x, float* y) { y[0] = x ? x[0] : -1.f; }
