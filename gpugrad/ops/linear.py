"""The linear layer y = x w^T + b, in one matrix product forward and one for each gradient."""

import functools
import math
import operator
from typing import Any

from ..core.batch import batch_size
from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ShapeError
from .batching import all_ranked
from .product import product


@primitive(family="linear", saves={"x": "w", "w": "x", "b": ""}, widen=True, cuda="linear.linear")
def linear_(xp: Any, x: Any, w: Any, b: Any = None) -> Any:
    """x w^T + b over the last axis of x; b may be None."""
    n_out, _ = w.shape
    if b is not None and b.shape != (n_out,):
        _explain(x, w, b)
    lead = x.shape[:-1]
    y = product(xp, x if len(lead) == 1 else x.reshape(math.prod(lead), x.shape[-1]), w.T)
    if b is not None:
        y = xp.add(y, b, y) if b.dtype is y.dtype or b.dtype == y.dtype else y + b
    return y if len(lead) == 1 else y.reshape(*lead, n_out)


linear_.vjp(
    lambda F, g, y, x, w, b: F.linear(g, F.transpose(w, axes=(1, 0)), None),
    lambda F, g, y, x, w, b: F.outer_sum(g, x),
    lambda F, g, y, x, w, b: g,  # the engine sums the leading axes
)


@linear_.jvp
def _(F, tx, tw, tb, y, x, w, b):
    t = None if tx is None else F.linear(tx, w, tb)
    if tw is not None:
        through_w = F.linear(x, tw, tb if t is None else None)
        t = through_w if t is None else t + through_w
    return tb if t is None else t


@linear_.batch
def _(F, batched, x, w, b):
    x_batched, w_batched, b_batched = batched
    if not w_batched and not b_batched:
        return F.linear(x, w, b)
    if w_batched:
        rows = F.reshape(x, shape=(*x.shape[:x_batched], math.prod(x.shape[x_batched:-1]), x.shape[-1]))
        y = F.matmul(rows, F.transpose(w, axes=(0, 2, 1)))
        y = F.reshape(y, shape=(w.shape[0], *x.shape[x_batched:-1], w.shape[1]))
    else:
        y = F.linear(x, w, None)
        y = y if x_batched else F.reshape(y, shape=(1, *y.shape))
    if b is None:
        return y
    return F.add(y, F.reshape(b, shape=(b.shape[0], *(1,) * (len(y.shape) - 2), b.shape[1])) if b_batched else b)


@linear_.check
def _explain(x, w, b):
    x_shape, w_shape = tuple(x.shape), tuple(w.shape)
    if len(w_shape) != 2:
        raise ShapeError(f"linear: w has shape {w_shape}; expected two axes, (n_out, n_in)")
    if not x_shape:
        raise ShapeError(f"linear: x is 0-d; expected shape (..., {w_shape[1]})")
    if x_shape[-1] != w_shape[1]:
        raise ShapeError(
            f"linear: w has shape {w_shape} but x has {x_shape[-1]} features; expected w.shape[1] == {x_shape[-1]}"
        )
    if b is not None and tuple(b.shape) != w_shape[:1]:
        raise ShapeError(f"linear: b has shape {tuple(b.shape)}; expected {w_shape[:1]}, one bias for each row of w")


@primitive(family="linear", jvp="bilinear", saves={"g": "x", "x": "g"}, widen=True, cuda="outer.outer_sum")
def outer_sum(xp: Any, g: Any, x: Any) -> Any:
    """g^T x: the outer products of the last axes, summed over all leading axes, (..., m), (..., n) -> (m, n).

    It is the gradient of a linear layer's weight, as one matrix product.
    """
    if g.ndim != 2:
        g = g.reshape(math.prod(g.shape[:-1]), g.shape[-1])
        x = x.reshape(g.shape[0], x.shape[-1])
    return product(xp, g.T, x)


outer_sum.vjp(
    lambda F, u, y, g, x: F.linear(x, u, None),
    lambda F, u, y, g, x: F.linear(g, F.transpose(u, axes=(1, 0)), None),
)


@outer_sum.batch
def _(F, batched, g, x):
    rows = [
        F.reshape(v, shape=(*v.shape[:mine], math.prod(v.shape[mine:-1]), v.shape[-1]))
        for v, mine in zip((g, x), batched, strict=True)
    ]
    g, x = all_ranked(F, batched, rows)
    return F.matmul(F.transpose(g, axes=(0, 2, 1)), x)


@primitive(family="linear", saves="g x", widen=True, cuda="outer.outer_norm2")
def outer_norm2(xp: Any, g: Any, x: Any) -> Any:
    """||g^T x||^2 for g (..., rows, m), x (..., rows, n) -> (...): of each sample's weight gradient.

    With one row ||g||^2 ||x||^2, else the sum over pairs of rows of (x_r . x_s)(g_r . g_s), or of the squares of the
    product where that is less work.  Source: Goodfellow, Efficient per-example gradient computations, 2015.
    """
    (rows, m), n = g.shape[-2:], x.shape[-1]
    if rows == 1:
        g, x = g[..., 0, :], x[..., 0, :]
        return xp.einsum("...i,...i->...", g, g) * xp.einsum("...i,...i->...", x, x)
    if rows * (m + n) > m * n:
        product = xp.matmul(xp.swapaxes(g, -1, -2), x)
        return (product * product).sum(axis=(-2, -1))
    grams = xp.matmul(x, xp.swapaxes(x, -1, -2)) * xp.matmul(g, xp.swapaxes(g, -1, -2))
    return xp.maximum(grams.sum(axis=(-2, -1)), 0)  # rounding may go below


def _through_gram(F: Any, g: Any, x: Any) -> Any:
    """x x^T g, half the gradient by g."""
    n = len(x.shape)
    return F.matmul(F.matmul(x, F.transpose(x, axes=(*range(n - 2), n - 1, n - 2))), g)


def _per_sample(F: Any, h: Any) -> Any:
    return F.reshape(h + h, shape=(*h.shape, 1, 1))


outer_norm2.vjp(
    lambda F, h, y, g, x: _through_gram(F, g, x) * _per_sample(F, h),
    lambda F, h, y, g, x: _through_gram(F, x, g) * _per_sample(F, h),
)


@outer_norm2.jvp
def _(F, tg, tx, y, g, x):
    axis = len(y.shape), len(y.shape) + 1
    pairs = [t * _through_gram(F, *of) for t, of in ((tg, (g, x)), (tx, (x, g))) if t is not None]
    half = functools.reduce(operator.add, [F.sum(pair, axis=axis, keepdims=False) for pair in pairs])
    return half + half


@outer_norm2.batch
def _(F, batched, g, x):
    n = batch_size(batched, [g, x])
    g, x = (v if mine else F.broadcast_to(v, shape=(n, *v.shape)) for v, mine in zip((g, x), batched, strict=True))
    return F.outer_norm2(g, x)


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """y = x w^T + b over the last axis of x: x (..., n_in), w (n_out, n_in), b (n_out,) or None -> y (..., n_out).

    dtypes promote as NumPy's; float16 and bfloat16 are multiplied and summed in float32 and rounded once.  With the
    cotangent g of y the gradients are dx = g w, dw = g^T x and db = the sum of g, each a single product over all
    leading axes; no Jacobian is built, and an input that is constant has no gradient computed.

    Raises ShapeError where the shapes do not fit.  Source: Murphy, Probabilistic Machine Learning, 13.3.3.3;
    Foundations of Computer Vision, 14.16 to 14.29.

    >>> linear(np.ones((1, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.0]))
    array([[3.5, 7. ]])
    """
    return linear_(as_value(x), as_value(w), b if b is None else as_value(b))


__all__ = ["linear"]
