// Norm of each column, as of batches, and its gradients: y = z w + b with z = (x - mean) / sqrt(var + eps).
//
//   column_moments<T>       x (N, C): mean and sum of squares about it, of each split   part (n_split, 2 C) of Acc<T>
//   column_merge<T>         mean and var (C) from the splits' parts
//   column_norm_fwd<T>      y                                                           w, b (C) or null
//   column_sums<T>          part = [sum of g z | sum of g] for each split               part (n_split, 2 C) of Acc<T>
//   column_norm_vjp<T>      dx, dw, db from the sums                                    sums (2 C) of Acc<T>
//
// dx = (u - mean of u - z times mean of (u z)) / sqrt(var + eps) with u = g w, the means over a column.
// Arrays in C order without gaps; mean and var are Acc<T>.  Variance is by Welford's update down a column, splits merged by
// Chan's formula in rising order.  Sums are in a fixed order, two stages (split_sum of outer.cu is the second): the same
// result in every run, no atomics.
// Block (w, 256 / w): a thread owns a run of columns, rows by stride within its split.  With `packed` (addresses multiples of
// 16, rows of whole packs) every access of x, g, y and dx moves 16 bytes.
// Bytes moved, in sizes of x: forward 2 + 1, gradients 4 + 1.  Roofline: bandwidth.
// Sources: Ioffe and Szegedy, 2015; Chan, Golub and LeVeque, 1983.
// Tolerance against float64: 4e-6 (float), 1e-13 (double) of the largest |value| of a column, one rounding of 2 bytes.
#include "tiles.cuh"
#include "scalar_math.cuh"

// What a thread of a column kernel owns: columns c .. c + S - 1 and the rows begin, begin + step, ... below end.
struct Columns {
  int c;
  long long begin, end, step;
};

template <int S> __device__ __forceinline__ Columns columns_of(long long n_rows, long long rows_each) {
  const long long first = blockIdx.y * rows_each;
  return {(int)(blockIdx.x * blockDim.x + threadIdx.x) * S, first + threadIdx.y,
          first + rows_each < n_rows ? first + rows_each : n_rows, (long long)blockDim.y};
}

template <typename A> __device__ __forceinline__ void merge_moments(A& n, A& mean, A& m2, A n_b, A mean_b, A m2_b) {
  if (n_b == A(0)) return;
  const A both = n + n_b, d = mean_b - mean, share = n_b / both;
  mean += d * share;
  m2 += m2_b + d * d * n * share;
  n = both;
}

template <typename T, int S>
__device__ __forceinline__ void moments_of(const T* x, Acc<T>* part, long long n_rows, long long rows_each, int n_cols) {
  typedef Acc<T> A;
  __shared__ A counts[TILE_THREADS], means[TILE_THREADS], squares[TILE_THREADS];
  const Columns at = columns_of<S>(n_rows, rows_each);
  A n = 0, mean[S] = {}, m2[S] = {};
  for (long long r = at.begin; at.c < n_cols && r < at.end; r += at.step) {
    A v[S];
    read_run(v, x + r * n_cols + at.c);
    n += A(1);
    const A by = A(1) / n;
#pragma unroll
    for (int k = 0; k < S; ++k) {
      const A d = v[k] - mean[k];
      mean[k] += d * by;
      m2[k] += d * (v[k] - mean[k]);
    }
  }
  const int mine = threadIdx.y * blockDim.x + threadIdx.x;
#pragma unroll
  for (int k = 0; k < S; ++k) {
    counts[mine] = n, means[mine] = mean[k], squares[mine] = m2[k];
    __syncthreads();
    if (threadIdx.y == 0 && at.c < n_cols) {
      A total = n;
      for (int i = mine + blockDim.x; i < TILE_THREADS; i += blockDim.x)
        merge_moments(total, mean[k], m2[k], counts[i], means[i], squares[i]);
      A* to = part + (size_t)blockIdx.y * 2 * n_cols + at.c + k;
      to[0] = mean[k];
      to[n_cols] = m2[k];
    }
    __syncthreads();
  }
}

template <typename T>
__global__ void __launch_bounds__(TILE_THREADS, 3) column_moments(
    const T* x, Acc<T>* part, long long n_rows, long long rows_each, int n_cols, int packed) {
  if (packed) moments_of<T, Pack<T>::size>(x, part, n_rows, rows_each, n_cols);
  else moments_of<T, 1>(x, part, n_rows, rows_each, n_cols);
}

template <typename T>
__global__ void column_merge(const Acc<T>* part, Acc<T>* mean, Acc<T>* var, long long n_rows, long long rows_each, int n_cols) {
  typedef Acc<T> A;
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= n_cols) return;
  A n = 0, mu = 0, m2 = 0;
  for (long long first = 0; first < n_rows; first += rows_each, part += 2 * n_cols)
    merge_moments(n, mu, m2, A(n_rows - first < rows_each ? n_rows - first : rows_each), part[c], part[n_cols + c]);
  mean[c] = mu;
  var[c] = m2 / A(n_rows);
}

template <typename T, int S>
__device__ __forceinline__ void column_fwd(const T* x, const T* w, const T* b, const Acc<T>* mean, const Acc<T>* var, T* y,
                                           long long n_rows, long long rows_each, int n_cols, Acc<T> eps) {
  typedef Acc<T> A;
  const Columns at = columns_of<S>(n_rows, rows_each);
  if (at.c >= n_cols) return;
  A mu[S], by[S], shift[S];
#pragma unroll
  for (int k = 0; k < S; ++k) {
    const int c = at.c + k;
    mu[k] = mean[c];
    by[k] = (w ? widen(w[c]) : A(1)) / sqrt_of(var[c] + eps);
    shift[k] = b ? widen(b[c]) : A(0);
  }
  for (long long r = at.begin; r < at.end; r += at.step) {
    A v[S];
    read_run(v, x + r * n_cols + at.c);
#pragma unroll
    for (int k = 0; k < S; ++k) v[k] = (v[k] - mu[k]) * by[k] + shift[k];
    write_run<S>(y + r * n_cols + at.c, v);
  }
}

template <typename T>
__global__ void __launch_bounds__(TILE_THREADS, 3) column_norm_fwd(
    const T* x, const T* w, const T* b, const Acc<T>* mean, const Acc<T>* var, T* y, long long n_rows, long long rows_each,
    int n_cols, Acc<T> eps, int packed) {
  if (packed) column_fwd<T, Pack<T>::size>(x, w, b, mean, var, y, n_rows, rows_each, n_cols, eps);
  else column_fwd<T, 1>(x, w, b, mean, var, y, n_rows, rows_each, n_cols, eps);
}

template <typename T, int S>
__device__ __forceinline__ void sums_of(const T* g, const T* x, const Acc<T>* mean, const Acc<T>* var, Acc<T>* part,
                                        long long n_rows, long long rows_each, int n_cols, Acc<T> eps) {
  typedef Acc<T> A;
  __shared__ A dots[TILE_THREADS], sums[TILE_THREADS];
  const Columns at = columns_of<S>(n_rows, rows_each);
  A dot[S] = {}, sum[S] = {};
  for (long long r = at.begin; at.c < n_cols && r < at.end; r += at.step) {
    A gv[S], xv[S];
    read_run(gv, g + r * n_cols + at.c);
    read_run(xv, x + r * n_cols + at.c);
#pragma unroll
    for (int k = 0; k < S; ++k) {
      dot[k] += gv[k] * (xv[k] - mean[at.c + k]);
      sum[k] += gv[k];
    }
  }
  const int mine = threadIdx.y * blockDim.x + threadIdx.x;
#pragma unroll
  for (int k = 0; k < S; ++k) {
    dots[mine] = dot[k], sums[mine] = sum[k];
    __syncthreads();
    if (threadIdx.y == 0 && at.c < n_cols) {
      for (int i = mine + blockDim.x; i < TILE_THREADS; i += blockDim.x) dot[k] += dots[i], sum[k] += sums[i];
      A* to = part + (size_t)blockIdx.y * 2 * n_cols + at.c + k;
      to[0] = dot[k] / sqrt_of(var[at.c + k] + eps);
      to[n_cols] = sum[k];
    }
    __syncthreads();
  }
}

template <typename T>
__global__ void __launch_bounds__(TILE_THREADS, 3) column_sums(
    const T* g, const T* x, const Acc<T>* mean, const Acc<T>* var, Acc<T>* part, long long n_rows, long long rows_each,
    int n_cols, Acc<T> eps, int packed) {
  if (packed) sums_of<T, Pack<T>::size>(g, x, mean, var, part, n_rows, rows_each, n_cols, eps);
  else sums_of<T, 1>(g, x, mean, var, part, n_rows, rows_each, n_cols, eps);
}

template <typename T, int S>
__device__ __forceinline__ void column_vjp(const T* g, const T* x, const T* w, const Acc<T>* mean, const Acc<T>* var,
                                           const Acc<T>* sums, T* dx, T* dw, T* db, long long n_rows, long long rows_each,
                                           int n_cols, Acc<T> eps) {
  typedef Acc<T> A;
  const Columns at = columns_of<S>(n_rows, rows_each);
  if (at.c >= n_cols) return;
  A mu[S], by[S], along[S], level[S], factor[S];
#pragma unroll
  for (int k = 0; k < S; ++k) {
    const int c = at.c + k;
    mu[k] = mean[c];
    by[k] = A(1) / sqrt_of(var[c] + eps);
    factor[k] = widen(w[c]) * by[k];
    along[k] = sums[c] / A(n_rows) * by[k];
    level[k] = sums[n_cols + c] / A(n_rows);
    if (blockIdx.y == 0 && threadIdx.y == 0) {
      dw[c] = narrow<T>(sums[c]);
      db[c] = narrow<T>(sums[n_cols + c]);
    }
  }
  for (long long r = at.begin; r < at.end; r += at.step) {
    A gv[S], xv[S];
    read_run(gv, g + r * n_cols + at.c);
    read_run(xv, x + r * n_cols + at.c);
#pragma unroll
    for (int k = 0; k < S; ++k) gv[k] = (gv[k] - level[k] - (xv[k] - mu[k]) * along[k]) * factor[k];
    write_run<S>(dx + r * n_cols + at.c, gv);
  }
}

template <typename T>
__global__ void __launch_bounds__(TILE_THREADS, 3) column_norm_vjp(
    const T* g, const T* x, const T* w, const Acc<T>* mean, const Acc<T>* var, const Acc<T>* sums, T* dx, T* dw, T* db,
    long long n_rows, long long rows_each, int n_cols, Acc<T> eps, int packed) {
  if (packed) column_vjp<T, Pack<T>::size>(g, x, w, mean, var, sums, dx, dw, db, n_rows, rows_each, n_cols, eps);
  else column_vjp<T, 1>(g, x, w, mean, var, sums, dx, dw, db, n_rows, rows_each, n_cols, eps);
}
