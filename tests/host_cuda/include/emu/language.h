// Keywords, built-in variables and vector types of CUDA C++.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define __shared__ static  // plain globals: AddressSanitizer puts red zones round them
#else
#define __shared__ static thread_local  // one TLS block per library, which launch() can fill with NaNs
#define EMU_SHARED_IN_TLS 1             // (section() would do, but GCC 12 ignores it for statics of templates)
#endif
// build.py rewrites `extern __shared__ T name[];` to this; no macro can, as `extern static` is an error.
#define EMU_DYNAMIC_SHARED(T, name) static T* const name = reinterpret_cast<T*>(emu::dynamic_shared)

struct uint3 { unsigned x, y, z; };
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

#define EMU_VECTORS(T, N)                                                                      \
  struct alignas(2 * sizeof(T)) N##2 { T x, y; };                                              \
  struct N##3 { T x, y, z; };                                                                  \
  struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) N##4 { T x, y, z, w; };              \
  static inline N##2 make_##N##2(T x, T y) { return {x, y}; }                                  \
  static inline N##3 make_##N##3(T x, T y, T z) { return {x, y, z}; }                          \
  static inline N##4 make_##N##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTORS(float, float)
EMU_VECTORS(double, double)
EMU_VECTORS(signed char, char)
EMU_VECTORS(short, short)
EMU_VECTORS(int, int)
EMU_VECTORS(long long, longlong)
EMU_VECTORS(unsigned char, uchar)
EMU_VECTORS(unsigned short, ushort)
EMU_VECTORS(unsigned long long, ulonglong)
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
