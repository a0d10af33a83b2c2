// The mathematical functions that kernels call, by overload: full accuracy in float as in double, never the fast twins.
#pragma once

#define GPUGRAD_SCALAR_MATH(NAME, F32, F64)                              \
  __device__ __forceinline__ float NAME(float x) { return F32(x); }      \
  __device__ __forceinline__ double NAME(double x) { return F64(x); }
GPUGRAD_SCALAR_MATH(exp_of, expf, exp)
GPUGRAD_SCALAR_MATH(expm1_of, expm1f, expm1)
GPUGRAD_SCALAR_MATH(log_of, logf, log)
GPUGRAD_SCALAR_MATH(log1p_of, log1pf, log1p)
GPUGRAD_SCALAR_MATH(tanh_of, tanhf, tanh)
GPUGRAD_SCALAR_MATH(erf_of, erff, erf)
GPUGRAD_SCALAR_MATH(sqrt_of, sqrtf, sqrt)
GPUGRAD_SCALAR_MATH(abs_of, fabsf, fabs)
#undef GPUGRAD_SCALAR_MATH

template <typename A> struct Range;  // the largest finite number
template <> struct Range<float> { static __device__ __forceinline__ float largest() { return 3.402823466e38f; } };
template <> struct Range<double> { static __device__ __forceinline__ double largest() { return 1.7976931348623157e308; } };

// 1 / (1 + e^-x); e^-x may overflow to inf, which gives the right 0.
template <typename A> __device__ __forceinline__ A logistic(A x) { return A(1) / (A(1) + exp_of(-x)); }
