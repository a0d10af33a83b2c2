// Gradients of y = phi(x W^T + b) from the cotangent g of y: delta = g phi'(v), computed once, and
//   dx = delta W,  dW = scale delta^T x,  db = scale (column sums of delta).
//
//   linear_delta<T>        delta (N, n_out), and for each split s of the rows its column sums db_part[s]
//   linear_vjp_tall<T, M, N>  dx (N, n_in), and for each split part[s] = [dW | db]; delta never leaves the block
//   bias_rows<T>           y[r] = b for every row r, for a product to be added to
//
// g, v (N, n_out), x, dx (N, n_in), W (n_out, n_in), all in C order without gaps; v is y or z as the activation keeps it
// (see activations.cuh; `kind` counts its types in the order of gpugrad/cuda/activations.py).  delta, db_part, dx may be
// null where they are not wanted.  split_sum of outer.cu adds the splits, in rising order, and applies the scale: no
// atomics, the same result in every run.
// linear_vjp_tall serves n_out <= 16 M, n_in <= 16 N.  A block takes a run of rows, 32 at a time: delta and x lie in shared
// memory, W too where dx is wanted; thread (ty, tx) of 16 x 16 keeps M x N elements of dW in registers throughout.
// Bytes moved: (2 n_out + n_in) N sizeof(T) in, n_in N sizeof(T) out, and n_split n_out n_in sizeof(Acc<T>) twice.
// FLOP: 4 N n_out n_in.  Roofline: bandwidth up to widths of about 50 in float, arithmetic beyond.
// Tolerance against float64: sqrt(N) 1e-7 (float) of the sum of |summands|, 1e-15 (double), one rounding of 2-byte storage.
#include "tiles.cuh"
#include "activations.cuh"

template <typename A> __device__ __forceinline__ A pull_by(int kind, A g, A v, A p, A q) {
  switch (kind) {
    case 1: return Relu::pull(g, v, p, q);
    case 2: return Leaky::pull(g, v, p, q);
    case 3: return Elu::pull(g, v, p, q);
    case 4: return Hardtanh::pull(g, v, p, q);
    case 5: return Sigmoid::pull(g, v, p, q);
    case 6: return Tanh::pull(g, v, p, q);
    case 7: return Softplus::pull(g, v, p, q);
    case 8: return Gelu::pull(g, v, p, q);
    case 9: return GeluTanh::pull(g, v, p, q);
    case 10: return Silu::pull(g, v, p, q);
    case 11: return Mish::pull(g, v, p, q);
    default: return g;
  }
}

// delta of S neighbouring elements; v is not read for the identity (kind 0).
template <int S, typename T>
__device__ __forceinline__ void pull_run(Acc<T> (&d)[S], const T* g, const T* v, int kind, Acc<T> p, Acc<T> q) {
  read_run(d, g);
  if (kind == 0) return;
  Acc<T> at[S];
  read_run(at, v);
#pragma unroll
  for (int k = 0; k < S; ++k) d[k] = pull_by(kind, d[k], at[k], p, q);
}

// Block (w, 256 / w): runs of columns blockIdx.x w + threadIdx.x; split blockIdx.y of the rows, by stride within the block.
template <typename T, int S>
__device__ __forceinline__ void delta_columns(const T* g, const T* v, T* delta, Acc<T>* db_part, long long n_rows,
                                              long long rows_each, int n_out, int kind, Acc<T> p, Acc<T> q) {
  __shared__ Acc<T> sums[TILE_THREADS];
  const int c = (blockIdx.x * blockDim.x + threadIdx.x) * S;
  const long long begin = blockIdx.y * rows_each, end = begin + rows_each < n_rows ? begin + rows_each : n_rows;
  Acc<T> sum[S] = {};
  for (long long r = begin + threadIdx.y; c < n_out && r < end; r += blockDim.y) {
    Acc<T> d[S];
    pull_run(d, g + r * n_out + c, v + r * n_out + c, kind, p, q);
#pragma unroll
    for (int k = 0; k < S; ++k) sum[k] += d[k];
    if (delta) write_run<S>(delta + r * n_out + c, d);
  }
  if (!db_part) return;
#pragma unroll
  for (int k = 0; k < S; ++k) {
    sums[threadIdx.y * blockDim.x + threadIdx.x] = sum[k];
    __syncthreads();
    if (threadIdx.y == 0 && c < n_out) {
      for (int y = 1; y < blockDim.y; ++y) sum[k] += sums[y * blockDim.x + threadIdx.x];
      db_part[(size_t)blockIdx.y * n_out + c + k] = sum[k];
    }
    __syncthreads();
  }
}

template <typename T>
__global__ void __launch_bounds__(TILE_THREADS) linear_delta(
    const T* g, const T* v, T* delta, Acc<T>* db_part, long long n_rows, long long rows_each, int n_out, int kind, Acc<T> p,
    Acc<T> q, int packed) {
  if (packed) delta_columns<T, Pack<T>::size>(g, v, delta, db_part, n_rows, rows_each, n_out, kind, p, q);
  else delta_columns<T, 1>(g, v, delta, db_part, n_rows, rows_each, n_out, kind, p, q);
}

const int TALL_ROWS = 32;

// dx of the tile's rows: row ty + 16 i, columns at(tx, j), the depth four at a time.
template <int M, int N, typename T>
__device__ __forceinline__ void tall_dx(T* dx, const Acc<T>* ds, const Acc<T>* ws, int left, int n_out, int n_in, bool runs) {
  typedef Acc<T> A;
  const int G = N < 4 ? N : 4, LM = 16 * M + 4, LN = 16 * N + 4, R = TALL_ROWS / 16;
  const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
  A acc[R][N] = {};
  for (int k = 0; k < n_out; k += 4) {
    Run<A, 4> d[R];
#pragma unroll
    for (int i = 0; i < R; ++i) d[i] = *reinterpret_cast<const Run<A, 4>*>(ds + (ty + 16 * i) * LM + k);
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      A wv[N];
      own(wv, ws + (k + s) * LN, tx);
#pragma unroll
      for (int i = 0; i < R; ++i)
#pragma unroll
        for (int j = 0; j < N; ++j) acc[i][j] += d[i].at[s] * wv[j];
    }
  }
#pragma unroll
  for (int i = 0; i < R; ++i)
#pragma unroll
    for (int j = 0; j < N; j += G) {
      const int r = ty + 16 * i, c = at<N>(tx, j);
      T* to = dx + (size_t)r * n_in + c;
      if (r >= left) continue;
      if (runs && c < n_in) write_run<G>(to, &acc[i][j]);
      else
#pragma unroll
        for (int k = 0; k < G; ++k)
          if (c + k < n_in) to[k] = narrow<T>(acc[i][j + k]);
    }
}

template <typename T, int M, int N, int S>
__device__ __forceinline__ void tall_rows(const T* g, const T* v, const T* x, const T* w, T* dx, Acc<T>* part,
                                          long long n_rows, long long rows_each, int n_out, int n_in, int kind, Acc<T> p,
                                          Acc<T> q) {
  typedef Acc<T> A;
  extern __shared__ __align__(16) unsigned char tall_bytes[];
  const int LM = 16 * M + 4, LN = 16 * N + 4;
  A *ds = reinterpret_cast<A*>(tall_bytes), *xs = ds + TALL_ROWS * LM, *ws = xs + TALL_ROWS * LN;
  if (dx) fill_tile<16 * M, 16 * N, S>(ws, LN, n_out, n_in, [&](int r, int c, A(&to)[S]) { read_run(to, w + (size_t)r * n_in + c); });
  const long long begin = blockIdx.x * rows_each;
  const int n = begin + rows_each < n_rows ? (int)rows_each : (int)(n_rows - begin);
  const bool runs = S > 1 && n_in % (N < 4 ? N : 4) == 0;
  g += begin * n_out, v += begin * n_out, x += begin * n_in;
  if (dx) dx += begin * n_in;
  A acc[M][N] = {}, db = 0;
  for (int i = 0; i < n; i += TALL_ROWS) {
    const int left = n - i;
    fill_tile<TALL_ROWS, 16 * M, S>(ds, LM, left, n_out, [&](int r, int c, A(&to)[S]) {
      pull_run(to, g + r * n_out + c, v + r * n_out + c, kind, p, q);
    });
    fill_tile<TALL_ROWS, 16 * N, S>(xs, LN, left, n_in, [&](int r, int c, A(&to)[S]) { read_run(to, x + r * n_in + c); });
    __syncthreads();
    if (threadIdx.x < 16 * M)
      for (int r = 0; r < TALL_ROWS; ++r) db += ds[r * LM + threadIdx.x];
    add_outer<TALL_ROWS>(acc, ds, LM, xs, LN);
    if (dx) tall_dx<M, N>(dx, ds, ws, left, n_out, n_in, runs), dx += TALL_ROWS * n_in;
    g += TALL_ROWS * n_out, v += TALL_ROWS * n_out, x += TALL_ROWS * n_in;
    __syncthreads();
  }
  A* dw = part + (size_t)blockIdx.x * (n_out * n_in + n_out);
  write_tile(dw, acc, 0, 0, n_out, n_in);
  if (threadIdx.x < n_out) dw[n_out * n_in + threadIdx.x] = db;
}

template <typename T, int M, int N>
__global__ void __launch_bounds__(TILE_THREADS, 2) linear_vjp_tall(  // two blocks a multiprocessor: 128 registers
    const T* g, const T* v, const T* x, const T* w, T* dx, Acc<T>* part, long long n_rows, long long rows_each, int n_out,
    int n_in, int kind, Acc<T> p, Acc<T> q, int packed) {
  if (packed) tall_rows<T, M, N, Pack<T>::size>(g, v, x, w, dx, part, n_rows, rows_each, n_out, n_in, kind, p, q);
  else tall_rows<T, M, N, 1>(g, v, x, w, dx, part, n_rows, rows_each, n_out, n_in, kind, p, q);
}

// Block (w, 256 / w): one run of columns a thread, whose biases it reads once, and rows by stride.
template <typename T, int S> __device__ __forceinline__ void bias_columns(const T* b, T* y, long long n_rows, int n_out) {
  const int c = (blockIdx.x * blockDim.x + threadIdx.x) * S;
  if (c >= n_out) return;
  const Run<T, S> run = *reinterpret_cast<const Run<T, S>*>(b + c);
  for (long long r = (long long)blockIdx.y * blockDim.y + threadIdx.y; r < n_rows; r += (long long)gridDim.y * blockDim.y)
    *reinterpret_cast<Run<T, S>*>(y + r * n_out + c) = run;
}

template <typename T> __global__ void bias_rows(const T* b, T* y, long long n_rows, int n_out, int packed) {
  if (packed) bias_columns<T, Pack<T>::size>(b, y, n_rows, n_out);
  else bias_columns<T, 1>(b, y, n_rows, n_out);
}
