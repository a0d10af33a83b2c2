// Stand-in for cuda_fp16.h and cuda_bf16.h: 16-bit storage, arithmetic through float, rounding to nearest even.
#pragma once
#include "cuda_emu.h"

namespace emu {
static inline uint16_t half_bits(float f) {
  const uint32_t x = emu_bits<uint32_t>(f), sign = x >> 16 & 0x8000u;
  uint32_t a = x & 0x7fffffffu;
  if (a > 0x7f800000u) return 0x7fff;          // the NaN a GPU gives
  if (a >= 0x477ff000u) return sign | 0x7c00;  // rounds to infinity
  if (a < 0x38800000u) {                       // zero or subnormal: the addition rounds
    return sign | (emu_bits<uint32_t>(emu_bits<float>(a) + 0.5f) - 0x3f000000u);
  }
  a += 0xc8000fffu + (a >> 13 & 1);
  return sign | a >> 13;
}
static inline float half_value(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
  if (exponent == 31) return emu_bits<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) return (sign ? -1.f : 1.f) * (fraction * 0x1p-24f);
  return emu_bits<float>(sign | (exponent + 112) << 23 | fraction << 13);
}
static inline uint16_t bfloat_bits(float f) {
  const uint32_t x = emu_bits<uint32_t>(f);
  return (x & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (x + 0x7fff + (x >> 16 & 1)) >> 16;
}
// A float between whose neighbours x lies, odd unless it is x: rounding that once more rounds x itself.
static inline float rounded_to_odd(double x) {
  const float f = (float)x;
  if (f == x || x != x) return f;
  return emu_bits<float>((emu_bits<uint32_t>(f) - (std::fabs((double)f) > std::fabs(x))) | 1);
}
static inline float bfloat_value(uint16_t b) { return emu_bits<float>((uint32_t)b << 16); }
}  // namespace emu

#define EMU_16_BITS(T, RAW, TO_BITS, TO_FLOAT)                                                              \
  struct RAW { unsigned short x; };                                                                         \
  struct T {                                                                                                \
    unsigned short bits;                                                                                    \
    T() = default;                                                                                          \
    T(float f) : bits(emu::TO_BITS(f)) {}                                                                   \
    T(double f) : bits(emu::TO_BITS((float)f)) {}                                                           \
    T(int i) : bits(emu::TO_BITS((float)i)) {}                                                              \
    T(RAW r) : bits(r.x) {}                                                                                 \
    operator float() const { return emu::TO_FLOAT(bits); }                                                  \
    T& operator+=(T o) { return *this = T(float(*this) + float(o)); }                                       \
    T& operator-=(T o) { return *this = T(float(*this) - float(o)); }                                       \
    T& operator*=(T o) { return *this = T(float(*this) * float(o)); }                                       \
    T& operator/=(T o) { return *this = T(float(*this) / float(o)); }                                       \
  };                                                                                                        \
  static inline T operator+(T a, T b) { return T(float(a) + float(b)); }                                    \
  static inline T operator-(T a, T b) { return T(float(a) - float(b)); }                                    \
  static inline T operator*(T a, T b) { return T(float(a) * float(b)); }                                    \
  static inline T operator/(T a, T b) { return T(float(a) / float(b)); }                                    \
  static inline T operator-(T a) { return T(-float(a)); }                                                   \
  static inline T __hadd(T a, T b) { return a + b; }                                                        \
  static inline T __hmul(T a, T b) { return a * b; }                                                        \
  static inline T __hfma(T a, T b, T c) { return T(std::fma(float(a), float(b), float(c))); }               \
  struct alignas(4) T##2 { T x, y; };                                                                       \
  static inline T##2 __hadd2(T##2 a, T##2 b) { return {a.x + b.x, a.y + b.y}; }                             \
  static inline T##2 __hmul2(T##2 a, T##2 b) { return {a.x * b.x, a.y * b.y}; }                             \
  static inline T##2 __hfma2(T##2 a, T##2 b, T##2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
EMU_16_BITS(__half, __half_raw, half_bits, half_value)
EMU_16_BITS(__nv_bfloat16, __nv_bfloat16_raw, bfloat_bits, bfloat_value)
typedef __half half;
typedef __half2 half2;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

static inline __half __float2half(float f) { return __half(f); }
static inline __half __float2half_rn(float f) { return __half(f); }
static inline __half __double2half(double x) { return __half(emu::rounded_to_odd(x)); }
static inline __nv_bfloat16 __double2bfloat16(double x) { return __nv_bfloat16(emu::rounded_to_odd(x)); }
static inline float __half2float(__half h) { return float(h); }
static inline __half2 __floats2half2_rn(float a, float b) { return {a, b}; }
static inline float2 __half22float2(__half2 h) { return {h.x, h.y}; }
static inline unsigned short __half_as_ushort(__half h) { return h.bits; }
static inline __half __ushort_as_half(unsigned short bits) { return __half(__half_raw{bits}); }
static inline __nv_bfloat16 __float2bfloat16(float f) { return __nv_bfloat16(f); }
static inline __nv_bfloat16 __float2bfloat16_rn(float f) { return __nv_bfloat16(f); }
static inline float __bfloat162float(__nv_bfloat16 b) { return float(b); }
static inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {a, b}; }
static inline float2 __bfloat1622float2(__nv_bfloat162 b) { return {b.x, b.y}; }
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 b) { return b.bits; }
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16(__nv_bfloat16_raw{bits}); }
