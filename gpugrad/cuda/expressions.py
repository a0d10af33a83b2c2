"""NumPy's elementwise functions, and the primitives of elementwise.cu, as C++ expressions for generated kernels.

Floats of 2 bytes are computed in float and rounded after each function, as NumPy rounds after each call; the primitives
of elementwise.cu are the very functions of kernels/activations.cuh.
"""

import math
from typing import Any

import numpy as np

from .activations import activation
from .kernel import type_name

_INTEGERS = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "uint16": "unsigned short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
}
_COMPARED = {
    "greater": "a > b",
    "greater_equal": "a >= b",
    "less": "a < b",
    "less_equal": "a <= b",
    "equal": "a == b",
    "not_equal": "a != b",
    "logical_and": "a != 0 && b != 0",
    "logical_or": "a != 0 || b != 0",
    "logical_xor": "(a != 0) != (b != 0)",
    "logical_not": "a == 0",
}
_CHOSEN = {  # the same for floats and integers; NaN goes through, as a != a
    "positive": "a",
    "maximum": "a > b || a != a ? a : b",
    "minimum": "a < b || a != a ? a : b",
    "sign": "a != a ? a : A((a > A(0)) - (a < A(0)))",
}
_OF_INTEGERS = {
    "add": "U(a) + U(b)",
    "subtract": "U(a) - U(b)",
    "multiply": "U(a) * U(b)",
    "square": "U(a) * U(a)",
    "negative": "U(0) - U(a)",
    "absolute": "a < A(0) ? U(0) - U(a) : U(a)",
    "bitwise_and": "a & b",
    "bitwise_or": "a | b",
    "bitwise_xor": "a ^ b",
    "invert": "~a",
}
_OF_BOOLS = {
    "add": "a || b",
    "multiply": "a && b",
    "bitwise_and": "a && b",
    "bitwise_or": "a || b",
    "bitwise_xor": "a != b",
    "invert": "!a",
}
_OF_FLOATS = {
    "add": "a + b",
    "subtract": "a - b",
    "multiply": "a * b",
    "divide": "a / b",
    "true_divide": "a / b",
    "negative": "-a",
    "square": "a * a",
    "reciprocal": "A(1) / a",
    "absolute": "abs_of(a)",
    "isnan": "a != a",
    "isfinite": "abs_of(a) <= Range<A>::largest()",
    "isinf": "abs_of(a) > Range<A>::largest()",
    **{name: f"{name}_of(a)" for name in ("exp", "expm1", "log", "log1p", "tanh", "sqrt")},
    "sigmoid_cross_entropy": "(a > A(0) ? a : A(0)) - a * b + log1p_of(exp_of(-abs_of(a)))",
    "sigmoid_cross_entropy_grad": "a * (logistic(b) - c)",
}
_LIBRARY = {  # of C's library: the name with an f is for float
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "log2", "log10", "exp2", "floor", "ceil", "trunc")},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"rint": "rint", "cbrt": "cbrt", "hypot": "hypot", "arctan2": "atan2", "power": "pow", "copysign": "copysign"},
}
_GIVES_BOOL = {*_COMPARED, "isnan", "isfinite", "isinf"}
_ACTIVATIONS = frozenset(
    ("relu", "leaky_relu", "elu", "hardtanh", "sigmoid", "tanh", "softplus", "log_sigmoid", "gelu", "silu", "mish")
)


def c_name(dtype: Any) -> str | None:
    """The C++ type that holds a dtype, None where there is none."""
    dtype = np.dtype(dtype)
    return type_name(dtype) or _INTEGERS.get(dtype.name)


def is_float(dtype: Any) -> bool:
    """True for the four floating dtypes of the kernels."""
    return type_name(dtype) is not None


def arithmetic(dtype: Any) -> str:
    """The C++ type in which it is computed."""
    dtype = np.dtype(dtype)
    if not is_float(dtype):
        return _INTEGERS[dtype.name]
    return "double" if dtype == np.float64 else "float"


def number(x: Any, dtype: Any) -> str:
    """A number as an expression of the dtype's arithmetic, rounded to the dtype."""
    value = np.asarray(x).astype(dtype)[()]
    if not is_float(dtype):
        n = int(value)
        return (
            f"({arithmetic(dtype)})({n}{'ull' if n >= 0 else 'll'})" if n > -(2**63) else "(-9223372036854775807ll - 1)"
        )
    real, kind = float(value), arithmetic(dtype)
    if math.isnan(real):
        return f"not_a_number<{kind}>()"
    if math.isinf(real):
        return f"({'-' if real < 0 else ''}infinite<{kind}>())"
    return f"{kind}({real!r})" if real >= 0 and not math.copysign(1.0, real) < 0 else f"(-{kind}({-real!r}))"


def expression(name: str, loop: Any, out: Any, params: tuple[tuple[str, Any], ...] = ()) -> str | None:
    """The function of a, b, c, all of dtype `loop`, in A = its arithmetic, U = A or for integers unsigned; or None.

    "where" and "astype" are written by the caller.
    """
    if c_name(loop) is None or np.dtype(out) != (np.bool_ if name in _GIVES_BOOL else loop):
        return None
    if name in _COMPARED or name in _CHOSEN:
        return _COMPARED.get(name) or _CHOSEN[name]
    if not is_float(loop):
        return (_OF_BOOLS if np.dtype(loop) == np.bool_ else _OF_INTEGERS).get(name)
    if name in _LIBRARY:
        function = _LIBRARY[name] + ("f" if arithmetic(loop) == "float" else "")
        return f"{function}({'a, b' if name in ('hypot', 'arctan2', 'power', 'copysign') else 'a'})"
    return _OF_FLOATS.get(name) or _activation(name, loop, params)


def _activation(name: str, dtype: Any, params: tuple[tuple[str, Any], ...]) -> str | None:
    base = name.removesuffix("_grad")
    if base not in _ACTIVATIONS:
        return None
    act: Any = activation(base, **dict(params))
    wide = np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)
    p, q = (number(v, dtype if act.struct == "Hardtanh" else wide) for v in (act.p, act.q))
    return f"{act.struct}::pull(a, b, {p}, {q})" if base != name else f"{act.struct}::value(a, {p}, {q})"
