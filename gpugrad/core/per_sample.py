"""Gradients of each sample's own loss, and their norms without building them where that is exact."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from .namespace import OPS
from .transform import chosen_arguments, grad, gradient_of, with_arguments
from .tree import flatten
from .vmap import vmap


def per_sample_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, in_axes: Any = None) -> Callable[..., Any]:
    """A function that returns the gradient of f for each sample: shape (N, *parameter.shape) for each parameter.

    f(params, x, y, ...) is the loss of one sample, shape ().  The arguments in argnums are shared by all samples;
    every other one has the samples along axis 0 (or as in_axes says, see `vmap`).  All samples run in one sweep; the
    weight of a linear layer gets outer products.  Source: Foundations of Computer Vision, 14.5.

    >>> import numpy as np
    >>> per_sample_grad(lambda w, x: (w * x).sum())(np.ones(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    return _mapped(grad(f, argnums), argnums, in_axes)


def per_sample_grad_norm(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, in_axes: Any = None
) -> Callable[..., Any]:
    """A function that returns the L2 norm of each sample's gradient over all chosen arguments, shape (N,).

    Arguments as `per_sample_grad`.  A linear layer's weight used once on one row has ||g||^2 ||x||^2, with x its input
    and g the cotangent of its output, and is never built; with several rows (a sequence) the sum over pairs of rows
    (x_r . x_s)(g_r . g_s) is taken where that is less work.  A weight used twice is built: its cross terms count.
    Source: Goodfellow, Efficient per-example gradient computations, 2015.

    >>> import numpy as np
    >>> per_sample_grad_norm(lambda w, x: (w * x).sum())(np.ones(2), np.array([[3.0, 4.0]]))
    array([5.])
    """

    def norm(*args: Any, **kwargs: Any) -> Any:
        chosen = chosen_arguments("per_sample_grad_norm", argnums, args)
        partial = with_arguments(f, chosen, args, kwargs)
        leaves, unflatten = flatten(tuple(args[i] for i in chosen))  # bare, as a Module cannot hold factors
        bare = lambda *xs: partial(*unflatten(xs))  # noqa: E731
        run = gradient_of("per_sample_grad_norm", bare, range(len(leaves)), names=_FACTORED)
        _, grads = run(tuple(leaves), {})
        squares = [_square_norm(g) for g in grads]
        return OPS.sqrt(OPS.sum(OPS.stack(*squares, axis=0), axis=(0,), keepdims=False))

    return _mapped(norm, argnums, in_axes)


def _mapped(of_one: Callable[..., Any], argnums: int | Sequence[int], in_axes: Any) -> Callable[..., Any]:
    @functools.wraps(of_one)
    def of(*args: Any, **kwargs: Any) -> Any:
        shared = chosen_arguments("per_sample_grad", argnums, args)
        axes = tuple(None if i in shared else 0 for i in range(len(args))) if in_axes is None else in_axes
        return vmap(of_one, axes)(*args, **kwargs)

    return of


class _Outer:
    """The gradient g^T x of a weight, not multiplied out: g (..., m), x (..., n)."""

    def __init__(self, g: Any, x: Any) -> None:
        self.g, self.x = g, x
        self.shape, self.dtype = (g.shape[-1], x.shape[-1]), g.dtype

    def __add__(self, other: Any) -> Any:
        return _FACTORED.settled(self) + other

    def square_norm(self) -> Any:
        """||g^T x||^2, by whichever of three ways is the least work."""
        return OPS.outer_norm2(_rows(self.g), _rows(self.x))


class _Factored:
    """F with the weight gradient of a linear layer left as its two factors."""

    def __getattr__(self, name: str) -> Any:
        return getattr(OPS, name)

    def outer_sum(self, g: Any, x: Any) -> _Outer:
        return _Outer(g, x)

    def astype(self, g: Any, dtype: Any) -> Any:
        if not isinstance(g, _Outer):
            return OPS.astype(g, dtype=dtype)
        return _Outer(OPS.astype(g.g, dtype=dtype), OPS.astype(g.x, dtype=dtype))

    def settled(self, g: Any) -> Any:
        return OPS.outer_sum(g.g, g.x) if isinstance(g, _Outer) else g


_FACTORED = _Factored()


def _rows(x: Any) -> Any:
    """(..., n) as one matrix."""
    shape = x.shape
    return x if len(shape) == 2 else OPS.reshape(x, shape=(math.prod(shape[:-1]), shape[-1]))


def _square_norm(g: Any) -> Any:
    if isinstance(g, _Outer):
        return g.square_norm()
    axes = "".join(map(chr, range(ord("a"), ord("a") + len(g.shape))))
    return OPS.einsum(g, g, subscripts=f"{axes},{axes}->")
