// Outer products u_i x_i^T of the samples i of a batch: their weighted sum, each of them, and their norms.
//
//   outer_split<T, M>      part[s] = sum over the rows i of split s of weight_i u_i x_i^T      part (n_split, m, n) of Acc<T>
//   split_sum<T>           a, b = scale * sum over s of part[s], cut in two at n_a             part (n_split, n_a + n_b)
//   outer_each<T>          y_i = u_i x_i^T                                                     y (N, m, n)
//   outer_norms<T, W>      y_i = ||u_i^T x_i||^2 for u_i (rows, m), x_i (rows, n)              y (N)
//
// u (N, m), x (N, n), weight (N) or null, all in C order without gaps.  `scale` is a number, times *scale_at where that is
// not null.  With `packed` (addresses multiples of 16, m and n of a pack) loads move 16 bytes.
// outer_split: block (column tile, row tile, split) owns a tile of 16 M x 16 M and the rows of its split, 16 at a time; no
// atomics, and the splits are added in rising order, so the result is the same in every run.
// outer_norms: W warps a sample; the squared norm is the sum over pairs of rows of (u_r . u_s)(x_r . x_s), never a product
// of size m n; with one row it is ||u||^2 ||x||^2.
// Bytes moved: outer_split (N (m + n)) sizeof(T), times the number of tiles across, which the L2 cache mostly serves;
// outer_each N m n sizeof(T); outer_norms N rows (m + n) sizeof(T).  Roofline: bandwidth up to m, n of about 64 in float.
// Tolerance against float64: sqrt(N) 1e-7 (float) of the sum of |summands|, 1e-15 (double), one rounding of 2-byte storage.
#include "tiles.cuh"

template <typename T, int M, int S>
__device__ __forceinline__ void outer_rows(const T* u, const T* x, const T* weight, Acc<T>* part, long long n_rows,
                                           long long rows_each, int m, int n) {
  typedef Acc<T> A;
  const int ROWS = 16, TILE = 16 * M, LD = TILE + 4;
  __shared__ __align__(16) A us[ROWS * LD], xs[ROWS * LD];
  const int row0 = blockIdx.y * TILE, col0 = blockIdx.x * TILE;
  const long long begin = blockIdx.z * rows_each, end = begin + rows_each < n_rows ? begin + rows_each : n_rows;
  A acc[M][M] = {};
  for (long long i = begin; i < end; i += ROWS) {
    const int left = end - i < ROWS ? (int)(end - i) : ROWS;
    fill_tile<ROWS, TILE, S>(us, LD, left, m - row0, [&](int r, int c, A(&v)[S]) {
      read_run(v, u + (i + r) * m + row0 + c);
      if (weight)
        for (int k = 0; k < S; ++k) v[k] *= widen(weight[i + r]);
    });
    fill_tile<ROWS, TILE, S>(xs, LD, left, n - col0, [&](int r, int c, A(&v)[S]) { read_run(v, x + (i + r) * n + col0 + c); });
    __syncthreads();
    add_outer<ROWS>(acc, us, LD, xs, LD);
    __syncthreads();
  }
  write_tile(part + (size_t)blockIdx.z * m * n, acc, row0, col0, m, n);
}

template <typename T, int M>
__global__ void __launch_bounds__(TILE_THREADS) outer_split(
    const T* u, const T* x, const T* weight, Acc<T>* part, long long n_rows, long long rows_each, int m, int n, int packed) {
  if (packed) outer_rows<T, M, Pack<T>::size>(u, x, weight, part, n_rows, rows_each, m, n);
  else outer_rows<T, M, 1>(u, x, weight, part, n_rows, rows_each, m, n);
}

// Block (32, 8): 32 neighbouring elements; thread row y adds the splits y, y + 8, ..., then the 8 sums are added in order.
template <typename T>
__global__ void split_sum(const Acc<T>* part, T* a, long long n_a, T* b, long long n_b, int n_split, Acc<T> scale,
                          const Acc<T>* scale_at) {
  __shared__ Acc<T> sums[8][32];
  const long long i = (long long)blockIdx.x * 32 + threadIdx.x, n = n_a + n_b;
  Acc<T> sum = 0;
  if (i < n)
    for (int s = threadIdx.y; s < n_split; s += 8) sum += part[s * n + i];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y || i >= n) return;
  for (int y = 1; y < 8; ++y) sum += sums[y][threadIdx.x];
  sum *= scale_at ? scale * *scale_at : scale;
  if (i < n_a) a[i] = narrow<T>(sum);
  else b[i - n_a] = narrow<T>(sum);
}

// Block (w, h): runs of columns blockIdx.x w + threadIdx.x, rows of the result (one for each element of u) by stride.
template <typename T, int S>
__device__ __forceinline__ void each_row(const T* u, const T* x, T* y, long long n_u, int m, int n) {
  const int c = (blockIdx.x * blockDim.x + threadIdx.x) * S;
  if (c >= n) return;
  for (long long r = (long long)blockIdx.y * blockDim.y + threadIdx.y; r < n_u; r += (long long)gridDim.y * blockDim.y) {
    Acc<T> v[S];
    read_run(v, x + r / m * n + c);
    const Acc<T> factor = widen(u[r]);
#pragma unroll
    for (int k = 0; k < S; ++k) v[k] *= factor;
    write_run<S>(y + r * n + c, v);
  }
}

template <typename T> __global__ void outer_each(const T* u, const T* x, T* y, long long n_u, int m, int n, int packed) {
  if (packed) each_row<T, Pack<T>::size>(u, x, y, n_u, m, n);
  else each_row<T, 1>(u, x, y, n_u, m, n);
}

template <typename T> __device__ __forceinline__ Acc<T> warp_dot(const T* a, const T* b, int n) {
  Acc<T> sum = 0;
  for (int c = threadIdx.x & 31; c < n; c += 32) sum += widen(a[c]) * widen(b[c]);
  return warp_sum(sum);
}

template <typename T, int W>
__global__ void outer_norms(const T* u, const T* x, T* y, long long n_samples, int rows, int m, int n) {
  __shared__ Acc<T> sums[8];
  const int warp = threadIdx.x >> 5, mine = warp % W;
  const long long i = (long long)blockIdx.x * (8 / W) + warp / W;
  Acc<T> sum = 0;
  if (i < n_samples) {
    const T *ui = u + i * rows * m, *xi = x + i * rows * n;
    for (int r = 0; r < rows; ++r)
      for (int s = mine; s <= r; s += W) {
        const Acc<T> both = warp_dot(ui + (size_t)r * m, ui + (size_t)s * m, m) * warp_dot(xi + (size_t)r * n, xi + (size_t)s * n, n);
        sum += r == s ? both : both + both;
      }
  }
  if ((threadIdx.x & 31) == 0) sums[warp] = sum;
  __syncthreads();
  if ((threadIdx.x & 31) || mine || i >= n_samples) return;
  for (int k = 1; k < W; ++k) sum += sums[warp + k];
  y[i] = narrow<T>(sum < Acc<T>(0) ? Acc<T>(0) : sum);  // rounding may go below
}
