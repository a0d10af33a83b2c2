// Storage types, 16-byte packs and fixed-order reductions that every kernel shares.
// Storage may be float, double, __half or __nv_bfloat16; arithmetic is in Acc<T>: float, or double for double.
#pragma once
#include <cuda_fp16.h>
#include <cuda_bf16.h>

template <typename T> struct AccOf { typedef float type; };
template <> struct AccOf<double> { typedef double type; };
template <typename T> using Acc = typename AccOf<T>::type;

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ double widen(double x) { return x; }
__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T> __device__ __forceinline__ T narrow(Acc<T> x) { return x; }
template <> __device__ __forceinline__ __half narrow<__half>(float x) { return __float2half(x); }
template <> __device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) { return __float2bfloat16(x); }

// 16 bytes of T: one load or store instruction where the address is a multiple of 16.
template <typename T> struct __align__(16) Pack {
  static const int size = 16 / sizeof(T);
  T at[16 / sizeof(T)];
};

// Sum and maximum over the 32 lanes of a full warp, by a fixed tree; every lane gets the result, NaN if one of them is.
template <typename A> __device__ __forceinline__ A warp_sum(A v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
template <typename A> __device__ __forceinline__ A warp_max(A v) {
  for (int o = 16; o; o >>= 1) {
    const A w = __shfl_xor_sync(0xffffffffu, v, o);
    v = w > v || w != w ? w : v;
  }
  return v;
}

// Sum over a block of whole warps, in warp order; `part` holds 32 values in shared memory.  Every thread gets the result,
// and `part` may be used again at once.
template <typename A> __device__ __forceinline__ A block_sum(A v, A* part) {
  v = warp_sum(v);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  A sum = part[0];
  for (int w = 1; w < (int)(blockDim.x >> 5); ++w) sum += part[w];
  __syncthreads();
  return sum;
}
