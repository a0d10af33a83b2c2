"""Matrices by their diagonals and triangles, and grids."""

from typing import Any

import numpy as np

from .. import ops
from ..backend import array_device
from ..core.namespace import OPS
from ..core.tensor import raw
from ..core.transform import as_value
from ..errors import ShapeError
from .options import no_out
from .shapes import broadcast_arrays
from .table import enter_functions

_G = "shapes"


def _triangle(m: Any, k: int, lower: bool) -> Any:
    m = as_value(m)
    m = ops.broadcast_to(m, (m.shape[0], m.shape[0])) if m.ndim == 1 else m
    xp = array_device(raw(m)).xp
    mask = xp.tri(*m.shape[-2:], k=k if lower else k - 1, dtype=bool)
    return ops.where(mask if lower else ~mask, m, ops.zeros_like(m))


def tril(m: Any, k: int = 0) -> Any:
    """Zeros above diagonal k of the last two axes."""
    return _triangle(m, k, lower=True)


def triu(m: Any, k: int = 0) -> Any:
    """Zeros below diagonal k of the last two axes."""
    return _triangle(m, k, lower=False)


def diag(v: Any, k: int = 0) -> Any:
    """The matrix with a row on its diagonal k, or the diagonal k of a matrix."""
    v = as_value(v)
    if v.ndim != 1:
        if v.ndim != 2:
            raise ShapeError(f"diag: the array has shape {tuple(v.shape)}; expected one axis or two")
        return ops.diagonal(v, k)
    n = v.shape[0]
    square = OPS.embed_diagonal(v, axis1=0, axis2=1, shape=(n, n))
    widths = ((0, k), (k, 0)) if k > 0 else ((-k, 0), (0, -k))
    return ops.pad(square, widths) if k else square


def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with all elements, as one row, on its diagonal k."""
    return diag(ops.ravel(v), k)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of a diagonal."""
    no_out("trace", out)
    a = as_value(a) if dtype is None else ops.astype(a, dtype)
    return ops.sum(ops.diagonal(a, offset, axis1, axis2), -1)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of a row, as columns, from the highest or, if increasing, from 0."""
    x = as_value(x)
    x = ops.astype(x, np.promote_types(x.dtype, int))
    n = x.shape[0] if N is None else N
    powers = [ops.ones_like(x)]
    for _ in range(n - 1):
        powers.append(ops.multiply(powers[-1], x))
    columns = powers[:n] if increasing else powers[:n][::-1]
    return ops.stack(columns, 1) if columns else OPS.new_zeros(x, shape=(x.shape[0], 0))


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Grids of coordinates from rows: x along axis 1 and y along axis 0, or in order with indexing="ij"."""
    rows = [ops.ravel(x) for x in xi]
    n = len(rows)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = [ops.reshape(x, [x.size if i == at else 1 for i in range(n)]) for x, at in zip(rows, places, strict=True)]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


enter_functions(_G, tril, triu, diag, diagflat, trace, vander, meshgrid)
