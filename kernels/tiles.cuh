// Tiles of row-major matrices in shared memory, widened to Acc<T>, and sums of outer products over their rows.
//
// A block has 256 threads, seen as 16 x 16.  Thread (ty, tx) owns the elements at(ty, i) x at(tx, j) of a result tile of
// 16 M x 16 N: in runs of up to four, 16 runs apart, so that neighbouring threads read neighbouring 16 bytes.
#pragma once
#include "common.cuh"

const int TILE_THREADS = 256;

// S neighbouring elements of T, read or written by one instruction; the address is a multiple of their size, up to 16.
template <typename T, int S> struct __align__(S * sizeof(T) > 16 ? 16 : S * sizeof(T)) Run { T at[S]; };

template <int S, typename T> __device__ __forceinline__ void read_run(Acc<T> (&v)[S], const T* from) {
  const Run<T, S> run = *reinterpret_cast<const Run<T, S>*>(from);
#pragma unroll
  for (int k = 0; k < S; ++k) v[k] = widen(run.at[k]);
}

template <int S, typename T> __device__ __forceinline__ void write_run(T* to, const Acc<T>* v) {
  Run<T, S> run;
#pragma unroll
  for (int k = 0; k < S; ++k) run.at[k] = narrow<T>(v[k]);
  *reinterpret_cast<Run<T, S>*>(to) = run;
}

// tile[r][c] = what read(r, c, v) puts into v[0 .. S-1], zero beyond n_rows and n_cols (a multiple of S).
template <int ROWS, int COLS, int S, typename A, class Read>
__device__ __forceinline__ void fill_tile(A* tile, int ld, int n_rows, int n_cols, Read read) {
  for (int i = threadIdx.x; i < ROWS * (COLS / S); i += TILE_THREADS) {
    const int r = i / (COLS / S), c = i % (COLS / S) * S;
    A v[S] = {};
    if (r < n_rows && c < n_cols) read(r, c, v);
#pragma unroll
    for (int k = 0; k < S; ++k) tile[r * ld + c + k] = v[k];
  }
}

// Which element of a tile of 16 N is element j of thread t.
template <int N> __device__ __forceinline__ int at(int t, int j) {
  const int G = N < 4 ? N : 4;
  return j / G * 16 * G + t * G + j % G;
}

template <int N, typename A> __device__ __forceinline__ void own(A (&v)[N], const A* row, int t) {
  const int G = N < 4 ? N : 4;
#pragma unroll
  for (int j = 0; j < N; j += G) {
    const Run<A, G> run = *reinterpret_cast<const Run<A, G>*>(row + at<N>(t, j));
#pragma unroll
    for (int k = 0; k < G; ++k) v[j + k] = run.at[k];
  }
}

// acc[i][j] += sum over the ROWS rows r, in rising order, of a[r][at(ty, i)] b[r][at(tx, j)].
template <int ROWS, int M, int N, typename A>
__device__ __forceinline__ void add_outer(A (&acc)[M][N], const A* a, int lda, const A* b, int ldb) {
  const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
#pragma unroll 2
  for (int r = 0; r < ROWS; ++r) {
    A av[M], bv[N];
    own(av, a + r * lda, ty);
    own(bv, b + r * ldb, tx);
#pragma unroll
    for (int i = 0; i < M; ++i)
#pragma unroll
      for (int j = 0; j < N; ++j) acc[i][j] += av[i] * bv[j];
  }
}

// The thread's elements of a tile that begins at (row0, col0), into to (n_rows, n_cols).
template <int M, int N, typename A>
__device__ __forceinline__ void write_tile(A* to, const A (&acc)[M][N], int row0, int col0, int n_rows, int n_cols) {
  const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const int r = row0 + at<M>(ty, i), c = col0 + at<N>(tx, j);
      if (r < n_rows && c < n_cols) to[(size_t)r * n_cols + c] = acc[i][j];
    }
}
