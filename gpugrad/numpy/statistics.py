"""Means with weights, covariance and correlation."""

from typing import Any

from .. import ops
from ..core.transform import as_value
from ..errors import ShapeError
from .reductions import floated
from .table import enter, enter_functions

_G = "reductions"


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean with weights: sum(w a) / sum(w).  Weights of one axis go along it."""
    a = floated(a)
    if weights is None:
        y = ops.mean(a, axis, keepdims=keepdims)
        total: Any = ops.full_like(y, a.size / (y.size or 1))
    else:
        w = _along(a, axis, as_value(weights))
        products = a * w
        total = ops.astype(ops.sum(w, axis, keepdims=keepdims), products.dtype)
        y = ops.sum(products, axis, keepdims=keepdims) / total
    return (y, ops.broadcast_to(total, y.shape)) if returned else y


def _along(a: Any, axis: Any, w: Any) -> Any:
    if tuple(w.shape) == tuple(a.shape):
        return w
    if not isinstance(axis, int) or w.ndim != 1 or w.shape[0] != a.shape[axis]:
        raise ShapeError(
            f"average: weights have shape {tuple(w.shape)} for a of shape {tuple(a.shape)} and axis {axis}; expected "
            "a's shape, or one weight for each place along one axis"
        )
    shape = [1] * a.ndim
    shape[axis] = w.shape[0]
    return ops.broadcast_to(ops.reshape(w, shape), a.shape)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Any:
    """The covariance matrix of the variables in the rows of m (and y), or in the columns without rowvar."""
    x = _rows(m, rowvar)
    x = x if y is None else ops.concatenate([x, _rows(y, rowvar)])
    free = x.shape[1] - (ddof if ddof is not None else 0 if bias else 1)
    d = x - ops.mean(x, 1, keepdims=True)
    return ops.reshape(c := ops.matmul(d, ops.transpose(d)) / free, () if c.size == 1 else c.shape)


def _rows(m: Any, rowvar: bool) -> Any:
    m = ops.astype(m, "float64")
    m = ops.reshape(m, (1, m.size)) if m.ndim < 2 else m
    return m if rowvar or m.shape[0] == 1 else ops.transpose(m)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """The matrix of Pearson's correlation coefficients of the variables, as in `cov`."""
    c = cov(x, y, rowvar)
    if not c.ndim:
        return c / c
    s = ops.sqrt(ops.diagonal(c))
    return ops.clip(c / ops.expand_dims(s, 1) / s, -1, 1)


enter_functions(_G, average)
enter(_G, "cov", cov, "no fweights, aweights, dtype")
enter(_G, "corrcoef", corrcoef, "no dtype")
