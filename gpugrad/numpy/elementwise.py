"""NumPy's elementwise functions: universal functions, and what is made of them."""

from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import is_floating
from ..core.transform import as_value
from .options import no_out
from .table import NONE, enter, enter_constant, enter_functions

_G = "elementwise"


def fabs(x: Any) -> Any:
    """|x| as a floating number, elementwise; the gradient is sign(x), so 0 at 0."""
    return ops.absolute(_floating(x))


def _floating(x: Any) -> Any:
    """x in the floating dtype that NumPy's functions compute it in."""
    x = as_value(x)
    return x if is_floating(x.dtype) else ops.astype(x, np.fabs(np.zeros((), x.dtype)).dtype)


def float_power(a: Any, b: Any) -> Any:
    """a to the power b, elementwise, in float64."""
    return ops.power(ops.astype(a, "float64"), ops.astype(b, "float64"))


def divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """(a // b, a % b), elementwise."""
    return ops.floor_divide(a, b), ops.remainder(a, b)


def modf(x: Any) -> tuple[Any, Any]:
    """(fraction, whole part), elementwise, both with the sign of x; the fraction has x's gradient."""
    x = _floating(x)
    whole = ops.trunc(x)
    fraction = ops.where(ops.isinf(x), 0, x - ops.where(ops.isinf(x), 0, whole))
    return ops.where(fraction == 0, ops.copysign(ops.zeros_like(x), x), fraction), whole


def conjugate(x: Any) -> Any:
    """x itself, elementwise, as all numbers are real here."""
    x = as_value(x)
    return ops.positive(x) if x.dtype.kind != "b" else ops.astype(x, "int8")


def _new(x: Any) -> Any:
    return ops.positive(x) if x.dtype.kind != "b" else ops.logical_or(x, False)


def real(val: Any) -> Any:
    """x itself, as all numbers are real here."""
    return as_value(val)


def imag(val: Any) -> Any:
    """Zeros, as all numbers are real here."""
    return ops.zeros_like(as_value(val))


def angle(z: Any, deg: bool = False) -> Any:
    """0 for z >= 0 and pi (or 180) below, elementwise."""
    z = as_value(z)
    z = ops.astype(z, np.arctan2(0, np.ones((), z.dtype)).dtype)
    return ops.where(ops.isnan(z), z, ops.where(ops.signbit(z), 180.0 if deg else np.pi, ops.zeros_like(z)))


def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """a to so many decimals, halves to the even digit."""
    no_out("round", out)
    a = as_value(a)
    y = ops.round(a, decimals)
    return y if a.dtype.kind == "b" or y.dtype == a.dtype else ops.astype(y, a.dtype)


def fix(x: Any, out: Any = None) -> Any:
    """x without its fraction, elementwise."""
    no_out("fix", out)
    return ops.trunc(as_value(x))


def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """a kept between bounds, elementwise; None is no bound."""
    no_out("clip", out)
    return ops.clip(a, a_min, a_max, min=min, max=max)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with numbers for NaN, inf and -inf (by default 0, the largest and the smallest); those carry no gradient."""
    x = as_value(x)
    if not is_floating(x.dtype):
        return _new(x)
    ends = np.finfo(x.dtype) if posinf is None or neginf is None else None
    x = ops.where(ops.isnan(x), nan, x)
    x = ops.where(x == np.inf, float(ends.max) if posinf is None else posinf, x)  # type: ignore[union-attr]
    return ops.where(x == -np.inf, float(ends.min) if neginf is None else neginf, x)  # type: ignore[union-attr]


def isneginf(x: Any, out: Any = None) -> Any:
    """True where x is -inf, elementwise."""
    no_out("isneginf", out)
    return ops.equal(as_value(x), -np.inf)


def isposinf(x: Any, out: Any = None) -> Any:
    """True where x is inf, elementwise."""
    no_out("isposinf", out)
    return ops.equal(as_value(x), np.inf)


def isreal(x: Any) -> Any:
    """True, elementwise."""
    return ops.equal(ops.zeros_like(as_value(x)), 0)


def iscomplex(x: Any) -> Any:
    """False, elementwise."""
    return ops.logical_not(isreal(x))


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """True where |a - b| <= atol + rtol |b|, elementwise; infinities equal themselves."""
    a, b = as_value(a), as_value(b)
    near = ops.less_equal(ops.absolute(_minus(a, b)), ops.add(ops.multiply(ops.absolute(b), rtol), atol))
    same = ops.logical_or(ops.logical_and(near, ops.isfinite(b)), ops.equal(a, b))
    return ops.logical_or(same, ops.logical_and(ops.isnan(a), ops.isnan(b))) if equal_nan else same


def _minus(a: Any, b: Any) -> Any:
    """a - b, 0 for equal infinities, in floats where NumPy's test would be."""
    same = ops.equal(a, b)
    return ops.subtract(ops.where(same, 0.0, a), ops.where(same, 0.0, b))


_SMOOTH = (
    "add subtract multiply negative positive exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sqrt cbrt square "
    "reciprocal sin cos tan sinh cosh tanh arcsinh arctan arctan2 hypot copysign fmod fmax fmin deg2rad rad2deg ldexp "
    "frexp sinc maximum minimum"
)
_CONSTANT = (
    "sign floor ceil trunc rint equal not_equal less less_equal greater greater_equal logical_and logical_or "
    "logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert isnan isinf isfinite floor_divide signbit "
    "heaviside nextafter spacing"
)
_OTHER_NAMES: list[tuple[str, Any, str]] = [
    ("divide true_divide", ops.divide, ""),
    ("remainder mod", ops.remainder, ""),
    ("power pow", ops.power, ""),
    ("absolute abs", ops.absolute, "gradient 0 at 0"),
    ("asinh", ops.arcsinh, ""),
    ("atan", ops.arctan, ""),
    ("atan2", ops.arctan2, ""),
    ("radians", ops.deg2rad, ""),
    ("degrees", ops.rad2deg, ""),
    ("conj conjugate", conjugate, ""),
    ("arcsin asin", ops.arcsin, "infinite slope at -1 and 1"),
    ("arccos acos", ops.arccos, "infinite slope at -1 and 1"),
    ("arccosh acosh", ops.arccosh, "infinite slope at 1"),
    ("arctanh atanh", ops.arctanh, "infinite slope at -1 and 1"),
    ("divmod", divmod, "the quotient carries no gradient"),
    ("modf", modf, "the whole part carries no gradient"),
    ("nan_to_num", nan_to_num, "copy is ignored: the result is new; gradient 0 where a number was put in"),
    ("clip", clip, "gradient 1 at the bounds"),
]

for _name in _SMOOTH.split():
    enter(_G, _name, getattr(ops, _name))
for _names, _op, _limits in _OTHER_NAMES:
    enter(_G, _names, _op, _limits)
enter_functions(_G, fabs, float_power, real)
for _name in _CONSTANT.split():
    enter_constant(_G, _name, getattr(ops, _name))
enter_constant(_G, "bitwise_not bitwise_invert", ops.invert)
enter_constant(_G, "round around", round)
enter_functions(_G, fix, imag, angle, isneginf, isposinf, isreal, iscomplex, isclose, modes=NONE)
