// Products of many small matrices, and both gradients of them: c = a b, da = g b^T, db = a^T g.
//
//   matmul_vjp_small<T, R>  da (N, m, k) and db (N, k, n) of g (N, m, n), a (N, m, k), b (N, k, n), nothing broadcast
//   matmul_small<T, R>      c (n_own, rows, columns) = the sum over n_loop of p q, p (rows, depth), q (depth, columns)
//
// The second serves the forward (p = a, q = b) and the gradient of a broadcast operand, which is a sum over the axes it was
// broadcast along (p = g, q = b^T, or p = a^T, q = g).  Views are read by their strides, so transposes cost nothing; c is in
// C order, of T where the loop is whole, else a part (n_split, n_own, ...) of Acc<T> for split_sum of outer.cu to add.
// A block of 256 threads holds `each` of the products in shared memory, in Acc<T>; a thread owns tiles of R x R elements.
// Bytes moved: every operand once, every result once (matmul_vjp_small reads g once for both).  Roofline: bandwidth, with
// max(m, k, n) / 4 FLOP a byte in float.  Sums are in rising order of the depth, then of the loop: the same in every run.
// Tolerance against float64: depth 1e-7 (float) of the sum of |summands|, 1e-15 (double), one rounding of 2-byte storage.
#include "common.cuh"

const int SMALL_THREADS = 256;

struct Strides { long long outer, inner, loop; int row, column; };

// Rows x columns of a strided matrix into shared memory with leading dimension ld, read along whichever axis lies closer.
template <typename T>
__device__ __forceinline__ void stage(Acc<T>* to, int ld, const T* from, const Strides& by, int rows, int columns, int first, int step) {
  const bool across = by.column <= by.row;
  for (int i = first; i < rows * columns; i += step) {
    const int r = across ? i / columns : i % rows, c = across ? i % columns : i / rows;
    to[r * ld + c] = widen(from[(long long)r * by.row + (long long)c * by.column]);
  }
}

// The R x R tile number t of p q, with p(r, d) = p[r pr + d pd] and q(d, c) = q[d qd + c qc]: out(r, c, value) for each.
template <int R, typename A, class Out>
__device__ __forceinline__ void small_tile(const A* p, int pr, int pd, const A* q, int qd, int qc, int rows, int columns,
                                           int depth, int t, Out out) {
  const int across = (columns + R - 1) / R, r0 = t / across * R, c0 = t % across * R;
  A acc[R][R] = {};
  const A *at_p[R], *at_q[R];  // beyond the edge the last row or column again, whose result is not kept
#pragma unroll
  for (int i = 0; i < R; ++i) {
    at_p[i] = p + (r0 + i < rows ? r0 + i : rows - 1) * pr;
    at_q[i] = q + (c0 + i < columns ? c0 + i : columns - 1) * qc;
  }
  for (int d = 0; d < depth; ++d)
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int j = 0; j < R; ++j) acc[i][j] += at_p[i][d * pd] * at_q[j][d * qd];
#pragma unroll
  for (int i = 0; i < R; ++i)
#pragma unroll
    for (int j = 0; j < R; ++j)
      if (r0 + i < rows && c0 + j < columns) out(r0 + i, c0 + j, acc[i][j]);
}

template <int R> __device__ __forceinline__ int tiles(int rows, int columns) { return (rows + R - 1) / R * ((columns + R - 1) / R); }

template <typename T, int R>
__global__ void __launch_bounds__(SMALL_THREADS) matmul_vjp_small(
    const T* g, const T* a, const T* b, T* da, T* db, long long n_products, int each, Strides by_g, Strides by_a, Strides by_b,
    int m, int k, int n) {
  typedef Acc<T> A;
  extern __shared__ __align__(16) unsigned char small_bytes[];
  const int ln = n | 1, lk = k | 1, size_g = m * ln, size_a = m * lk, size = size_g + size_a + k * ln;
  A* const shared = reinterpret_cast<A*>(small_bytes);
  const long long first = (long long)blockIdx.x * each;
  const int here = n_products - first < each ? (int)(n_products - first) : each;
  for (int i = 0; i < here; ++i) {
    A* const s = shared + i * size;
    stage(s, ln, g + (first + i) * by_g.inner, by_g, m, n, threadIdx.x, SMALL_THREADS);
    stage(s + size_g, lk, a + (first + i) * by_a.inner, by_a, m, k, threadIdx.x, SMALL_THREADS);
    stage(s + size_g + size_a, ln, b + (first + i) * by_b.inner, by_b, k, n, threadIdx.x, SMALL_THREADS);
  }
  __syncthreads();
  const int tiles_a = tiles<R>(m, k), both = tiles_a + tiles<R>(k, n);
  for (int t = threadIdx.x; t < here * both; t += SMALL_THREADS) {
    const int i = t / both, which = t % both;
    const A *sg = shared + i * size, *sa = sg + size_g, *sb = sa + size_a;
    if (which < tiles_a) {
      T* const to = da + (first + i) * m * k;
      small_tile<R>(sg, ln, 1, sb, 1, ln, m, k, n, which, [&](int r, int c, A v) { to[r * k + c] = narrow<T>(v); });
    } else {
      T* const to = db + (first + i) * k * n;
      small_tile<R>(sa, 1, lk, sg, ln, 1, k, n, m, which - tiles_a, [&](int r, int c, A v) { to[r * n + c] = narrow<T>(v); });
    }
  }
}

// Block x holds the own products x each, ...; block y the entries y loop_each, ... of the loop, one after the other.
template <typename T, int R>
__global__ void __launch_bounds__(SMALL_THREADS) matmul_small(
    const T* p, const T* q, T* c, Acc<T>* part, int n_outer, int n_inner, int n_loop, int loop_each, int each, Strides by_p,
    Strides by_q, int rows, int columns, int depth) {
  typedef Acc<T> A;
  extern __shared__ __align__(16) unsigned char small_bytes[];
  const int ld = depth | 1, lc = columns | 1, size_p = rows * ld, size_q = depth * lc, size = size_p + size_q + rows * columns;
  A* const shared = reinterpret_cast<A*>(small_bytes);
  const long long n_own = (long long)n_outer * n_inner, first = (long long)blockIdx.x * each;
  const int here = n_own - first < each ? (int)(n_own - first) : each, n_tiles = tiles<R>(rows, columns);
  const int begin = blockIdx.y * loop_each, end = begin + loop_each < n_loop ? begin + loop_each : n_loop;
  for (int l = begin; l < end; ++l) {
    for (int i = 0; i < here; ++i) {
      const long long outer = (first + i) / n_inner, inner = (first + i) % n_inner;
      A* const s = shared + i * size;
      stage(s, ld, p + outer * by_p.outer + inner * by_p.inner + l * by_p.loop, by_p, rows, depth, threadIdx.x, SMALL_THREADS);
      stage(s + size_p, lc, q + outer * by_q.outer + inner * by_q.inner + l * by_q.loop, by_q, depth, columns, threadIdx.x,
            SMALL_THREADS);
    }
    __syncthreads();
    for (int t = threadIdx.x; t < here * n_tiles; t += SMALL_THREADS) {
      A* const s = shared + t / n_tiles * size;
      A* const sum = s + size_p + size_q;
      small_tile<R>(s, ld, 1, s + size_p, lc, 1, rows, columns, depth, t % n_tiles, [&](int r, int col, A v) {
        const int at = r * columns + col;
        sum[at] = l == begin ? v : sum[at] + v;
      });
    }
    __syncthreads();
  }
  const int n_elements = rows * columns;
  for (int e = threadIdx.x; e < here * n_elements; e += SMALL_THREADS) {
    const A v = shared[e / n_elements * size + size_p + size_q + e % n_elements];
    const long long at = first * n_elements + e;
    if (part) part[blockIdx.y * n_own * n_elements + at] = v;
    else c[at] = narrow<T>(v);
  }
}
