// Rows of a C-ordered (n_rows, n_cols) array dealt out to lanes: `width` of them own a row, 1 to 32 of a warp or a whole block,
// and each takes S neighbouring columns at a time.  Sums and maxima over a row by a fixed tree; row_max passes over NaN.
#pragma once
#include "common.cuh"

// S elements that travel together: one access of 16 bytes, or one element.
template <typename T, int S> struct __align__(S == 1 ? sizeof(T) : 16) Columns {
  T at[S];
};
template <typename T, int S> __device__ __forceinline__ Columns<T, S> columns_at(const T* p) {
  return *reinterpret_cast<const Columns<T, S>*>(p);
}

// Over the lanes that own a row: width <= 32 of a warp, or the whole block; every lane gets the result.
template <typename A> __device__ __forceinline__ A row_sum(A v, int width, A* part) {
  if (width > 32) return block_sum(v, part);
  for (int o = width >> 1; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
template <typename A> __device__ __forceinline__ A row_max(A v, int width, A* part) {
  for (int o = (width > 32 ? 32 : width) >> 1; o; o >>= 1) {
    const A w = __shfl_xor_sync(0xffffffffu, v, o);
    v = w > v ? w : v;
  }
  if (width <= 32) return v;
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  v = part[0];
  for (int w = 1; w < (int)(blockDim.x >> 5); ++w) v = part[w] > v ? part[w] : v;
  __syncthreads();
  return v;
}

// The rows of a block, `width` lanes each; a lane beyond the last row has no columns but takes part in the sums.
struct Rows {
  long long n_rows, n_cols, row, first, end;  // this lane's packs of columns are first, first + width, ...
  int width, per_block;
  __device__ __forceinline__ Rows(long long rows, long long cols, int w) : n_rows(rows), n_cols(cols), width(w) {
    per_block = blockDim.x / width;
    row = (long long)blockIdx.x * per_block + threadIdx.x / width;
    first = threadIdx.x & (width - 1);
  }
  __device__ __forceinline__ bool more() {  // the same answer in the whole block
    end = row < n_rows ? n_cols : 0;
    return row - threadIdx.x / width < n_rows;
  }
  __device__ __forceinline__ void next() { row += (long long)gridDim.x * per_block; }
  __device__ __forceinline__ bool leads() const { return first == 0 && end; }
};
