"""Matrix products, and the other products of two arrays.

The adjoints g b^T and a^T g are products of the same kind.  Where one side has no batch axes, the batch of the other is
folded into its rows, forward and backward: one deep product in place of many small ones and a sum.
"""

import math
from collections.abc import Iterable
from typing import Any, NoReturn, cast

import numpy as np

from ..core.batch import batch_size
from ..core.namespace import RAW
from ..core.primitive import primitive
from ..core.record import Ghost
from ..core.tensor import Tensor, methods
from ..core.transform import as_value
from ..errors import ShapeError
from .arithmetic import multiply
from .axes import as_int, normal_axes
from .einsum import einsum
from .product import product
from .shape import ravel, reshape_, transpose


@primitive(
    family="matmul",
    jvp="bilinear",
    saves={"a": "b a.shape", "b": "a b.shape"},
    widen=True,
    cuda="batched_matmul_vjp.matmul",
)
def matmul(xp: Any, a: Any, b: Any) -> Any:
    """The matrix product a b: a (..., m, k), b (..., k, n) -> (..., m, n), leading axes broadcast.

    A 1-D a counts as a row and a 1-D b as a column, and that axis is left out of the result.  dtypes promote as
    NumPy's; float16 and bfloat16 are multiplied and summed in float32 and rounded once.  Raises ShapeError where k
    differs, the leading axes do not broadcast, or an argument is 0-d.
    Source of the gradients: Murphy, Probabilistic Machine Learning, 13.3.3.3.
    """
    if a.ndim > 2:
        if b.ndim == 2:
            return xp.matmul(_rows(a), b).reshape(a.shape[:-1] + b.shape[1:])
        if b.ndim > 2 and a.shape[-1] == b.shape[-2] == 1:
            # outer products: a fifth of the time of many products of matrices, and less than a * b with its short rows
            return np.einsum("...i,...j->...ij", a[..., 0], b[..., 0, :]) if xp is np else a * b
    return product(xp, a, b) if a.ndim == b.ndim == 2 else xp.matmul(a, b)


def _rows(x: Any) -> Any:
    """(..., n) as one matrix."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


@matmul.check
def _(a, b):
    a_shape, b_shape = (tuple(getattr(x, "shape", ())) for x in (a, b))
    if not a_shape or not b_shape:
        name = "b" if a_shape else "a"
        raise ShapeError(f"matmul: {name} is a single number; expected at least one axis (scale with * instead)")
    axis = -2 if len(b_shape) > 1 else -1
    if a_shape[-1] != b_shape[axis]:
        raise ShapeError(
            f"matmul: a has shape {a_shape} but b has shape {b_shape}; expected a.shape[-1] == b.shape[{axis}], got "
            f"{a_shape[-1]} and {b_shape[axis]}"
        )
    raise ShapeError(
        f"matmul: a has shape {a_shape} but b has shape {b_shape}; expected leading axes {a_shape[:-2]} and "
        f"{b_shape[:-2]} to be equal or 1, counted from the last"
    )


def _t(F: Any, x: Any) -> Any:
    """The last two axes exchanged."""
    n = x.ndim
    return F.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _flat(F: Any, x: Any) -> Any:
    """(..., n) as one matrix, differentiably."""
    return F.reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _wide(F: Any, x: Any) -> Any:
    """(..., m, n) as one matrix (m, ... n): the batch folded into the columns."""
    n = x.ndim
    y = F.transpose(x, axes=(n - 2, *range(n - 2), n - 1))
    return F.reshape(y, shape=(y.shape[0], math.prod(y.shape[1:])))


def _grad_a(F: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return F.reshape(g, shape=(*g.shape, 1)) * b if g.ndim else g * b
    if a.ndim == 1:
        if b.ndim == 2:
            return F.matmul(b, g)
        columns = F.matmul(b, F.reshape(g, shape=(*g.shape, 1)))
        return F.reshape(F.sum_to(columns, shape=(a.shape[0], 1)), shape=a.shape)
    if a.ndim == 2 and b.ndim > 2:
        return F.matmul(_wide(F, g), _t(F, _wide(F, b)))
    return F.matmul(g, _t(F, b))


def _grad_b(F: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        if b.ndim == 1:
            return g * a
        return F.reshape(a, shape=(a.shape[0], 1)) * F.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    if b.ndim == 1:
        return F.matmul(F.reshape(g, shape=(math.prod(g.shape),)), _flat(F, a))
    if b.ndim == 2 and a.ndim > 2:
        return F.matmul(_t(F, _flat(F, a)), _flat(F, g))
    return F.matmul(_t(F, a), g)


@matmul.vjp_all
def _(F, g, y, a, b):
    if type(a) is Ghost:  # only the gradient of b needs a
        return _grad_a(F, g, y, a, b), None
    if type(b) is Ghost:
        return None, _grad_b(F, g, y, a, b)
    if a.ndim > 1 and b.ndim > 1:
        return F.matmul_vjp(g, a, b)
    return _grad_a(F, g, y, a, b), _grad_b(F, g, y, a, b)


@matmul.batch
def _(F, batched, a, b):
    (a_batched, b_batched), a_rank, b_rank = batched, len(a.shape) - batched[0], len(b.shape) - batched[1]
    if not b_batched and b_rank <= 2:
        return F.matmul(a, b)
    if not a_batched and (a_rank, b_rank) == (2, 1):
        return F.linear(b, a, None)  # many vectors: one product of two matrices
    rank = max(a_rank, b_rank, 2)

    def matrices(x: Any, mine: bool, own: int, vector_axis: int) -> Any:
        lead, core = tuple(x.shape[:mine]), tuple(x.shape[mine:])
        core = core if own > 1 else (1, *core) if vector_axis == -2 else (*core, 1)
        return F.reshape(x, shape=(*lead, *(1,) * ((rank - len(core)) if mine else 0), *core))

    y = F.matmul(matrices(a, a_batched, a_rank, -2), matrices(b, b_batched, b_rank, -1))
    single = [len(y.shape) + axis for axis, own in ((-2, a_rank), (-1, b_rank)) if own == 1]
    return F.squeeze(y, axis=tuple(single)) if single else y


@primitive(family="matmul", saves="g a b", widen=True, several=True, cuda="batched_matmul_vjp.matmul_vjp")
def matmul_vjp(xp: Any, g: Any, a: Any, b: Any) -> Any:
    """(da, db) = (g b^T, a^T g), summed to the shapes of a (..., m, k) and b (..., k, n): a product's gradients."""
    if a.ndim == b.ndim == 2:
        return product(xp, g, b.T), product(xp, a.T, g)
    if a.shape[:-2] == b.shape[:-2]:
        return xp.matmul(g, b.swapaxes(-1, -2)), xp.matmul(a.swapaxes(-1, -2), g)
    F = RAW[type(g)]
    return _summed(F, _grad_a(F, g, None, a, b), a.shape), _summed(F, _grad_b(F, g, None, a, b), b.shape)


def _summed(F: Any, y: Any, shape: tuple[int, ...]) -> Any:
    return y if y.shape == shape else F.sum_to(y, shape=shape)


@matmul_vjp.vjp_all
def _(F, h, y, g, a, b):
    h_a, h_b = h
    c, c_b = (None, None) if h_a is None else (F.matmul(h_a, b), F.matmul(_t(F, h_a), g))
    if h_b is None:
        return c, None, c_b
    return _plus(c, F.matmul(a, h_b)), F.matmul(g, _t(F, h_b)), c_b


def _plus(x: Any, y: Any) -> Any:
    return y if x is None else x if y is None else x + y


@matmul_vjp.jvp
def _(F, tg, ta, tb, y, g, a, b):
    t_da, t_db = (None, None) if tg is None else F.matmul_vjp(tg, a, b)
    t_da = t_da if tb is None else _plus(t_da, _summed(F, F.matmul(g, _t(F, tb)), a.shape))
    return t_da, t_db if ta is None else _plus(t_db, _summed(F, F.matmul(_t(F, ta), g), b.shape))


@matmul_vjp.batch
def _(F, batched, g, a, b):
    of_g, of_a, of_b = batched
    if of_g and of_a and of_b and len(g.shape) == len(a.shape) == len(b.shape):
        return F.matmul_vjp(g, a, b)
    n, product = batch_size(batched, [g, a, b]), cast(Any, matmul.primitive.batch_rule)

    def side(p: Any, q: Any, flags: tuple[bool, bool], shape: tuple[int, ...]) -> Any:
        y = product(F, flags, p, q) if any(flags) else F.matmul(p, q)
        y = y if any(flags) else F.broadcast_to(y, shape=(n, *y.shape))
        return F.reshape(F.sum_to(y, shape=(n, *(1,) * (len(y.shape) - 1 - len(shape)), *shape)), shape=(n, *shape))

    return side(g, _t(F, b), (of_g, of_b), a.shape[of_a:]), side(_t(F, a), g, (of_a, of_g), b.shape[of_b:])


def outer(a: Any, b: Any) -> Any:
    """a_i b_j for every pair of elements: a of m and b of n elements -> (m, n); both are taken as one row."""
    a, b = ravel(a), ravel(b)
    return multiply(reshape_(a, shape=(a.shape[0], 1)), b)


def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: the inner product of 1-D, the matrix product of 2-D, a plain product with a number.

    In general the sum over a's last and b's second-last axis: (..., k), (..., k, n) -> (..., ..., n).
    """
    a, b = as_value(a), as_value(b)
    if not a.ndim or not b.ndim:
        return multiply(a, b)
    if b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


def inner(a: Any, b: Any) -> Any:
    """The sum over the last axes of both: (..., k), (..., k) -> (..., ...); a plain product with a number."""
    a, b = as_value(a), as_value(b)
    return tensordot(a, b, (-1, -1)) if a.ndim and b.ndim else multiply(a, b)


def vdot(a: Any, b: Any) -> Any:
    """The inner product of all elements, a number.  Raises ShapeError where the sizes differ."""
    return matmul(ravel(a), ravel(b))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over the last `axes` axes of a with the first of b, or over pairs: axes = (of a, of b).

    The other axes of a, then of b, make the result.  Raises ShapeError where paired axes differ in length.
    """
    a, b = as_value(a), as_value(b)
    if isinstance(axes, Iterable):
        over_a, over_b = (normal_axes("tensordot", i, x.ndim) for i, x in zip(axes, (a, b), strict=True))
    else:
        n = as_int("tensordot", "axes", axes)
        if not 0 <= n <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: axes is {n}; expected 0 to {min(a.ndim, b.ndim)}, the axes that both have")
        over_a, over_b = tuple(range(a.ndim - n, a.ndim)), tuple(range(n))
    if len(over_a) != len(over_b) or any(a.shape[i] != b.shape[j] for i, j in zip(over_a, over_b, strict=True)):
        _refuse_axes(a, b, over_a, over_b)
    labels_a, labels_b = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    for i, j in zip(over_a, over_b, strict=True):
        labels_b[j] = i
    kept = [i for i in labels_a if i not in over_a] + [i for i in labels_b if i >= a.ndim]
    return einsum(a, labels_a, b, labels_b, kept)


def _refuse_axes(a: Any, b: Any, over_a: tuple[int, ...], over_b: tuple[int, ...]) -> NoReturn:
    raise ShapeError(
        f"tensordot: axes {over_a} of shape {tuple(a.shape)} and {over_b} of shape {tuple(b.shape)} do not pair; "
        "expected as many, of equal lengths"
    )


def _rmatmul(b: Tensor, a: Any) -> Any:
    return matmul(a, b)


def _matrix_transpose(x: Tensor) -> Any:
    """x with its last two axes exchanged."""
    if x.ndim < 2:
        raise ShapeError(f"mT: the tensor has shape {tuple(x.shape)}; expected at least two axes")
    return transpose(x, *range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


methods(matmul, dot, __matmul__=matmul, __rmatmul__=_rmatmul, mT=property(_matrix_transpose))

__all__ = ["dot", "inner", "matmul", "outer", "tensordot", "vdot"]
