// Pointwise maps in one pass: activations, their cotangents, bias + activation, and sigmoid cross entropy.
//
//   act_fwd<Act, T>         y = phi(x)                       x, y (n)
//   act_vjp<Act, T>         dx = g phi'(v)                   g, v, dx (n); v = y or x as Act::KEEPS_Y says
//   bias_act_fwd<Act, T>    s = z + b, y = phi(s)            z, s, y (n_rows, n_cols), b (n_cols); s may be null, or z, or y
//   sigmoid_ce_fwd<T>       log(1 + e^z) - t z               z, t (n)
//   sigmoid_ce_vjp<T>       g (sigmoid(z) - t)               g, z, t (n)
//
// All arrays in C order without gaps.  With `packed` (all addresses multiples of 16) every access moves 16 bytes, and the
// n % pack elements at the end go one by one.  Thread i of the grid owns packs i, i + n_threads, ...; in bias_act_fwd a
// thread owns one pack of columns, whose biases stay in registers, and strides over the rows.
// Bytes moved: (inputs + outputs) sizeof(T) an element.  Roofline: bandwidth; the exponentials of Gelu, Silu and Mish come
// near the arithmetic limit in 2-byte storage.  Tolerance against float64: 1e-6 (float), 1e-14 (double), one rounding of
// 2-byte storage, relative to the larger of 1 and |result|.
#include "activations.cuh"
#include "rows.cuh"

template <typename T, int N> struct Inputs { const T* at[N]; };

template <typename T, int N, class F>
__device__ __forceinline__ void each(Inputs<T, N> in, T* out, long long n, int packed, F f) {
  const int S = Pack<T>::size;
  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
  const long long n_packs = packed ? n / S : 0;
  for (long long i = first; i < n_packs; i += step) {
    Pack<T> v[N], y;
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] = reinterpret_cast<const Pack<T>*>(in.at[j])[i];
#pragma unroll
    for (int k = 0; k < S; ++k) {
      Acc<T> x[N];
#pragma unroll
      for (int j = 0; j < N; ++j) x[j] = widen(v[j].at[k]);
      y.at[k] = narrow<T>(f(x));
    }
    reinterpret_cast<Pack<T>*>(out)[i] = y;
  }
  for (long long i = n_packs * S + first; i < n; i += step) {
    Acc<T> x[N];
#pragma unroll
    for (int j = 0; j < N; ++j) x[j] = widen(in.at[j][i]);
    out[i] = narrow<T>(f(x));
  }
}

template <class Act, typename T>
__global__ void act_fwd(const T* x, T* y, long long n, int packed, Acc<T> p, Acc<T> q) {
  each(Inputs<T, 1>{{x}}, y, n, packed, [=](const Acc<T>* v) { return Act::value(v[0], p, q); });
}

template <class Act, typename T>
__global__ void act_vjp(const T* g, const T* v, T* dx, long long n, int packed, Acc<T> p, Acc<T> q) {
  each(Inputs<T, 2>{{g, v}}, dx, n, packed, [=](const Acc<T>* v) { return Act::pull(v[0], v[1], p, q); });
}

template <typename T> __global__ void sigmoid_ce_fwd(const T* z, const T* t, T* loss, long long n, int packed) {
  each(Inputs<T, 2>{{z, t}}, loss, n, packed, [](const Acc<T>* v) {
    return (v[0] > 0 ? v[0] : Acc<T>(0)) - v[0] * v[1] + log1p_of(exp_of(-abs_of(v[0])));
  });
}

template <typename T>
__global__ void sigmoid_ce_vjp(const T* g, const T* z, const T* t, T* dz, long long n, int packed) {
  each(Inputs<T, 3>{{g, z, t}}, dz, n, packed, [](const Acc<T>* v) { return v[0] * (logistic(v[1]) - v[2]); });
}

// Block (w, h): column packs blockIdx.x * w + threadIdx.x, rows blockIdx.y * h + threadIdx.y, striding by gridDim.y * h.
template <class Act, typename T, int S>
__device__ __forceinline__ void bias_act_columns(
    const T* z, const T* b, T* s, T* y, long long n_rows, long long n_cols, Acc<T> p, Acc<T> q) {
  const long long column = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * S;
  if (column >= n_cols) return;
  const Columns<T, S> bias = columns_at<T, S>(b + column);
  const long long step = (long long)gridDim.y * blockDim.y;
  for (long long row = (long long)blockIdx.y * blockDim.y + threadIdx.y; row < n_rows; row += step) {
    const long long at = row * n_cols + column;
    Columns<T, S> v = columns_at<T, S>(z + at), out;
#pragma unroll
    for (int k = 0; k < S; ++k) {
      const Acc<T> sum = widen(v.at[k]) + widen(bias.at[k]);
      v.at[k] = narrow<T>(sum);
      out.at[k] = narrow<T>(Act::value(sum, p, q));
    }
    if (s) *reinterpret_cast<Columns<T, S>*>(s + at) = v;
    *reinterpret_cast<Columns<T, S>*>(y + at) = out;
  }
}

template <class Act, typename T>
__global__ void bias_act_fwd(
    const T* z, const T* b, T* s, T* y, long long n_rows, long long n_cols, int packed, Acc<T> p, Acc<T> q) {
  if (packed) bias_act_columns<Act, T, Pack<T>::size>(z, b, s, y, n_rows, n_cols, p, q);
  else bias_act_columns<Act, T, 1>(z, b, s, y, n_rows, n_cols, p, q);
}
