"""Powers and chains of matrices, tensor equations, and the cross product, made of matmul, solve and inv."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError, ShapeError
from .arithmetic import positive
from .axes import as_int, normal_axis
from .axis_moves import moveaxis
from .linalg_errors import require_matrix
from .linalg_parts import batches_in_pairs, batches_itself
from .linalg_solve import inv, solve
from .matmul import dot, matmul
from .shape import ravel, reshape, reshape_, transpose_


@primitive(differentiable=False)
def identity_like(xp: Any, x: Any) -> Any:
    """Identity matrices of x's shape and dtype."""
    return xp.broadcast_to(xp.eye(x.shape[-1], dtype=x.dtype), x.shape).copy()


batches_itself(identity_like)


def matrix_power(a: Any, n: int) -> Any:
    """The product of n square matrices a (..., m, m); the identity for n = 0, powers of the inverse for n < 0.

    By repeated squaring.  dtypes as `matmul`, and as `inv` for n < 0.  Raises ArgumentTypeError where n is no integer,
    ShapeError for what is no square matrix, LinAlgError for a singular one and n < 0.
    """
    a, n = as_value(a), as_int("matrix_power", "n", n)
    require_matrix("matrix_power", a, square=True)
    if n == 0:
        return identity_like(a)
    z, n = (inv(a), -n) if n < 0 else (a, n)
    result = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = z if result is None else matmul(result, z)
        if not n:
            return positive(a) if result is a else result
        z = matmul(z, z)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two or more matrices, in the order that costs least; the first and the last may be vectors.

    Raises ShapeError where the shapes do not chain, ArgumentError for fewer than two.
    Source: Cormen et al., Introduction to Algorithms, 15.2.
    """
    xs = [as_value(x) for x in arrays]
    if len(xs) < 2:
        raise ArgumentError(f"multi_dot: got {len(xs)} arrays; expected at least two")
    if len(xs) == 2:
        return dot(*xs)
    first, last = xs[0].ndim, xs[-1].ndim
    xs[0] = reshape(xs[0], 1, -1) if first == 1 else xs[0]
    xs[-1] = reshape(xs[-1], -1, 1) if last == 1 else xs[-1]
    if any(x.ndim != 2 for x in xs) or any(a.shape[1] != b.shape[0] for a, b in itertools.pairwise(xs)):
        raise ShapeError(
            f"multi_dot: shapes {', '.join(str(tuple(x.shape)) for x in xs)} do not chain; expected matrices with as "
            "many columns as the next has rows (the first and the last may be vectors)"
        )
    y = _in_order(xs, _splits([x.shape[0] for x in xs] + [xs[-1].shape[1]]), 0, len(xs) - 1)
    kept = (() if first == 1 else y.shape[:1]) + (() if last == 1 else y.shape[1:])
    return reshape_(y, shape=kept) if len(kept) < 2 else y


def _splits(p: list[int]) -> dict[tuple[int, int], int]:
    """For each run i to j of matrices of shape (p[i], p[i + 1]), after which one to cut it for the fewest products."""
    n = len(p) - 1
    cost, at = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = {k: cost[i, k] + cost[k + 1, j] + p[i] * p[k + 1] * p[j + 1] for k in range(i, j)}
            at[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[at[i, j]]
    return at


def _in_order(xs: list[Any], at: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    return matmul(_in_order(xs, at, i, at[i, j]), _in_order(xs, at, at[i, j] + 1, j))


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """x with tensordot(a, x, x.ndim) = b: a of shape b.shape + x.shape, as one square matrix, its `axes` put last.

    Raises ShapeError where the two do not make a square, LinAlgError where it is singular.
    """
    a, b = as_value(a), as_value(b)
    order = list(range(a.ndim))
    for k in axes or ():
        order.remove(k)
        order.append(k)
    a = transpose_(a, axes=tuple(order))
    shape = tuple(a.shape[b.ndim :])
    n = int(np.prod(shape))
    if a.size != n * n or b.size != n:
        raise ShapeError(
            f"tensorsolve: a has shape {tuple(a.shape)} and b has shape {tuple(b.shape)}; expected a.shape to be "
            "b.shape and then the shape of x, of as many elements"
        )
    return reshape_(solve(reshape_(a, shape=(n, n)), ravel(b)), shape=shape)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse y of a as a map: shape p + q, p the first `ind` axes, gives q + p, and tensordot(y, a, ind) is one.

    Raises ShapeError where p and q have not as many elements, ArgumentError for ind < 1, LinAlgError if singular.
    """
    a, ind = as_value(a), as_int("tensorinv", "ind", ind)
    if ind < 1:
        raise ArgumentError(f"tensorinv: ind is {ind}; expected at least 1")
    first, last = tuple(a.shape[:ind]), tuple(a.shape[ind:])
    n = int(np.prod(last))
    if int(np.prod(first)) != n:
        raise ShapeError(f"tensorinv: axes {first} and {last} have not as many elements; expected them to")
    return reshape_(inv(reshape_(a, shape=(n, n))), shape=last + first)


@primitive(jvp="bilinear", saves={"a": "b", "b": "a"})
def cross_(xp: Any, a: Any, b: Any) -> Any:
    """a x b along the last axis, of length 3."""
    return xp.cross(a, b)


cross_.vjp(lambda F, g, y, a, b: F.cross(b, g), lambda F, g, y, a, b: F.cross(g, a))
batches_in_pairs(cross_)


def cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """x1 x x2, the vector product of 3-vectors along `axis`, other axes broadcast; gradients x2 x g and g x x1.

    Raises ShapeError where that axis has another length than 3.
    """
    a, b = as_value(x1), as_value(x2)
    at = [normal_axis("cross", axis, x.ndim) for x in (a, b)]
    if a.shape[at[0]] != 3 or b.shape[at[1]] != 3:
        raise ShapeError(f"cross: shapes {tuple(a.shape)} and {tuple(b.shape)}; expected length 3 along axis {axis}")
    return moveaxis(cross_(moveaxis(a, at[0], -1), moveaxis(b, at[1], -1)), -1, axis)


__all__ = ["cross", "matrix_power", "multi_dot", "tensorinv", "tensorsolve"]
