// Softmax over the last axis, its logarithm, the logarithm of its sum, and the gradients.
//
//   softmax_fwd<T, M>    y = softmax(x) (M = 0), log_softmax(x) (1): x, y (N, C); logsumexp(x) (2): y (N)
//   softmax_vjp<T, L>    y (g - sum(g y)) (L = 0), g - e^y sum(g) (1): g, y, dx (N, C)
//
// Arrays lie in C order without gaps.  `width` lanes own a row: 1 to 32 of a warp, or a whole block; each takes a pack of
// columns (16 bytes with `packed`) at a time.  The first reading keeps a running maximum and rescales the sum when it rises;
// the second finds the row in the cache.  Elements of +inf share the weight, NaN goes through its row.
// Bytes moved: one reading and one writing of (N, C), two readings in the vjps.  Roofline: bandwidth.
// Tolerance against float64: 4e-6 (float), 1e-14 (double), 2 roundings of 2-byte storage, times max(1, log2(C) / 4), of the
// larger of 1 and |result|.
#include "rows.cuh"
#include "scalar_math.cuh"

// x - m held at 0 from above, so that elements of +inf share the weight; NaN stays.
template <typename A> __device__ __forceinline__ A below(A x, A m) {
  const A d = x - m;
  return d > A(0) ? A(0) : d;
}

template <typename T, int MODE, int S>
__device__ __forceinline__ void softmax_rows(const T* x, T* y, Rows r, Acc<T>* part) {
  typedef Acc<T> A;
  const A largest = Range<A>::largest();
  for (; r.more(); r.next()) {
    const T* from = x + r.row * r.n_cols;
    A m = -largest, top = log_of(A(0)), sum = 0;  // m: the maximum, held between -largest and largest
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      const Columns<T, S> v = columns_at<T, S>(from + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const A z = widen(v.at[k]), held = z > largest ? largest : z;
        top = z > top ? z : top;
        if (held > m) {
          sum *= exp_of(m - held);
          m = held;
        }
        sum += exp_of(below(z, m));
      }
    }
    const A all = row_max(m, r.width, part);
    sum = row_sum(sum * exp_of(m - all), r.width, part);
    sum = sum < A(1) ? A(1) : sum;  // it is 0 where all are -inf
    if (MODE == 2) {
      top = row_max(top, r.width, part);
      if (r.leads()) y[r.row] = narrow<T>(log_of(sum) + top);
      continue;
    }
    const A scale = MODE == 0 ? A(1) / sum : log_of(sum);
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      Columns<T, S> v = columns_at<T, S>(from + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const A d = below(widen(v.at[k]), all);
        v.at[k] = narrow<T>(MODE == 0 ? exp_of(d) * scale : d - scale);
      }
      *reinterpret_cast<Columns<T, S>*>(y + r.row * r.n_cols + c) = v;
    }
  }
}

template <typename T, int MODE>
__global__ void
    softmax_fwd(const T* x, T* y, long long n_rows, long long n_cols, int width, int packed) {
  __shared__ Acc<T> part[32];
  const Rows rows(n_rows, n_cols, width);
  if (packed) softmax_rows<T, MODE, Pack<T>::size>(x, y, rows, part);
  else softmax_rows<T, MODE, 1>(x, y, rows, part);
}

template <typename T, int LOG, int S>
__device__ __forceinline__ void softmax_vjp_rows(const T* g, const T* y, T* dx, Rows r, Acc<T>* part) {
  typedef Acc<T> A;
  for (; r.more(); r.next()) {
    const long long at = r.row * r.n_cols;
    A sum = 0;
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      const Columns<T, S> u = columns_at<T, S>(g + at + c), v = columns_at<T, S>(y + at + c);
#pragma unroll
      for (int k = 0; k < S; ++k) sum += LOG ? widen(u.at[k]) : widen(u.at[k]) * widen(v.at[k]);
    }
    sum = row_sum(sum, r.width, part);
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      Columns<T, S> u = columns_at<T, S>(g + at + c), v = columns_at<T, S>(y + at + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const A gk = widen(u.at[k]), yk = widen(v.at[k]);
        v.at[k] = narrow<T>(LOG ? gk - exp_of(yk) * sum : yk * (gk - sum));
      }
      *reinterpret_cast<Columns<T, S>*>(dx + at + c) = v;
    }
  }
}

template <typename T, int LOG>
__global__ void
    softmax_vjp(const T* g, const T* y, T* dx, long long n_rows, long long n_cols, int width, int packed) {
  __shared__ Acc<T> part[32];
  const Rows rows(n_rows, n_cols, width);
  if (packed) softmax_vjp_rows<T, LOG, Pack<T>::size>(g, y, dx, rows, part);
  else softmax_vjp_rows<T, LOG, 1>(g, y, dx, rows, part);
}
