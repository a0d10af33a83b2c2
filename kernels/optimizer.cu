// Optimizers and clipping by the global norm, over many parameters in one launch.
//
//   sgd<T>, adam<T>, rmsprop<T>    p, g: arrays of any sizes, listed in Items; state: flat arrays of Acc<T>, where array k of
//                                  the list begins at element start[k]; master: flat float32 weights of 2-byte parameters, or null
//   square_sums<T>                 parts[first_part + block]: the sum of g^2 over the block's chunk, in double
//   norm_total                     total = sqrt(sum of parts)
//   clip_by_norm<T>                g *= min(1, max_norm / (total + 1e-6))
//   copy_list<T>                   p = g
//
// The formulas are those of `update` in gpugrad/optim, which is the reference; coefficients (learning rate, bias corrections)
// are values, or lie in device memory, where a captured launch reads them anew.  A 2-byte parameter that somebody wrote since
// it was rounded from its master weight is taken over, as gpugrad/optim/block.py does.
// Block b works on a chunk of the array that Items gives it; a thread takes 4 at a time (16-byte access in float)
// where the addresses allow, else single ones.  Each sum has a fixed order: the same bits in every run.
// Bytes moved for each element: sgd 12 (momentum 20), adam 28, rmsprop 20 in float; 6, 10 and the masters more in 2-byte
// storage.  Roofline: bandwidth.  Tolerance against float64 after one update: 8 units in the last place (sqrt and division).
#include "common.cuh"
#include "scalar_math.cuh"

const int MAX_ITEMS = 64, MAX_COEFFICIENTS = 8;

struct Items {
  unsigned long long p[MAX_ITEMS], g[MAX_ITEMS];
  long long start[MAX_ITEMS], n[MAX_ITEMS];
  int first_block[MAX_ITEMS];  // of each array, in rising order
  int n_items, chunk;  // elements of a block
};

// The chunk of the block: elements lo to hi - 1 of array k.
struct Chunk {
  int k;
  long long lo, hi;
  __device__ __forceinline__ Chunk(const Items& items, int block) : k(0) {
    for (int half = MAX_ITEMS / 2; half; half >>= 1)
      if (k + half < items.n_items && items.first_block[k + half] <= block) k += half;
    lo = (long long)(block - items.first_block[k]) * items.chunk;
    hi = lo + items.chunk < items.n[k] ? lo + items.chunk : items.n[k];
  }
};

template <typename A> struct Coefficients {
  const A* at[MAX_COEFFICIENTS];
  A value[MAX_COEFFICIENTS];
  __device__ __forceinline__ A operator[](int i) const { return at[i] ? *at[i] : value[i]; }
};

template <typename T> struct __align__(sizeof(T) == 2 ? 8 : 16) Four {
  T at[4];
};
template <typename T> __device__ __forceinline__ bool fits(const T* p) {
  return (unsigned long long)p % alignof(Four<T>) == 0;
}

enum { DECAY = 1, DECOUPLED = 2, NESTEROV = 4, CENTERED = 8 };

// One element of a parameter, its gradient and up to three states; each rule is a function of them.
template <typename A> struct Cell { A p, g, s[3]; };

template <typename A> struct Sgd {
  A lr, decay, momentum, taken;
  int flags, n_states;
  __device__ __forceinline__ Sgd(const Coefficients<A>& c, int f, int n)
      : lr(c[0]), decay(c[1]), momentum(c[2]), taken(c[3]), flags(f), n_states(n) {}
  __device__ __forceinline__ void update(Cell<A>& x) const {
    if (flags & DECAY) x.g += decay * x.p;
    if (n_states) {
      x.s[0] = momentum * x.s[0] + taken * x.g;
      x.g = flags & NESTEROV ? momentum * x.s[0] + x.g : x.s[0];
    }
    x.p -= lr * x.g;
  }
};

template <typename A> struct Adam {
  A decay, new1, beta2, new2, step, eps;
  int flags, n_states;
  __device__ __forceinline__ Adam(const Coefficients<A>& c, int f, int n)
      : decay(c[0]), new1(c[1]), beta2(c[2]), new2(c[3]), step(c[4]), eps(c[5]), flags(f), n_states(n) {}
  __device__ __forceinline__ void update(Cell<A>& x) const {
    if (flags & DECAY) {
      if (flags & DECOUPLED) x.p *= decay;
      else x.g += decay * x.p;
    }
    x.s[0] += (x.g - x.s[0]) * new1;
    x.s[1] = beta2 * x.s[1] + x.g * x.g * new2;
    A v = x.s[1];
    if (n_states == 3) v = x.s[2] = x.s[2] > v || x.s[2] != x.s[2] ? x.s[2] : v;
    x.p -= x.s[0] / (sqrt_of(v) + eps) * step;
  }
};

template <typename A> struct RmsProp {  // states: square_avg, then grad_avg where centered, then momentum_buffer
  A lr, decay, momentum, alpha, fresh, eps;
  int flags, n_states;
  __device__ __forceinline__ RmsProp(const Coefficients<A>& c, int f, int n)
      : lr(c[0]), decay(c[1]), momentum(c[2]), alpha(c[3]), fresh(c[4]), eps(c[5]), flags(f), n_states(n) {}
  __device__ __forceinline__ void update(Cell<A>& x) const {
    const bool centered = flags & CENTERED;
    if (flags & DECAY) x.g += decay * x.p;
    x.s[0] = alpha * x.s[0] + x.g * x.g * fresh;
    A v = x.s[0];
    if (centered) {
      x.s[1] += (x.g - x.s[1]) * fresh;
      v -= x.s[1] * x.s[1];
      v = v < A(0) ? A(0) : v;
    }
    A d = x.g / (sqrt_of(v) + eps);
    if (n_states == (centered ? 3 : 2)) {
      d += momentum * (centered ? x.s[2] : x.s[1]);
      if (centered) x.s[2] = d;
      else x.s[1] = d;
    }
    x.p -= lr * d;
  }
};

// The arrays that a chunk touches, from its first element.
template <typename T> struct Place {
  typedef Acc<T> A;
  T* p;
  const T* g;
  A *s[3], *master;
};

template <typename T, int S> struct Load;
template <typename T> struct Load<T, 1> { typedef T type; };
template <typename T> struct Load<T, 4> { typedef Four<T> type; };

template <int S, typename T> __device__ __forceinline__ void read(const T* from, long long i, Acc<T> (&to)[S]) {
  const typename Load<T, S>::type v = *reinterpret_cast<const typename Load<T, S>::type*>(from + i);
#pragma unroll
  for (int j = 0; j < S; ++j) to[j] = widen(reinterpret_cast<const T*>(&v)[j]);
}
template <int S, typename T> __device__ __forceinline__ void write(T* to, long long i, const Acc<T> (&from)[S]) {
  typename Load<T, S>::type v;
#pragma unroll
  for (int j = 0; j < S; ++j) reinterpret_cast<T*>(&v)[j] = narrow<T>(from[j]);
  *reinterpret_cast<typename Load<T, S>::type*>(to + i) = v;
}

template <typename T, int S, class Rule>
__device__ __forceinline__ void update_at(const Place<T>& at, long long i, const Rule& rule) {
  typedef Acc<T> A;
  A p[S], g[S], s[3][S];
  read<S>(at.p, i, p);
  read<S>(at.g, i, g);
#pragma unroll
  for (int k = 0; k < 3; ++k)
    if (k < rule.n_states) read<S>(at.s[k], i, s[k]);
  if (at.master) {
    A kept[S];
    read<S>(at.master, i, kept);
#pragma unroll
    for (int j = 0; j < S; ++j) p[j] = widen(narrow<T>(kept[j])) == p[j] ? kept[j] : p[j];
  }
#pragma unroll
  for (int j = 0; j < S; ++j) {
    Cell<A> x = {p[j], g[j], {s[0][j], s[1][j], s[2][j]}};
    rule.update(x);
    p[j] = x.p;
#pragma unroll
    for (int k = 0; k < 3; ++k) s[k][j] = x.s[k];
  }
  write<S>(at.p, i, p);
  if (at.master) write<S>(at.master, i, p);
#pragma unroll
  for (int k = 0; k < 3; ++k)
    if (k < rule.n_states) write<S>(at.s[k], i, s[k]);
}

template <typename T, class Rule>
__device__ __forceinline__ void update_chunk(
    const Items& items, Acc<T>* s0, Acc<T>* s1, Acc<T>* s2, Acc<T>* master, const Rule& rule) {
  const Chunk chunk(items, blockIdx.x);
  const long long from = items.start[chunk.k] + chunk.lo;
  const Place<T> at = {
      (T*)items.p[chunk.k] + chunk.lo, (const T*)items.g[chunk.k] + chunk.lo,
      {s0 ? s0 + from : nullptr, s1 ? s1 + from : nullptr, s2 ? s2 + from : nullptr}, master ? master + from : nullptr};
  const int n = (int)(chunk.hi - chunk.lo);
  const bool whole = fits(at.p) && fits(at.g) && fits(at.s[0]) && fits(at.s[1]) && fits(at.s[2]) && fits(at.master);
  const int n_fours = whole ? n / 4 : 0;
  for (int i = threadIdx.x; i < n_fours; i += blockDim.x) update_at<T, 4>(at, 4LL * i, rule);
  for (int i = 4 * n_fours + threadIdx.x; i < n; i += blockDim.x) update_at<T, 1>(at, i, rule);
}

#define GPUGRAD_OPTIMIZER(NAME, RULE)                                                                         \
  template <typename T>                                                                                       \
  __global__ void NAME(                                                                                       \
      const Items items, Acc<T>* s0, Acc<T>* s1, Acc<T>* s2, Acc<T>* master, const Coefficients<Acc<T>> c,    \
      int flags, int n_states) {                                                                              \
    update_chunk<T>(items, s0, s1, s2, master, RULE<Acc<T>>(c, flags, n_states));                             \
  }
GPUGRAD_OPTIMIZER(sgd, Sgd)
GPUGRAD_OPTIMIZER(adam, Adam)
GPUGRAD_OPTIMIZER(rmsprop, RmsProp)

template <typename T> __global__ void square_sums(const Items items, double* parts, int first_part) {
  __shared__ double part[32];
  const Chunk chunk(items, blockIdx.x);
  const T* g = (const T*)items.g[chunk.k] + chunk.lo;
  const int n = (int)(chunk.hi - chunk.lo), n_fours = fits(g) ? n / 4 : 0;
  double sum = 0;
  for (int i = threadIdx.x; i < n_fours; i += blockDim.x) {
    Acc<T> v[4];
    read<4>(g, 4LL * i, v);
#pragma unroll
    for (int j = 0; j < 4; ++j) sum += (double)v[j] * (double)v[j];
  }
  for (int i = 4 * n_fours + threadIdx.x; i < n; i += blockDim.x) {
    const double v = widen(g[i]);
    sum += v * v;
  }
  sum = block_sum(sum, part);
  if (threadIdx.x == 0) parts[first_part + blockIdx.x] = sum;
}

__global__ void norm_total(const double* parts, int n_parts, double* total) {
  __shared__ double part[32];
  double sum = 0;
  for (int i = threadIdx.x; i < n_parts; i += blockDim.x) sum += parts[i];
  sum = block_sum(sum, part);
  if (threadIdx.x == 0) *total = sqrt(sum);
}

template <typename T> __global__ void clip_by_norm(const Items items, const double* total, double max_norm) {
  const double ratio = max_norm / (*total + 1e-6);
  if (ratio >= 1) return;
  const Acc<T> scale = (Acc<T>)ratio;
  const Chunk chunk(items, blockIdx.x);
  T* g = (T*)items.g[chunk.k] + chunk.lo;
  const int n = (int)(chunk.hi - chunk.lo), n_fours = fits(g) ? n / 4 : 0;
  for (int i = threadIdx.x; i < n_fours; i += blockDim.x) {
    Acc<T> v[4];
    read<4>(g, 4LL * i, v);
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] *= scale;
    write<4>(g, 4LL * i, v);
  }
  for (int i = 4 * n_fours + threadIdx.x; i < n; i += blockDim.x) g[i] = narrow<T>(widen(g[i]) * scale);
}

template <typename T> __global__ void copy_list(const Items items) {
  const Chunk chunk(items, blockIdx.x);
  T* p = (T*)items.p[chunk.k] + chunk.lo;
  const T* g = (const T*)items.g[chunk.k] + chunk.lo;
  const int n = (int)(chunk.hi - chunk.lo), n_fours = fits(p) && fits(g) ? n / 4 : 0;
  for (int i = threadIdx.x; i < n_fours; i += blockDim.x) ((Four<T>*)p)[i] = ((const Four<T>*)g)[i];
  for (int i = 4 * n_fours + threadIdx.x; i < n; i += blockDim.x) p[i] = g[i];
}
