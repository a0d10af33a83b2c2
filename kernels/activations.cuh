// Pointwise activations as types, for every kernel that applies one or pulls a cotangent back through one.
//
//   Act::value(z, p, q)    phi(z)
//   Act::pull(g, v, p, q)  g phi'(z), from v = y where Act::KEEPS_Y, else from v = z.  phi' itself is pull(1, v, p, q).
//   kept<Act>(z, y)        the one of the two that pull wants
//
// All in float or double; p and q are the activation's parameters, 0 where it has none:
//   Leaky: p = negative_slope    Elu: p = alpha, q = scale (Selu too)    Hardtanh: p = lowest, q = highest (Relu6 too)
//   Softplus: p = beta (beta = -1 is log_sigmoid)
// The forwards of the primitives in gpugrad/ops of the same names are the reference; gpugrad/cuda/activations.py names the
// type and the parameters of each.  NaN goes through value; where the slope of Relu or Hardtanh is 0, pull gives exactly 0.
// Tolerance: 4 units in the last place of the larger of 1 and |result|, in float and double.
#pragma once
#include "scalar_math.cuh"

#define ACT_VALUE template <typename A> static __device__ __forceinline__ A value(A z, A p, A q)
#define ACT_PULL template <typename A> static __device__ __forceinline__ A pull(A g, A v, A p, A q)

struct Identity {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return z; }
  ACT_PULL { return g; }
};

struct Relu {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return z <= A(0) ? A(0) : z; }
  ACT_PULL { return v > A(0) ? g : A(0); }
};

struct Leaky {
  static const bool KEEPS_Y = false;
  ACT_VALUE { return z > A(0) ? z : z * p; }
  ACT_PULL { return v > A(0) ? g : g * p; }
};

struct Elu {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return (z > A(0) ? z : expm1_of(z) * p) * q; }
  ACT_PULL { return g * (v > A(0) ? q : v + q * p); }
};

struct Hardtanh {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return z < p ? p : z > q ? q : z; }
  ACT_PULL { return v > p && v < q ? g : A(0); }
};

struct Sigmoid {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return logistic(z); }
  ACT_PULL { return g * (v * (A(1) - v)); }
};

struct Tanh {
  static const bool KEEPS_Y = true;
  ACT_VALUE { return tanh_of(z); }
  ACT_PULL { return g * ((A(1) - v) * (A(1) + v)); }
};

struct Softplus {
  static const bool KEEPS_Y = true;
  ACT_VALUE {
    const A s = z * p;
    return ((s > A(0) ? s : A(0)) + log1p_of(exp_of(-abs_of(s)))) / p;
  }
  ACT_PULL { return -g * expm1_of(-v * p); }
};

// z Phi(z), with Phi the normal distribution function.
struct Gelu {
  static const bool KEEPS_Y = false;
  template <typename A> static __device__ __forceinline__ A gate(A z) {
    return erf_of(z * A(0.70710678118654752440)) * A(0.5) + A(0.5);
  }
  ACT_VALUE { return z * gate(z); }
  ACT_PULL { return g * (gate(v) + v * (exp_of(v * v * A(-0.5)) * A(0.39894228040143267794))); }
};

// z (1 + tanh u) / 2 with u = sqrt(2/pi) (z + 0.044715 z^3); (1 + tanh u) / 2 is the sigmoid of 2u.
struct GeluTanh {
  static const bool KEEPS_Y = false;
  template <typename A> static __device__ __forceinline__ A gate(A z) {
    return logistic(z * (z * z * A(0.07135481627260025) + A(1.5957691216057308)));
  }
  ACT_VALUE { return z * gate(z); }
  ACT_PULL {
    const A s = gate(v), rise = v * (v * v * A(0.21406444881780076) + A(1.5957691216057308));
    return g * (s + rise * (s * (A(1) - s)));
  }
};

struct Silu {
  static const bool KEEPS_Y = false;
  ACT_VALUE { return z * logistic(z); }
  ACT_PULL {
    const A s = logistic(v);
    return g * (s + v * (s * (A(1) - s)));
  }
};

// z tanh(softplus(z)): tanh(log(1 + e)) = n / (n + 2) with e = exp(z) and n = e (e + 2), and 1 to rounding above z = 20.
struct Mish {
  static const bool KEEPS_Y = false;
  ACT_VALUE {
    const A e = exp_of(z > A(20) ? A(20) : z), n = e * (e + A(2));
    return z * (n / (n + A(2)));
  }
  ACT_PULL {
    const A e = exp_of(v > A(20) ? A(20) : v), n = e * (e + A(2)), d = A(1) / (n + A(2));
    return g * (n * d + v * (A(4) * e * (e + A(1))) * d * d);
  }
};

template <class Act, typename A> __device__ __forceinline__ A kept(A z, A y) { return Act::KEEPS_Y ? y : z; }
