"""exp, log, tanh, expm1, log1p and erf on vectors of LLVM: a few units in the last place from the true value.

Sources: range reduction and series as in Muller, Elementary functions: algorithms and implementation (2016),
chapters 4 and 11; the continued fraction of tanh: Abramowitz and Stegun, 4.5.70; erf: see ops/erf_rational.py.
"""

import math
from typing import Any

import numpy as np

from ...ops.erf_rational import BELOW, BETWEEN

_BITS = {4: 23, 8: 52}
_LN2 = {4: (355 / 512, math.log(2) - 355 / 512), 8: (float.fromhex("0x1.62e42fee00000p-1"), 1.9082149292705877e-10)}
_TERMS_EXP, _TERMS_LOG = {4: 7, 8: 13}, {4: 6, 8: 12}


class _Arithmetic:
    """Short names for the instructions of one dtype."""

    def __init__(self, lanes: Any, of: Any) -> None:
        self.lanes, self.of, self.whole = lanes, of, np.dtype(f"i{of.itemsize}")

    def __call__(self, name: str, a: Any, b: Any) -> str:
        return self.lanes.binary(name, self.of, self.c(a), self.c(b))

    def c(self, x: Any) -> str:
        return x if type(x) is str else self.lanes.constant(x, self.of)

    def fma(self, a: Any, b: Any, c: Any) -> str:
        return self.lanes.intrinsic("fma", self.of, self.c(a), self.c(b), self.c(c))

    def polynomial(self, x: str, coefficients: Any) -> str:
        """Horner's rule, the highest power first."""
        y = self.c(coefficients[0])
        for c in coefficients[1:]:
            y = self.fma(y, x, c)
        return y

    def select(self, condition: str, a: Any, b: Any) -> str:
        return self.lanes.select(condition, self.of, self.c(a), self.c(b))

    def compare(self, name: str, a: Any, b: Any) -> str:
        return self.lanes.compare(name, self.of, self.c(a), self.c(b))

    def bits(self, x: str) -> str:
        return self.lanes.f(f"bitcast {self.lanes.type(self.of)} {x} to {self.lanes.type(self.whole)}")

    def from_bits(self, x: str) -> str:
        return self.lanes.f(f"bitcast {self.lanes.type(self.whole)} {x} to {self.lanes.type(self.of)}")

    def integer(self, name: str, a: str, b: int) -> str:
        return self.lanes.f(f"{name} {self.lanes.type(self.whole)} {a}, {self.lanes.constant(b, self.whole)}")

    def power_of_two(self, n: str) -> str:
        """2^n for integers n of the range of normal numbers."""
        bias = (1 << (8 * self.of.itemsize - 2 - _BITS[self.of.itemsize])) - 1
        return self.from_bits(self.integer("shl", self.integer("add", n, bias), _BITS[self.of.itemsize]))


def _reduced(a: _Arithmetic, x: str) -> tuple[str, str]:
    """n and r with x = n ln 2 + r, |r| <= ln 2 / 2."""
    n = a.lanes.intrinsic("rint", a.of, a("multiply", x, 1 / math.log(2)))
    high, low = _LN2[a.of.itemsize]
    return n, a.fma(n, -low, a.fma(n, -high, x))


def exp(lanes: Any, of: Any, x: str) -> str:
    """2^n exp(r)."""
    a = _Arithmetic(lanes, of)
    low, high = (-104.0, 89.0) if of.itemsize == 4 else (-746.0, 710.0)
    nan = a.compare("not_equal", x, x)
    y = a.select(a.compare("less", x, low), low, x)
    y = a.select(a.compare("greater", y, high), high, y)
    y = a.select(nan, 0, y)
    n, r = _reduced(a, y)
    terms = _TERMS_EXP[of.itemsize]
    p = a.polynomial(r, [1 / math.factorial(k) for k in range(terms, -1, -1)])
    whole = lanes.cast(n, of, a.whole)
    half = a.integer("ashr", whole, 1)
    rest = lanes.f(f"sub {lanes.type(a.whole)} {whole}, {half}")
    p = a("multiply", a("multiply", p, a.power_of_two(half)), a.power_of_two(rest))
    return a.select(nan, x, p)


def log(lanes: Any, of: Any, x: str) -> str:
    """e ln 2 + 2 artanh((m - 1) / (m + 1)) with x = 2^e m, m about 1."""
    a, digits = _Arithmetic(lanes, of), _BITS[of.itemsize]
    tiny = a.compare("less", x, float(np.finfo(of).tiny))
    scaled = a.select(tiny, a("multiply", x, 2.0**digits), x)
    bits = a.bits(scaled)
    root_half = int(np.asarray(math.sqrt(0.5), of).view(a.whole))
    shifted = a.integer("sub", bits, root_half)
    e = lanes.cast(a.integer("ashr", shifted, digits), a.whole, of)
    fraction = a.integer("add", a.integer("and", shifted, (1 << digits) - 1), root_half)
    m = a.from_bits(fraction)
    e = a("add", e, a.select(tiny, -digits, 0))
    m1 = a("subtract", m, 1)
    s = a("divide", m1, a("add", m1, 2))
    z = a("multiply", s, s)
    series = a.polynomial(z, [2 / (2 * k + 1) for k in range(_TERMS_LOG[of.itemsize], 0, -1)])
    tail = a("multiply", a("multiply", s, z), series)
    # 2 s = m1 - s m1, which keeps the leading term exact
    y = a("add", m1, a("subtract", tail, a("multiply", s, m1)))
    high, low = _LN2[of.itemsize]
    y = a.fma(e, high, a.fma(e, low, y))
    y = a.select(a.compare("equal", x, math.inf), math.inf, y)
    y = a.select(a.compare("equal", x, 0), -math.inf, y)
    y = a.select(a.compare("less", x, 0), math.nan, y)
    return a.select(a.compare("not_equal", x, x), x, y)


def expm1(lanes: Any, of: Any, x: str) -> str:
    """exp(x) - 1, for small x by its series."""
    a = _Arithmetic(lanes, of)
    terms = 9 if of.itemsize == 4 else 16
    series = a("multiply", x, a.polynomial(x, [1 / math.factorial(k) for k in range(terms, 0, -1)]))
    small = a.compare("less", lanes.intrinsic("fabs", of, x), 0.5)
    return a.select(small, series, a("subtract", exp(lanes, of, x), 1))


def log1p(lanes: Any, of: Any, x: str) -> str:
    """log(u) + (x - (u - 1)) / u with u = 1 + x: the second term is what rounding u lost."""
    a = _Arithmetic(lanes, of)
    u = a("add", x, 1)
    lost = a("divide", a("subtract", x, a("subtract", u, 1)), u)
    y = log(lanes, of, u)
    finite = a.compare("less", lanes.intrinsic("fabs", of, y), math.inf)
    return a.select(finite, a("add", y, lost), y)


def tanh(lanes: Any, of: Any, x: str) -> str:
    """1 - 2 / (exp(2 |x|) + 1) with x's sign; for small x the fraction x / (1 + x^2 / (3 + x^2 / (5 + ...)))."""
    a = _Arithmetic(lanes, of)
    size = lanes.intrinsic("fabs", of, x)
    large = a("subtract", 1, a("divide", 2, a("add", exp(lanes, of, a("add", size, size)), 1)))
    z = a("multiply", x, x)
    above: Any = 1.0
    below: Any = float(11 if of.itemsize == 4 else 19)
    for k in range(int(below) - 2, 0, -2):  # k + z / (below / above), as one fraction
        above, below = below, a.fma(z, above, a("multiply", float(k), below))
    small = a("multiply", x, a("divide", above, below))
    signed = lanes.intrinsic("copysign", of, large, x)
    return a.select(a.compare("less", size, 0.625), small, signed)


def erf(lanes: Any, of: Any, x: str) -> str:
    """|x| P(x^2) / Q(x^2) for small x, 1 - exp(-x^2) R(|x|) / S(|x|) for others up to 6, with x's sign."""
    a = _Arithmetic(lanes, of)
    size = lanes.intrinsic("fabs", of, x)
    size = a.select(a.compare("greater", size, 6), 6, size)
    z = a("multiply", size, size)
    near = a("multiply", size, a("divide", a.polynomial(z, BELOW[0]), a.polynomial(z, BELOW[1])))
    share = a("divide", a.polynomial(size, BETWEEN[0]), a.polynomial(size, BETWEEN[1]))
    far = a("subtract", 1, a("multiply", exp(lanes, of, a("subtract", 0, z)), share))
    return lanes.intrinsic("copysign", of, a.select(a.compare("less", size, 0.46875), near, far), x)
