// Dropout by Philox counters: y_i = x_i scale where word i % 4 of block i / 4 is >= threshold, else exactly 0.
//
//   dropout_fwd<T>    x, y (n), C order; key and counter: 0-d uint64 in device memory, or values where the pointer is null
//
// threshold = floor(p 2^32), scale = 1 / (1 - p).  The cotangent goes through the same kernel with the same key and counter:
// no mask is kept.  With `packed` (both addresses multiples of 16) thread i of the grid owns groups i, i + n_threads, ... of
// 4 elements (8 in 2-byte storage), moved 16 bytes at a time; else the same groups go element by element, as do the last
// ones of an n that is no multiple.
// Bytes moved: 2 sizeof(T) an element.  Roofline: bandwidth in float and double; in 2-byte storage the generator's
// 20 multiplications for 4 words come first.  Tolerance: none, the result is NumPy's bit for bit, but for subnormal floats,
// which become 0 where the compiler is told to flush them (CuPy tells it).
#include "common.cuh"
#include "philox.cuh"

template <typename T> struct __align__(16) Group {
  static const int size = sizeof(T) == 2 ? 8 : 4;
  T at[sizeof(T) == 2 ? 8 : 4];
};

template <typename T>
__global__ void dropout_fwd(
    const T* x, T* y, long long n, int packed, const unsigned long long* key_at, unsigned long long key_value,
    const unsigned long long* counter_at, unsigned long long counter_value, unsigned threshold, Acc<T> scale) {
  const int S = Group<T>::size;
  const unsigned long long key = Named{key_at, key_value}.get(), counter = Named{counter_at, counter_value}.get();
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i * S < n; i += step) {
    const bool whole = packed && (i + 1) * S <= n;
    const int m = n - i * S < S ? (int)(n - i * S) : S;
    Group<T> v;
    if (whole) v = reinterpret_cast<const Group<T>*>(x)[i];
    else {
#pragma unroll
      for (int j = 0; j < S; ++j)
        if (j < m) v.at[j] = x[i * S + j];
    }
#pragma unroll
    for (int b = 0; b < S / 4; ++b) {
      const Words words = random_words(i * (S / 4) + b, key, counter);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const Acc<T> kept = widen(v.at[4 * b + j]) * scale;
        v.at[4 * b + j] = narrow<T>(words.at[j] >= threshold ? kept : Acc<T>(0));
      }
    }
    if (whole) reinterpret_cast<Group<T>*>(y)[i] = v;
    else {
#pragma unroll
      for (int j = 0; j < S; ++j)
        if (j < m) y[i * S + j] = v.at[j];
    }
  }
}
