// The training step of a narrow MLP in one launch: forward, loss, backward and weight-gradient partials.
//
//   h_0 = x,  z_k = h_k W_k^T + b_k,  h_{k+1} = phi(z_k) for all but the last,  loss of z_last against target
//   d_last = dloss/dz_last,  dW_k = d_k^T h_k,  db_k = sum of d_k over rows,  d_{k-1} = (d_k W_k) phi'
//
// x (N, width[0]) and W_k (width[k+1], width[k]) row major, of T: float, or __nv_bfloat16 with sums in float (sm_80 on).
// A block takes tiles of `tile_rows` rows, blockIdx.x first, then every gridDim.x-th; the tile's activations stay in shared
// memory, h_k gives way to d_{k-1} in place.  Weights lie there too: all of them (resident), or the layer in hand, read again
// from L2 for every use.  The block adds its gradients up in shared memory, or in its own slice of `partials` (in L2).
// mlp_reduce then adds the blocks' partials in the order of blocks, so a result repeats bit for bit on one device.
// Sizes come in `Plan`, made by gpugrad/cuda/mlp_step.py.
//
// Traffic with device memory: x and target once, weights once a block, partials blocks x parameters x 4 bytes, written
// once and read once.  Arithmetic: 6 N sum(width[k] width[k+1]) flop, less 2 N width[0] width[1]; from width 64 on in float
// that bounds it (about 50 Tflop/s on an H200), below it the shared-memory reads of 0.5 byte a flop.
// Reference: gpugrad/ops/mlp_step.py.  Tolerance to float64: 2e-5 |largest| in float, 2e-2 |largest| in bfloat16.
#include "activations.cuh"
#include "tile_product.cuh"

const int MAX_LAYERS = 8;
enum Loss { CROSS_ENTROPY, SQUARED_ERROR };

struct Plan {
  unsigned long long w[MAX_LAYERS], b[MAX_LAYERS];  // addresses of W_k and b_k (0: no bias)
  long long n_rows;
  int width[MAX_LAYERS + 1], padded[MAX_LAYERS + 1], ld[MAX_LAYERS + 1];  // true, in whole steps, leading dimension
  int h_at[MAX_LAYERS + 1], z_at[MAX_LAYERS], w_at[MAX_LAYERS], b_at[MAX_LAYERS];  // bytes into shared memory
  int dw_at[MAX_LAYERS], db_at[MAX_LAYERS];         // elements into the flat gradient
  int logits_at, ld_logits, grads_at;               // bytes; grads_at < 0: gradients add up in `partials`
  int n_layers, n_params, tile_rows, resident, loss;
  float p, q, smoothing;                            // parameters of the activation; label smoothing
};

struct Sums { float loss, weight, n_correct; };     // over rows; a mean divides by weight

template <typename T> __device__ void load_weight(char* shared, const Plan& plan, int k) {
  T* to = reinterpret_cast<T*>(shared + plan.w_at[k]);
  const T* from = reinterpret_cast<const T*>(plan.w[k]);
  const int n_out = plan.width[k + 1], n_in = plan.width[k], columns = plan.padded[k], ld = plan.ld[k];
  for (int i = threadIdx.x; i < plan.padded[k + 1] * columns; i += blockDim.x) {
    const int r = i / columns, c = i % columns;
    to[r * ld + c] = r < n_out && c < n_in ? from[(size_t)r * n_in + c] : narrow<T>(0.f);
  }
  const T* bias = reinterpret_cast<const T*>(plan.b[k]);
  float* b = reinterpret_cast<float*>(shared + plan.b_at[k]);
  for (int i = threadIdx.x; i < plan.padded[k + 1]; i += blockDim.x) b[i] = bias && i < n_out ? widen(bias[i]) : 0.f;
}

// W_k in shared memory, loaded now unless it stays there.  Everybody is done with what lay there before.
template <typename T> __device__ const T* weight(char* shared, const Plan& plan, int k) {
  if (!plan.resident) {
    __syncthreads();
    load_weight<T>(shared, plan, k);
  }
  __syncthreads();
  return reinterpret_cast<const T*>(shared + plan.w_at[k]);
}

template <typename T> __device__ void load_rows(char* shared, const Plan& plan, const T* x, long long row0) {
  T* h = reinterpret_cast<T*>(shared + plan.h_at[0]);
  const int n_in = plan.width[0], columns = plan.padded[0];
  for (int i = threadIdx.x; i < plan.tile_rows * columns; i += blockDim.x) {
    const int r = i / columns, c = i % columns;
    h[r * plan.ld[0] + c] = row0 + r < plan.n_rows && c < n_in ? x[(row0 + r) * n_in + c] : narrow<T>(0.f);
  }
}

template <typename T, class Act> __device__ void forward_layer(char* shared, const Plan& plan, int k) {
  const T* w = weight<T>(shared, plan, k);
  const T* h = reinterpret_cast<const T*>(shared + plan.h_at[k]);
  const float* b = reinterpret_cast<const float*>(shared + plan.b_at[k]);
  const int n_out = plan.width[k + 1], ld = plan.ld[k + 1];
  const bool last = k + 1 == plan.n_layers;
  float* logits = reinterpret_cast<float*>(shared + plan.logits_at);
  T* y = reinterpret_cast<T*>(shared + plan.h_at[k + 1]);
  T* kept_z = reinterpret_cast<T*>(shared + plan.z_at[k]);
  auto finish = [&](int r, int c, float product) {
    const float z = product + b[c];
    if (last) {
      logits[r * plan.ld_logits + c] = z;
    } else {
      y[r * ld + c] = narrow<T>(c < n_out ? Act::value(z, plan.p, plan.q) : 0.f);
      if (!Act::KEEPS_Y) kept_z[r * ld + c] = narrow<T>(z);
    }
  };
  tile_product<true, true>(h, plan.ld[k], w, plan.ld[k], plan.tile_rows, plan.padded[k + 1], plan.padded[k], finish);
  __syncthreads();
}

// One warp a row: softmax, loss against a class index with smoothing and class weights, d = p sum(t) - t.
template <typename T>
__device__ void cross_entropy_row(const float* z, T* d, long long label, const float* class_weight, const Plan& plan, Sums& sums) {
  const int n = plan.width[plan.n_layers], lane = threadIdx.x & 31;
  float top = __int_as_float(0xff800000);  // -inf
  for (int c = lane; c < n; c += 32) top = fmaxf(top, z[c]);
  top = warp_max(top);
  float total = 0.f, spread = 0.f, spread_z = 0.f;
  int first = n;
  for (int c = lane; c < n; c += 32) {
    const float w = class_weight ? class_weight[c] : 1.f;
    total += exp_of(z[c] - top);
    spread += w;
    spread_z += w * (z[c] - top);
    if (z[c] == top && c < first) first = c;
  }
  total = warp_sum(total), spread = warp_sum(spread), spread_z = warp_sum(spread_z);
  first = -warp_max(-first);
  const bool valid = label >= 0 && label < n;
  const float own = !valid ? __int_as_float(0x7fffffff) : class_weight ? class_weight[label] : 1.f;
  const float keep = (1.f - plan.smoothing) * own, share = plan.smoothing / n, mass = keep + share * spread;
  if (lane == 0) {
    sums.loss += mass * log_of(total) - keep * (valid ? z[label] - top : 0.f) - (share > 0.f ? share * spread_z : 0.f);
    sums.weight += own;
    sums.n_correct += first == label;
  }
  __syncwarp();  // z[label] is read before d, which may lie in its place, is written
  for (int c = lane; c < n; c += 32) {
    const float w = class_weight ? class_weight[c] : 1.f;
    d[c] = narrow<T>(exp_of(z[c] - top) / total * mass - share * w - (c == label ? keep : 0.f));
  }
}

template <typename T> __device__ void squared_error_row(const float* z, T* d, const T* target, const Plan& plan, Sums& sums) {
  const int n = plan.width[plan.n_layers], lane = threadIdx.x & 31;
  float sum = 0.f;
  for (int c = lane; c < n; c += 32) {
    const float e = z[c] - widen(target[c]);
    sum += e * e;
    d[c] = narrow<T>(2.f * e);
  }
  sum = warp_sum(sum);
  if (lane == 0) sums.loss += sum, sums.weight += 1.f;
}

// Rows past the end and columns past the outputs get d = 0, and so add nothing to any gradient.
template <typename T>
__device__ void loss_rows(char* shared, const Plan& plan, const void* target, const float* class_weight, long long row0, Sums& sums) {
  const int n = plan.width[plan.n_layers], lane = threadIdx.x & 31;
  for (int r = threadIdx.x >> 5; r < plan.tile_rows; r += blockDim.x >> 5) {
    const float* z = reinterpret_cast<const float*>(shared + plan.logits_at) + r * plan.ld_logits;
    T* d = reinterpret_cast<T*>(shared + plan.h_at[plan.n_layers]) + r * plan.ld[plan.n_layers];
    const long long row = row0 + r;
    const bool inside = row < plan.n_rows;
    if (inside && plan.loss == CROSS_ENTROPY) cross_entropy_row(z, d, static_cast<const long long*>(target)[row], class_weight, plan, sums);
    if (inside && plan.loss == SQUARED_ERROR) squared_error_row(z, d, static_cast<const T*>(target) + row * n, plan, sums);
    for (int c = (inside ? n : 0) + lane; c < plan.padded[plan.n_layers]; c += 32) d[c] = narrow<T>(0.f);
  }
  __syncthreads();
}

// dW_k and db_k of this tile, stored for the block's first tile and added for later ones.
template <typename T> __device__ void weight_gradient(char* shared, const Plan& plan, int k, float* grads, bool first) {
  const T* d = reinterpret_cast<const T*>(shared + plan.h_at[k + 1]);
  const T* h = reinterpret_cast<const T*>(shared + plan.h_at[k]);
  const int n_out = plan.width[k + 1], n_in = plan.width[k];
  float *dw = grads + plan.dw_at[k], *db = grads + plan.db_at[k];
  auto add = [&](int r, int c, float product) {
    if (r < n_out && c < n_in) dw[r * n_in + c] = first ? product : dw[r * n_in + c] + product;
  };
  tile_product<false, false>(d, plan.ld[k + 1], h, plan.ld[k], plan.padded[k + 1], plan.padded[k], plan.tile_rows, add);
  if (!plan.b[k]) return;
  for (int c = threadIdx.x; c < n_out; c += blockDim.x) {
    float sum = 0.f;
    for (int r = 0; r < plan.tile_rows; ++r) sum += widen(d[r * plan.ld[k + 1] + c]);
    db[c] = first ? sum : db[c] + sum;
  }
}

template <typename T, class Act> __device__ void input_gradient(char* shared, const Plan& plan, int k) {
  const T* w = weight<T>(shared, plan, k);
  const T* d = reinterpret_cast<const T*>(shared + plan.h_at[k + 1]);
  T* h = reinterpret_cast<T*>(shared + plan.h_at[k]);
  const T* kept_z = reinterpret_cast<const T*>(shared + plan.z_at[k - 1]);
  const int n_in = plan.width[k], ld = plan.ld[k];
  auto finish = [&](int r, int c, float g) {
    const float v = widen((Act::KEEPS_Y ? h : kept_z)[r * ld + c]);
    h[r * ld + c] = narrow<T>(c < n_in ? Act::pull(g, v, plan.p, plan.q) : 0.f);
  };
  tile_product<true, false>(d, plan.ld[k + 1], w, ld, plan.tile_rows, plan.padded[k], plan.padded[k + 1], finish);
  __syncthreads();
}

template <typename T, class Act>
__global__ void __launch_bounds__(256, 2)
mlp_step(const T* __restrict__ x, const void* __restrict__ target, const float* __restrict__ class_weight, Plan plan, float* partials, Sums* block_sums) {
  extern __shared__ __align__(16) char shared[];
  __shared__ Sums warp_sums[8];
  float* own = partials + (size_t)blockIdx.x * plan.n_params;
  float* grads = plan.grads_at < 0 ? own : reinterpret_cast<float*>(shared + plan.grads_at);
  if (plan.resident)
    for (int k = 0; k < plan.n_layers; ++k) load_weight<T>(shared, plan, k);
  Sums sums = {0.f, 0.f, 0.f};
  for (long long row0 = (long long)blockIdx.x * plan.tile_rows; row0 < plan.n_rows; row0 += (long long)gridDim.x * plan.tile_rows) {
    load_rows(shared, plan, x, row0);
    for (int k = 0; k < plan.n_layers; ++k) forward_layer<T, Act>(shared, plan, k);
    loss_rows<T>(shared, plan, target, class_weight, row0, sums);
    for (int k = plan.n_layers - 1; k >= 0; --k) {
      weight_gradient<T>(shared, plan, k, grads, row0 == (long long)blockIdx.x * plan.tile_rows);
      __syncthreads();
      if (k) input_gradient<T, Act>(shared, plan, k);
    }
  }
  if ((threadIdx.x & 31) == 0) warp_sums[threadIdx.x >> 5] = sums;
  __syncthreads();
  if (plan.grads_at >= 0)
    for (int i = threadIdx.x; i < plan.n_params; i += blockDim.x) own[i] = grads[i];
  if (threadIdx.x == 0) {
    for (int w = 1; w < (int)(blockDim.x >> 5); ++w) {
      sums.loss += warp_sums[w].loss;
      sums.weight += warp_sums[w].weight;
      sums.n_correct += warp_sums[w].n_correct;
    }
    block_sums[blockIdx.x] = sums;
  }
}

// grads[i] = scale / n * sum over blocks of partials[block][i]; totals = {scale / n * loss, n_correct}, with n the sum of
// the rows' weights where `mean`, else 1.  One thread a parameter; a warp reads 128 bytes of each block's slice.
template <typename Out>
__global__ void __launch_bounds__(256)
mlp_reduce(const float* __restrict__ partials, const Sums* __restrict__ block_sums, Out* grads, float* totals, int n_blocks, int n_params, int mean, float scale) {
  __shared__ float part[32];
  Sums sums = {0.f, 0.f, 0.f};
  for (int b = threadIdx.x; b < n_blocks; b += blockDim.x) {
    sums.loss += block_sums[b].loss;
    sums.weight += block_sums[b].weight;
    sums.n_correct += block_sums[b].n_correct;
  }
  const float weight = block_sum(sums.weight, part), n = mean ? weight : 1.f;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n_params) {
    float sum = 0.f;
    for (int b = 0; b < n_blocks; ++b) sum += partials[(size_t)b * n_params + i];
    grads[i] = narrow<Out>(scale / n * sum);
  }
  if (blockIdx.x) return;
  const float loss = block_sum(sums.loss, part), n_correct = block_sum(sums.n_correct, part);
  if (threadIdx.x == 0) totals[0] = scale / n * loss, totals[1] = n_correct;
}
