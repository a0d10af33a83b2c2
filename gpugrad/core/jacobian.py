"""Whole Jacobians and what is made from them: all basis vectors travel at once, in chunks that fit."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import backend_of_type
from ..errors import ArgumentError, DTypeError, ShapeError
from .namespace import OPS, namespace
from .tensor import is_floating, raw
from .transform import as_value, chosen_arguments, grad, jvp, vjp, with_arguments
from .tree import flatten
from .vmap import vmap

CHUNK_BYTES = 1 << 27  # of basis vectors carried by one sweep, where chunk_size is left open


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    mode: str = "auto",
    chunk_size: int | None = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of f: J[i, j] = dy_i / dx_j, of shape y.shape + x.shape.

    mode: "forward" pushes the n basis vectors of x (columns of J), "reverse" pulls the m basis vectors of y (rows), and
        "auto" takes forward where n < m, else reverse.
    argnums: the argument, or arguments (the result is then a tuple).  Where x or y is a container, the result has the
        structure of y, with that of x at each leaf.
    chunk_size: how many basis vectors one sweep carries; by default as many as make 128 MiB.
    has_aux: f returns (y, aux), and the result is (J, aux).

    Raises ArgumentError for an unknown mode, DTypeError for an input or output that is not floating.
    Source: Murphy, Probabilistic Machine Learning, 13.3.1.

    >>> import numpy as np
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(f"jacobian: mode is {mode!r}; expected 'auto', 'forward' or 'reverse'")
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"jacobian: chunk_size is {chunk_size}; expected at least 1, or None")

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        chosen = chosen_arguments("jacobian", argnums, args)
        some = tuple(args[i] for i in chosen)
        partial = with_arguments(f, chosen, args, kwargs)
        inputs, nest_inputs = flatten(some)
        inputs = [as_value(x) for x in inputs]
        n = sum(x.size for x in inputs)
        m, forward = 0, mode == "forward"
        aux: list[Any] = []

        def push(v: Any) -> Any:
            _, t, *aux[:] = jvp(partial, some, nest_inputs(v), has_aux)
            return t

        if not forward:
            y, pull, *aux = vjp(partial, *some, has_aux=has_aux)
            outputs, nest_outputs = flatten(y)
            _check_floating(outputs)
            m = sum(v.size for v in outputs)
        if forward or (mode == "auto" and n < m):
            columns, nest_outputs = _mapped(inputs, push, chunk_size or _fitting(inputs))
            _check_floating([row[0] for row in columns])  # tangents have the dtypes of y
            blocks = [[_transposed(block, x) for block, x in zip(row, inputs, strict=True)] for row in columns]
        else:
            rows, _ = _mapped(outputs, lambda u: pull(nest_outputs(u)), chunk_size or _fitting(outputs))
            blocks = [list(row) for row in zip(*rows, strict=True)]
        J = nest_outputs([_one(argnums, nest_inputs(row)) for row in blocks])
        return (J, *aux) if has_aux else J

    return of


def jacfwd(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, chunk_size: int | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """`jacobian` in forward mode, by columns."""
    return jacobian(f, argnums, "forward", chunk_size, has_aux)


def jacrev(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, chunk_size: int | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """`jacobian` in reverse mode, by rows."""
    return jacobian(f, argnums, "reverse", chunk_size, has_aux)


def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    chunk_size: int | None = None,
    has_aux: bool = False,
    mode: str = "forward",
) -> Callable[..., Any]:
    """A function that returns the Hessian of scalar-valued f, H[i, j] = d2f / dx_i dx_j: forward over reverse.

    chunk_size and has_aux as for `jacobian`.  mode="reverse" takes reverse over reverse, for an f with operations that
    have no forward rule, such as those of `custom_vjp`.

    >>> import numpy as np
    >>> hessian(lambda x: (x * x * x).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(f, argnums, has_aux), argnums, mode, chunk_size, has_aux)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The product H v of the Hessian of scalar-valued f with the tangents v, without building H: forward over reverse.

    primals and tangents are sequences with one entry for each argument, as for `jvp`.  One argument gives one array,
    several a tuple.  With has_aux, f returns (value, aux) and the result is (H v, aux).
    Source: Pearlmutter, Fast exact multiplication by the Hessian, 1994.

    >>> import numpy as np
    >>> hvp(lambda x: (x * x * x).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    slope = grad(f, tuple(range(len(primals))), has_aux)
    _, t, *aux = jvp(slope, tuple(primals), tuple(tangents), has_aux)
    t = t[0] if len(primals) == 1 else t
    return (t, *aux) if has_aux else t


def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(y, push) with y = f(*primals) and push(*tangents) = J v; f runs once, however often push is called.

    With has_aux, f returns (y, aux) and the result is (y, push, aux).
    The reverse sweep is a linear function of its cotangent, and pulling back through it is the product with J.

    >>> y, push = linearize(lambda x: x * x, 3.0)
    >>> float(push(1.0))
    6.0
    """
    y, pull, *aux = vjp(f, *primals, has_aux=has_aux)
    leaves, rebuild = flatten(y)
    _, push = vjp(lambda g: pull(g), rebuild([namespace(v).zeros_like(v) for v in leaves]))
    return y, lambda *tangents: push(tangents)[0], *aux


def elementwise_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that returns the derivative of an elementwise f at each entry: the gradient of the sum of f.

    Raises ShapeError where the value of f has not the shape of the argument.

    >>> import numpy as np
    >>> elementwise_grad(lambda x: x**3)(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        chosen = chosen_arguments("elementwise_grad", argnums, args)
        x = as_value(args[chosen[0]])
        y, pull = vjp(with_arguments(f, chosen, args, kwargs), x)
        if getattr(y, "shape", None) != x.shape:
            raise ShapeError(
                f"elementwise_grad: the function gave shape {getattr(y, 'shape', None)} for an argument of shape "
                f"{x.shape}; expected one number for each entry (use gpugrad.grad or jacobian)"
            )
        return pull(namespace(y).ones_like(y))[0]

    return of


def _one(argnums: int | Sequence[int], parts: Any) -> Any:
    return tuple(parts) if isinstance(argnums, Sequence) else parts[0]


def _check_floating(outputs: list[Any]) -> None:
    for v in outputs:
        if not is_floating(v.dtype):
            raise DTypeError(
                f"jacobian: an output has dtype {v.dtype}; expected floating ones (drop it, or convert it)"
            )


def _fitting(leaves: list[Any]) -> int:
    return max(1, CHUNK_BYTES // max(1, sum(x.nbytes for x in leaves)))


def _basis(leaves: list[Any], start: int, stop: int) -> list[Any]:
    """Basis vectors start to stop of the joint space of the leaves: for each leaf (stop - start, *its shape)."""
    parts, offset = [], 0
    for x in leaves:
        xp = backend_of_type(type(raw(x))).xp
        rows = xp.eye(stop - start, x.size, start - offset, dtype=x.dtype)
        parts.append(rows.reshape(stop - start, *x.shape))
        offset += x.size
    return parts


def _mapped(leaves: list[Any], linear: Callable[[list[Any]], Any], chunk_size: int) -> tuple[list[list[Any]], Any]:
    """A linear function of all basis vectors: blocks[k][i] of shape leaves[i].shape + result[k].shape."""
    total = sum(x.size for x in leaves)
    chunks = [(i, min(total, i + chunk_size)) for i in range(0, total, chunk_size)] or [(0, 0)]
    pieces = []
    for start, stop in chunks:
        results, nest = flatten(vmap(linear)(_basis(leaves, start, stop)))
        pieces.append(results)
    blocks = []
    for column in zip(*pieces, strict=True):
        whole = column[0] if len(column) == 1 else OPS.concatenate(*column, axis=0)
        ends = list(itertools.accumulate((x.size for x in leaves), initial=0))
        parts = [whole[i:j] for i, j in itertools.pairwise(ends)]
        blocks.append(
            [OPS.reshape(part, shape=(*x.shape, *whole.shape[1:])) for part, x in zip(parts, leaves, strict=True)]
        )
    return blocks, nest


def _transposed(block: Any, x: Any) -> Any:
    """x.shape + y.shape to y.shape + x.shape."""
    rank, own = len(block.shape), len(x.shape)
    return OPS.transpose(block, axes=(*range(own, rank), *range(own)))
