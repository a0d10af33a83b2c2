"""What to say when a matrix will not do: no matrix, not square, or singular, not positive definite, not converging."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GpugradError, LinAlgError, ShapeError


def floats(x: Any) -> Any:
    """Integers and bools as float64."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def require_matrix(name: str, x: Any, square: bool = False) -> None:
    """ShapeError unless x has two axes, and they are equal where `square`."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) < 2:
        raise ShapeError(f"{name}: the argument has shape {shape}; expected at least two axes, (..., m, n)")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(f"{name}: the argument has shape {shape}; expected square matrices, (..., n, n)")


def explained(fault: str, square: bool = True) -> Callable[[Any], Any]:
    """A decorator for operations f(a, *others, **params): a failure names the operation, the matrix and its `fault`."""

    def decorate(op: Any) -> Any:
        name, forward = op.primitive.name, op.primitive.forward

        def guarded(xp: Any, a: Any, *others: Any, **params: Any) -> Any:
            try:
                return forward(xp, a, *others, **params)
            except (np.linalg.LinAlgError, AttributeError) as error:
                if isinstance(error, GpugradError):
                    raise
                for i, x in enumerate((a, *others)):
                    require_matrix(name, x, square and i == 0)
                if isinstance(error, AttributeError):
                    raise
                at = _which(functools.partial(forward, xp, **params), xp, a, len(others))
                finite = "" if bool(xp.isfinite(a).all()) else " (it holds NaN or infinity)"
                raise LinAlgError(f"{name}: {at} {fault}{finite}") from error

        op.primitive.forward = guarded
        return op

    return decorate


def _which(f: Callable[..., Any], xp: Any, a: Any, n_others: int) -> str:
    """Name the first matrix for which f fails; the others become identities, for which it would not."""
    for index in np.ndindex(a.shape[:-2]):
        try:
            f(a[index], *(xp.eye(a.shape[-2]) for _ in range(n_others)))
        except np.linalg.LinAlgError:
            return f"the matrix at {list(index)} of the batch" if index else "the matrix"
    return "a matrix"
