// Tensor-core products and asynchronous copies as device functions: inline PTX for compute capability 8.0 and later.
//
// A product is of one warp: D (16 x 8, float) += A (16 x K) B (K x 8).  With group = lane / 4 and k = lane % 4, a lane holds
//   d[0..3]         D[group][2k], D[group][2k + 1], D[group + 8][2k], D[group + 8][2k + 1]
//   16-bit, K = 16  a[0..3]: two neighbours from column 2k of row group, of row group + 8, then from column 2k + 8 of both
//                   b[0..1]: B[2k][group], B[2k + 1][group], then rows 2k + 8 and 2k + 9
//   tf32, K = 8     a[0..3]: A[group][k], A[group + 8][k], A[group][k + 4], A[group + 8][k + 4];  b: B[k][group], B[k + 4][group]
// ldmatrix_x4 brings such a[] and b[] from shared memory: lane l gives the address of a row of 8 16-bit values, lanes 8 j to
// 8 j + 7 those of matrix j, and r[j] receives two neighbours of row group (TRANSPOSE: of column group) of matrix j.
// Row addresses must be multiples of 16 bytes; rows 16 bytes apart modulo 128 avoid bank conflicts.
// Reference: PTX ISA, "Warp-level matrix instructions".  Tolerance: the products are exact, the sums float in any order.
#pragma once
#include <cuda_fp16.h>
#include <cuda_bf16.h>

#ifdef __CUDA_EMU__
#include <emu_tensor_core.h>  // twins for tests on the CPU
#else

// 16 bytes from global to shared memory, both aligned to 16; of these the first valid_bytes are read, the rest become 0.
// They are there after cp_async_commit(), cp_async_wait<groups that may still be under way>() and, for other threads' copies,
// a barrier.
__device__ __forceinline__ void cp_async16(void* target, const void* source, unsigned valid_bytes = 16) {
  const unsigned shared = (unsigned)__cvta_generic_to_shared(target);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(source), "r"(valid_bytes) : "memory");
}
__device__ __forceinline__ void cp_async4(void* target, const void* source, unsigned valid_bytes = 4) {
  const unsigned shared = (unsigned)__cvta_generic_to_shared(target);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(source), "r"(valid_bytes) : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int GROUPS_LEFT> __device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS_LEFT) : "memory");
}

template <bool TRANSPOSE> __device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  const unsigned shared = (unsigned)__cvta_generic_to_shared(row);
  if (TRANSPOSE)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared) : "memory");
}

#define MMA_OPERANDS                                           \
  "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"     \
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])         \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])
__device__ __forceinline__ void mma_bf16_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 " MMA_OPERANDS);
}
__device__ __forceinline__ void mma_fp16_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 " MMA_OPERANDS);
}

// float to tf32 (10 bits of fraction), to nearest, ties away from zero; mma_tf32_1688 drops the other bits unrounded.
__device__ __forceinline__ unsigned to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
__device__ __forceinline__ void mma_tf32_1688(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 " MMA_OPERANDS);
}
#undef MMA_OPERANDS
#endif
