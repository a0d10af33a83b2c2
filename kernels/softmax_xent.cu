// Softmax cross entropy with loss, gradient and hits from one reading of the logits.
//
//   xent_fwd<T, SOFT>    loss_i = sum_c q_ic (logsumexp(z_i) - z_ic): z (N, C), loss (N); out (N, C) is softmax(z), or with
//                        `slope` the gradient of the mean, (softmax(z) sum_c(q) - q) / total; hits = argmax z is argmax target
//   xent_vjp<T, SOFT>    g_i (p sum_c(y) - y): p, dz (N, C), g (N), or one value for all where g_step = 0
//   xent_weights<T>      parts of the sum over i of weight[target_i];  xent_total<T>: the mean loss and the hits from the parts
//
// q = weight_c ((1 - smoothing) y_c + smoothing / C), y the one-hot row of a class index (integers of any size), or with SOFT
// the row of soft labels; weight may be null.  total is N, or the sum of the samples' weights for indices with class weights.
// A class out of range makes its row's loss and slope NaN.  Arrays lie in C order without gaps.
// `width` lanes own a row: 1 to 32 of a warp, or a whole block; each takes a pack of columns (16 bytes with `packed`) at a
// time.  The first reading keeps a running maximum and rescales the sums when it rises; the second finds the row in the cache.
// Sums over rows go to one part a block, added in order by xent_total: the same bits in every run.
// Bytes moved: one reading and one writing of (N, C), two readings in xent_vjp.  Roofline: bandwidth.
// Tolerance against float64: 4e-6 (float), 1e-14 (double), 2 roundings of 2-byte storage, times max(1, log2(C) / 4), of the
// larger of 1 and |result|.
#include "rows.cuh"
#include "scalar_math.cuh"

// Class index i of an integer array; bytes is the size of its elements, negative where they are signed.
__device__ __forceinline__ long long label_at(const void* target, int bytes, long long i) {
  switch (bytes) {
    case -1: return ((const signed char*)target)[i];
    case 1: return ((const unsigned char*)target)[i];
    case -2: return ((const short*)target)[i];
    case 2: return ((const unsigned short*)target)[i];
    case -4: return ((const int*)target)[i];
    case 4: return ((const unsigned*)target)[i];
    default: return ((const long long*)target)[i];  // an unsigned one beyond the range turns negative, out of range too
  }
}

// What the loss weighs logits by: q of one row at a time.
template <typename T, int SOFT> struct Target {
  typedef Acc<T> A;
  const void* labels;
  const T* weight;
  A keep, share;  // 1 - smoothing, smoothing / C
  int bytes;
  long long label, at;
  __device__ __forceinline__ void enter(long long row, long long n_cols, bool live) {
    at = row * n_cols;
    label = !SOFT && live ? label_at(labels, bytes, row) : 0;
  }
  __device__ __forceinline__ A raw(long long c) const {
    return SOFT ? widen(((const T*)labels)[at + c]) : A(c == label ? 1 : 0);
  }
  __device__ __forceinline__ A q(long long c) const {
    const A smooth = raw(c) * keep + share;
    return weight ? smooth * widen(weight[c]) : smooth;
  }
};

// Running sums over the classes a lane has seen, relative to the largest logit m so far.
template <typename A> struct Running {
  A m, sum, q_sum, q_dot, best;  // sums of e^(z-m), q and q (z-m); best: the largest soft label
  int at, best_at;               // the first class where the largest logit and label stand
  __device__ __forceinline__ Running() : m(-Range<A>::largest()), sum(0), q_sum(0), q_dot(0), best(-Range<A>::largest()) {
    at = best_at = 0x7fffffff;
  }
  __device__ __forceinline__ void rise(A to) {
    sum *= exp_of(m - to);
    if (q_sum != A(0)) q_dot -= q_sum * (to - m);
    m = to;
  }
  __device__ __forceinline__ void add(A z, A q, int c) {
    if (z > m) {
      rise(z);
      at = c;
    }
    sum += exp_of(z - m);
    q_sum += q;
    if (q != A(0)) q_dot += q * (z - m);  // a class without weight may have logit -inf
  }
  __device__ __forceinline__ void see(A y, int c) {
    if (y > best) {
      best = y;
      best_at = c;
    }
  }
};

// The first class, among the lanes of a row, where `value` is the largest.
template <typename A> __device__ __forceinline__ int first_of(A value, A largest, int at, int width, int* part) {
  return -row_max(value == largest ? -at : -0x7fffffff, width, part);
}

template <typename T> struct XentOut {
  T *out, *loss;
  Acc<T>* parts;  // of the loss, then of the hits, one a block; or null
  Acc<T> scale;   // 1 / total
  int slope;
};

template <typename T, int SOFT, int S>
__device__ __forceinline__ void xent_rows(const T* z, Target<T, SOFT> target, XentOut<T> to, Rows r, Acc<T>* part, int* int_part) {
  typedef Acc<T> A;
  A total = 0, hits = 0;
  for (; r.more(); r.next()) {
    const T* from = z + r.row * r.n_cols;
    target.enter(r.row, r.n_cols, r.end != 0);
    Running<A> run;
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      const Columns<T, S> v = columns_at<T, S>(from + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        run.add(widen(v.at[k]), target.q(c + k), (int)(c + k));
        if (SOFT) run.see(target.raw(c + k), (int)(c + k));
      }
    }
    const A mine = run.m, m = row_max(run.m, r.width, part);
    run.rise(m);
    const A sum = row_sum(run.sum, r.width, part), q_dot = row_sum(run.q_dot, r.width, part);
    A q_sum = row_sum(run.q_sum, r.width, part);
    if (!SOFT && (target.label < 0 || target.label >= r.n_cols)) q_sum = (m - m) / A(0);
    const A loss = q_sum * log_of(sum) - q_dot;
    if (r.leads() && to.loss) to.loss[r.row] = narrow<T>(loss);
    if (to.parts) {
      const int found = first_of(mine, m, run.at, r.width, int_part);
      const A best = SOFT ? row_max(run.best, r.width, part) : A(0);
      const long long wanted = SOFT ? first_of(run.best, best, run.best_at, r.width, int_part) : target.label;
      total += r.leads() ? loss : A(0);
      hits += r.leads() && found == wanted ? A(1) : A(0);
    }
    const A inverse = A(1) / sum;
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      Columns<T, S> v = columns_at<T, S>(from + c);
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const A p = exp_of(widen(v.at[k]) - m) * inverse;
        v.at[k] = narrow<T>(to.slope ? (p * q_sum - target.q(c + k)) * to.scale : p);
      }
      *reinterpret_cast<Columns<T, S>*>(to.out + r.row * r.n_cols + c) = v;
    }
  }
  if (!to.parts) return;
  total = block_sum(total, part);
  hits = block_sum(hits, part);
  if (threadIdx.x == 0) {
    to.parts[blockIdx.x] = total;
    to.parts[gridDim.x + blockIdx.x] = hits;
  }
}

// The sum of n parts in an order that depends on n and the block alone.
template <typename A> __device__ __forceinline__ A sum_of(const A* parts, int n, A* part) {
  A sum = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) sum += parts[i];
  return block_sum(sum, part);
}

template <typename T, int SOFT>
__global__ void xent_fwd(
    const T* z, const void* labels, int label_bytes, const T* weight, Acc<T> smoothing, T* out, int slope, T* loss,
    Acc<T>* parts, const Acc<T>* weight_parts, int n_weight_parts, long long n_rows, long long n_cols, int width, int packed) {
  typedef Acc<T> A;
  __shared__ A part[32];
  __shared__ int int_part[32];
  const A total = weight_parts ? sum_of(weight_parts, n_weight_parts, part) : A(n_rows);
  const Target<T, SOFT> target{labels, weight, A(1) - smoothing, smoothing / A(n_cols), label_bytes, 0, 0};
  const XentOut<T> to{out, loss, parts, A(1) / total, slope};
  const Rows rows(n_rows, n_cols, width);
  if (packed) xent_rows<T, SOFT, Pack<T>::size>(z, target, to, rows, part, int_part);
  else xent_rows<T, SOFT, 1>(z, target, to, rows, part, int_part);
}

template <typename T>
__global__ void xent_weights(
    const void* labels, int label_bytes, const T* weight, Acc<T>* parts, long long n_rows, long long n_cols) {
  __shared__ Acc<T> part[32];
  Acc<T> sum = 0;
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n_rows; i += step) {
    const long long label = label_at(labels, label_bytes, i);
    if (label >= 0 && label < n_cols) sum += widen(weight[label]);
  }
  sum = block_sum(sum, part);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <typename T>
__global__ void xent_total(
    const Acc<T>* parts, int n_parts, const Acc<T>* weight_parts, int n_weight_parts, long long n_rows, T* loss, long long* n_hits) {
  typedef Acc<T> A;
  __shared__ A part[32];
  __shared__ long long long_part[32];
  const A total = weight_parts ? sum_of(weight_parts, n_weight_parts, part) : A(n_rows);
  const A sum = sum_of(parts, n_parts, part);
  long long hits = 0;
  for (int i = threadIdx.x; i < n_parts; i += blockDim.x) hits += (long long)parts[n_parts + i];
  hits = block_sum(hits, long_part);
  if (threadIdx.x) return;
  *loss = narrow<T>(sum / total);
  *n_hits = hits;
}

template <typename T, int SOFT, int S>
__device__ __forceinline__ void xent_vjp_rows(
    const T* g, int g_step, const T* p, Target<T, SOFT> target, T* dz, Rows r, Acc<T>* part) {
  typedef Acc<T> A;
  for (; r.more(); r.next()) {
    const long long at = r.row * r.n_cols;
    target.enter(r.row, r.n_cols, r.end != 0);
    A q_sum = SOFT ? 0 : 1;
    if (SOFT) {
      for (long long c = r.first * S; c < r.end; c += r.width * S)
#pragma unroll
        for (int k = 0; k < S; ++k) q_sum += target.raw(c + k);
      q_sum = row_sum(q_sum, r.width, part);
    }
    const A slope = r.end ? widen(g[r.row * g_step]) : A(0);
    if (!SOFT && (target.label < 0 || target.label >= r.n_cols)) q_sum = (slope - slope) / A(0);
    for (long long c = r.first * S; c < r.end; c += r.width * S) {
      Columns<T, S> v = columns_at<T, S>(p + at + c);
#pragma unroll
      for (int k = 0; k < S; ++k) v.at[k] = narrow<T>(slope * (widen(v.at[k]) * q_sum - target.raw(c + k)));
      *reinterpret_cast<Columns<T, S>*>(dz + at + c) = v;
    }
  }
}

template <typename T, int SOFT>
__global__ void xent_vjp(
    const T* g, int g_step, const T* p, const void* labels, int label_bytes, T* dz, long long n_rows, long long n_cols,
    int width, int packed) {
  __shared__ Acc<T> part[32];
  const Target<T, SOFT> target{labels, nullptr, Acc<T>(1), Acc<T>(0), label_bytes, 0, 0};
  const Rows rows(n_rows, n_cols, width);
  if (packed) xent_vjp_rows<T, SOFT, Pack<T>::size>(g, g_step, p, target, dz, rows, part);
  else xent_vjp_rows<T, SOFT, 1>(g, g_step, p, target, dz, rows, part);
}
