"""erf and erfc by rational functions, in NumPy alone.

float64 is right to a few units in the last place, float32 erf to 8 and erfc to one.
Sources: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), coefficients as
in his CALERF (netlib, specfun); for float32 the rational function of Eigen and XLA.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .select import either

_SMALL = 256  # up to here one Python call an element is quicker than forty array operations
_BLOCK = 8192  # elements at a time, so that forty operations find them in the cache

# Highest power first.  Below: erf(x) = x P(x^2) / Q(x^2) for |x| <= 0.46875.
BELOW = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
# Between: erfc(x) = exp(-x^2) P(x) / Q(x) for 0.46875 <= x <= 4; good enough above for erf, which is nearly 1 there.
BETWEEN = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
# Above: erfc(x) = exp(-x^2) / x (1 / sqrt(pi) - z P(z) / Q(z)), z = 1 / x^2, for x >= 4.
_ABOVE = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242,
        1.87295284992346047,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
# For float32, |x| <= 4: erf(x) = x P(x^2) / Q(x^2).
_SINGLE = (
    (
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    ),
    (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02),
)


def erf(x: Any) -> Any:
    """erf of a float32 or float64 array or scalar."""
    return _elementwise(math.erf, _erf_single if x.dtype == np.float32 else _erf_double, x)


def erfc(x: Any) -> Any:
    """1 - erf(x) of a float32 or float64 array or scalar, with small relative error in the tail."""
    return _elementwise(math.erfc, _erfc_double, x)


def _elementwise(one: Callable[[float], float], block: Callable[[Any], Any], x: Any) -> Any:
    flat = x.ravel()
    if x.size <= _SMALL:
        return np.array([one(v) for v in flat.tolist()], dtype=x.dtype).reshape(x.shape)
    y = np.empty_like(flat)
    for i in range(0, flat.size, _BLOCK):
        y[i : i + _BLOCK] = block(flat[i : i + _BLOCK])
    return y.reshape(x.shape)


def _polynomial(coefficients: Sequence[float], z: Any) -> Any:
    first, second, *rest = coefficients
    y = z * first + second
    for c in rest:
        y *= z
        y += c
    return y


def _ratio(pair: tuple[Sequence[float], Sequence[float]], z: Any) -> Any:
    return _polynomial(pair[0], z) / _polynomial(pair[1], z)


def _erf_single(x: Any) -> Any:
    x = np.clip(x, -4, 4)
    return np.clip(x * _ratio(_SINGLE, x * x), -1, 1)


def _erf_double(x: Any) -> Any:
    a = np.minimum(np.abs(x), 6)
    z = a * a
    near = a * _ratio(BELOW, np.minimum(z, 0.25))
    far = 1 - np.exp(-z) * _ratio(BETWEEN, a)
    return np.copysign(either(np, a < 0.46875, near, far), x)


def _erfc_double(x: Any) -> Any:
    x = np.clip(x.astype(np.float64), -28, 28)  # erfc(28) is 0
    a = np.abs(x)
    near = 1 - x * _ratio(BELOW, np.minimum(x * x, 0.25))
    high = np.trunc(a * 16) / 16  # exp(-a^2) in two factors, the first of an exact square
    decay = np.exp(-high * high) * np.exp((high - a) * (high + a))
    big = np.maximum(a, 4)
    z = 1 / (big * big)
    tail = decay * either(np, a < 4, _ratio(BETWEEN, np.minimum(a, 4)), (_SQRT - z * _ratio(_ABOVE, z)) / big)
    return either(np, a < 0.46875, near, either(np, x < 0, 2 - tail, tail))


_SQRT = 1 / math.sqrt(math.pi)
