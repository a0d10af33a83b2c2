// Norm of each row, as of layers, and its gradients: y = z w + b with z = (x - mean) / sqrt(var + eps).
//
//   row_norm_fwd<T, W>      x (R, D): mean and var of each row; y                       w, b (D) or null
//   row_norm_vjp<T, W>      dx, and for each block part = [dw | db]                     part (n_blocks, 2 D) of Acc<T>
//
// dx = (u - mean of u - z times mean of (u z)) / sqrt(var + eps) with u = g w, the means over a row.
// Arrays in C order without gaps; mean and var are Acc<T>.  Variance is in two passes over a row, the second from cache.
// dw and db are added up by each block, then by split_sum of outer.cu: the same result in every run, no atomics.
// W warps own a row, 8 / W rows a block of 256.  With `packed` (addresses multiples of 16, rows of whole packs) every access
// of x, g, y and dx moves 16 bytes.
// Bytes moved, in sizes of x: forward 1 + 1, gradients 2 + 1.  Roofline: bandwidth.
// Source: Ba, Kiros and Hinton, 2016.
// Tolerance against float64: 4e-6 (float), 1e-13 (double) of the largest |value| of a row, one rounding of 2 bytes.
#include "tiles.cuh"
#include "scalar_math.cuh"

template <int W, typename A> __device__ __forceinline__ A group_sum(A v, A* part) {
  return W == 1 ? warp_sum(v) : block_sum(v, part);
}

template <typename T, int W, int S>
__device__ __forceinline__ void row_fwd(const T* x, const T* w, const T* b, T* y, Acc<T>* mean, Acc<T>* var, long long n_rows,
                                        int n_cols, Acc<T> eps) {
  typedef Acc<T> A;
  __shared__ A part[32];
  const int first = threadIdx.x % (32 * W) * S, step = 32 * W * S;
  const long long r = (long long)blockIdx.x * (8 / W) + threadIdx.x / (32 * W);
  if (W == 1 && r >= n_rows) return;
  const T* row = x + r * n_cols;
  A sum = 0, squares = 0, v[S];
  for (int c = first; c < n_cols; c += step) {
    read_run(v, row + c);
#pragma unroll
    for (int k = 0; k < S; ++k) sum += v[k];
  }
  const A mu = group_sum<W>(sum, part) / A(n_cols);
  for (int c = first; c < n_cols; c += step) {
    read_run(v, row + c);
#pragma unroll
    for (int k = 0; k < S; ++k) squares += (v[k] - mu) * (v[k] - mu);
  }
  const A sigma2 = group_sum<W>(squares, part) / A(n_cols), by = A(1) / sqrt_of(sigma2 + eps);
  for (int c = first; c < n_cols; c += step) {
    read_run(v, row + c);
#pragma unroll
    for (int k = 0; k < S; ++k)
      v[k] = (v[k] - mu) * by * (w ? widen(w[c + k]) : A(1)) + (b ? widen(b[c + k]) : A(0));
    write_run<S>(y + r * n_cols + c, v);
  }
  if (first == 0) {
    mean[r] = mu;
    var[r] = sigma2;
  }
}

template <typename T, int W>
__global__ void __launch_bounds__(TILE_THREADS, 3) row_norm_fwd(
    const T* x, const T* w, const T* b, T* y, Acc<T>* mean, Acc<T>* var, long long n_rows, int n_cols, Acc<T> eps, int packed) {
  if (packed) row_fwd<T, W, Pack<T>::size>(x, w, b, y, mean, var, n_rows, n_cols, eps);
  else row_fwd<T, W, 1>(x, w, b, y, mean, var, n_rows, n_cols, eps);
}

// Dynamic shared memory: 8 / W times [dw | db], each added to by the threads that own a column of it.
template <typename T, int W, int S>
__device__ __forceinline__ void row_vjp(const T* g, const T* x, const T* w, const Acc<T>* mean, const Acc<T>* var, T* dx,
                                        Acc<T>* part, Acc<T>* all, long long n_rows, int n_cols, Acc<T> eps) {
  typedef Acc<T> A;
  __shared__ A sums[32];
  A* const own = all + threadIdx.x / (32 * W) * 2 * n_cols;
  const int first = threadIdx.x % (32 * W) * S, step = 32 * W * S;
  for (int c = first; c < n_cols; c += step)
#pragma unroll
    for (int k = 0; k < S; ++k) own[c + k] = own[n_cols + c + k] = A(0);
  A gv[S], xv[S];
  const long long rows_at_once = (long long)gridDim.x * (8 / W);
  for (long long r = (long long)blockIdx.x * (8 / W) + threadIdx.x / (32 * W); r < n_rows; r += rows_at_once) {
    const A mu = mean[r], by = A(1) / sqrt_of(var[r] + eps);
    const T *gr = g + r * n_cols, *xr = x + r * n_cols;
    A sum = 0, dot = 0;
    for (int c = first; c < n_cols; c += step) {
      read_run(gv, gr + c);
      read_run(xv, xr + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const A z = (xv[k] - mu) * by, u = gv[k] * widen(w[c + k]);
        sum += u;
        dot += u * z;
        own[c + k] += gv[k] * z;
        own[n_cols + c + k] += gv[k];
      }
    }
    sum = group_sum<W>(sum, sums) / A(n_cols);
    dot = group_sum<W>(dot, sums) / A(n_cols);
    for (int c = first; c < n_cols; c += step) {
      read_run(gv, gr + c);
      read_run(xv, xr + c);
#pragma unroll
      for (int k = 0; k < S; ++k) gv[k] = (gv[k] * widen(w[c + k]) - sum - (xv[k] - mu) * by * dot) * by;
      write_run<S>(dx + r * n_cols + c, gv);
    }
  }
  __syncthreads();
  for (int c = threadIdx.x; c < 2 * n_cols; c += TILE_THREADS) {
    A total = all[c];
    for (int k = 1; k < 8 / W; ++k) total += all[k * 2 * n_cols + c];
    part[(size_t)blockIdx.x * 2 * n_cols + c] = total;
  }
}

template <typename T, int W>
__global__ void __launch_bounds__(TILE_THREADS, 3) row_norm_vjp(
    const T* g, const T* x, const T* w, const Acc<T>* mean, const Acc<T>* var, T* dx, Acc<T>* part, long long n_rows,
    int n_cols, Acc<T> eps, int packed) {
  extern __shared__ __align__(16) unsigned char norm_bytes[];
  Acc<T>* const all = reinterpret_cast<Acc<T>*>(norm_bytes);
  if (packed) row_vjp<T, W, Pack<T>::size>(g, x, w, mean, var, dx, part, all, n_rows, n_cols, eps);
  else row_vjp<T, W, 1>(g, x, w, mean, var, dx, part, all, n_rows, n_cols, eps);
}
