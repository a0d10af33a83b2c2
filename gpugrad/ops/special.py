"""Special functions, elementwise: x (...) -> (...); integers become float64.

2-byte floats are computed in float32 and rounded once.
"""

import math
from typing import Any

import numpy as np

from ..core.primitive import elementwise
from ..core.tensor import methods
from . import erf_rational

_SLOPE = 2 / math.sqrt(math.pi)


@elementwise(saves="x", widen=True)
def erf(xp: Any, x: Any) -> Any:
    """The error function 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise."""
    return _call(xp, "erf", x)


@erf.vjp
def _(F, g, y, x):
    return F.exp(-(x * x)) * g * _SLOPE


@elementwise(saves="x", widen=True)
def erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x), elementwise, without cancellation for large x."""
    return _call(xp, "erfc", x)


@erfc.vjp
def _(F, g, y, x):
    return F.exp(-(x * x)) * g * -_SLOPE


def erf_array(xp: Any, x: Any) -> Any:
    """erf of a raw array, for the forwards that need it."""
    return _call(xp, "erf", x)


def _call(xp: Any, name: str, x: Any) -> Any:
    x = x if getattr(x, "dtype", np.dtype(int)).kind == "f" else xp.asarray(x, dtype=np.float64)
    if xp is np:
        own = None if isinstance(x, np.ndarray | np.generic) else getattr(x, "special", None)
        return own(name) if own else getattr(erf_rational, name)(x)
    from cupyx.scipy import special

    return getattr(special, name)(x)


methods(erf=erf)

__all__ = ["erf", "erfc"]
