// Kernels that are wrong on purpose, each in one way; test_broken.py says how each is found out.

__global__ void past_the_end_of_shared(float* y) {
  __shared__ float place[32];
  place[threadIdx.x + 1] = 1.f;
  __syncthreads();
  y[threadIdx.x] = place[threadIdx.x];
}
__global__ void past_the_end(float* y) { y[threadIdx.x] = 1.f; }
__global__ void before_the_start(float* y) { y[(int)threadIdx.x - 1] = 1.f; }
__global__ void reads_past_the_end(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x + 1]; }
__global__ void divergent_barrier(float* y) {
  if (threadIdx.x < 7) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1.f;
}
__global__ void deadlock(float* y) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.f, 1);
  else
    __syncthreads();
}
__global__ void mixed_collectives(float* y) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.f, 1);
  else
    y[threadIdx.x] = __any_sync(0xffffffffu, 1);
}
__global__ void lane_not_in_the_mask(float* y) { y[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, 1.f, 1); }
__global__ void lane_has_left(float* y) {
  if (threadIdx.x == 31) return;
  y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.f, 1);
}
__global__ void misaligned(float* y) { y[0] = reinterpret_cast<float4*>(y + 1)->x; }
__global__ void shift_too_far(int* y) { y[threadIdx.x] = 1 << (threadIdx.x + 1); }
__global__ void division_by_zero(int* y) { y[threadIdx.x] = 7 / (int)(threadIdx.x - 3); }
__device__ int descend(int n, int* p) {
  int place[1000];
  place[n % 1000] = p[0];
  return n ? descend(n - 1, place) + place[n % 1000] : 0;
}
__global__ void stack_too_deep(int* y) { y[0] = descend(100000, y); }
__global__ void trapped(int* y) {
  if (threadIdx.x == 3) __trap();
  y[threadIdx.x] = 1;
}

// What follows gives a wrong result and no message.
__global__ void unwritten_shared(float* y) {
  __shared__ float place[32];
  if (threadIdx.x < 31) place[threadIdx.x] = 1.f;
  __syncthreads();
  y[threadIdx.x] = place[threadIdx.x];
}
__global__ void missing_barrier(float* y) {
  __shared__ float place[64];
  place[threadIdx.x] = threadIdx.x;
  y[threadIdx.x] = place[63 - threadIdx.x];
}
__global__ void race_in_a_warp(float* y) {
  __shared__ float place[32];
  place[threadIdx.x] = threadIdx.x;
  y[threadIdx.x] = place[(threadIdx.x + 1) & 31];
}

__global__ void race_of_blocks(float* y) {  // each adds to what its neighbour left
  y[blockIdx.x] = blockIdx.x ? y[blockIdx.x - 1] + 1 : 1;
}
