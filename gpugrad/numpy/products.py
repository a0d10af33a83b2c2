"""Products of arrays, and what is made of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from . import linalg
from .options import no_out
from .table import enter, enter_functions
from .values import stacked

_G = "products"


def _without_out(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    def product(a: Any, b: Any, out: Any = None) -> Any:
        no_out(name, out)
        return f(a, b)

    product.__doc__ = f.__doc__
    return product


def matmul(x1: Any, x2: Any, /) -> Any:
    """The matrix product; leading axes broadcast."""
    return ops.matmul(as_value(x1), as_value(x2))


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The inner products along an axis."""
    return linalg.vecdot(x1, x2, axis=axis)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices (..., m, n) times vectors (..., n)."""
    return ops.squeeze(ops.matmul(as_value(x1), ops.expand_dims(x2, -1)), -1)


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Vectors (..., m) times matrices (..., m, n)."""
    return ops.squeeze(ops.matmul(ops.expand_dims(x1, -2), as_value(x2)), -2)


def einsum(*operands: Any, out: Any = None, dtype: Any = None, optimize: Any = False) -> Any:
    """The sum of products by labels, in every spelling; the order of work is chosen as np.einsum_path says."""
    no_out("einsum", out)
    if dtype is None:
        y = ops.einsum(*operands)
        if y.dtype.kind != "i":
            return y
        kinds = {x.dtype for x in operands if hasattr(x, "dtype")}
        return ops.astype(y, np.result_type(*kinds)) if kinds else y
    start = 1 if isinstance(operands[0], str) else 0
    step = 1 if start else 2
    converted = list(operands)
    for i in range(start, len(operands) - (not start and len(operands) % 2), step):
        converted[i] = ops.astype(operands[i], dtype)
    return ops.einsum(*converted)


def kron(a: Any, b: Any) -> Any:
    """Kronecker's product: each element of a times the whole of b."""
    a, b = as_value(stacked(a)), as_value(stacked(b))
    n = max(a.ndim, b.ndim)
    a, b = (ops.reshape(x, (1,) * (n - x.ndim) + tuple(x.shape)) for x in (a, b))
    pairs = ops.expand_dims(a, [2 * i + 1 for i in range(n)]) * ops.expand_dims(b, [2 * i for i in range(n)])
    return ops.reshape(pairs, [p * q for p, q in zip(a.shape, b.shape, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product of vectors of length 3."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    y = linalg.cross(ops.moveaxis(a, axisa, -1), ops.moveaxis(b, axisb, -1))
    return ops.moveaxis(y, -1, axisc)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution of two rows: full, same (as long as the longer) or valid (without the edges)."""
    a, v = as_value(a), as_value(v)
    if a.ndim > 1 or v.ndim > 1 or not a.size or not v.size:
        raise ShapeError(f"convolve: shapes {tuple(a.shape)} and {tuple(v.shape)}; expected rows that are not empty")
    a, v = ops.ravel(a), ops.ravel(v)
    a, v = (v, a) if v.size > a.size else (a, v)
    n, m = a.size, v.size
    cuts = {"full": (m - 1, 0, n + m - 1), "same": (m - 1, (m - 1) // 2, n), "valid": (0, 0, n - m + 1)}
    if mode not in cuts:
        raise ArgumentError(f"convolve: mode is {mode!r}; expected 'full', 'same' or 'valid'")
    width, first, count = cuts[mode]
    windows = np.arange(first, first + count)[:, None] + np.arange(m)
    return ops.matmul(ops.take(ops.pad(a, width), windows), ops.flip(v))


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The correlation of two rows, sum over n of a[n + k] v[n]; modes as `convolve`."""
    a, v = as_value(a), as_value(v)
    if mode == "same" and v.size > a.size:  # NumPy centres on the longer row from the other side
        return ops.flip(convolve(ops.flip(a), v, mode))
    return convolve(a, ops.flip(v), mode)


def polyval(p: Any, x: Any) -> Any:
    """The polynomial with coefficients p, the highest first, at x, by Horner's rule."""
    p, x = as_value(stacked(p)), as_value(x)
    y = ops.zeros_like(x)
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


for _name in ("dot", "inner", "outer", "vdot"):
    enter(_G, _name, _without_out(_name, getattr(ops, _name)))
enter_functions(_G, matmul, vecdot, matvec, vecmat, ops.tensordot, kron, convolve, correlate, polyval)
enter(_G, "einsum", einsum, "optimize is ignored: always a good order", sequence=True)
enter(_G, "cross", cross, "vectors of length 3")
