"""numpy.linalg, over Tensors and arrays: NumPy 2's names, signatures and result types, with gradients.

Without a Tensor among the arguments, plain arrays come back.  Real dtypes: float32 and float64, integers as float64;
float16 and bfloat16, which NumPy refuses, are computed in float32 and rounded once.  Complex input raises DTypeError.
What is no matrix, or not square, raises ShapeError, and a matrix that will not do gpugrad's LinAlgError, which NumPy's
own also catches.  Formulas and what holds where a function is not smooth: see the functions of gpugrad.ops.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..core.tensor import Tensor
from ..core.transform import as_value
from ..errors import LinAlgError, ShapeError
from ..ops import (
    cholesky,
    cross,
    eigvalsh,
    lstsq,
    matrix_norm,
    matrix_power,
    pinv,
    solve,
    svdvals,
    tensorinv,
    tensorsolve,
    vector_norm,
)


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """What `qr` returns, except in mode "r"."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """What `svd` returns with compute_uv."""

    U: Any
    S: Any
    Vh: Any


LEFT_OUT = {
    name: f"{name}: eigenvalues of a general matrix are complex, and gpugrad is real; use {name}h for a symmetric one"
    for name in ("eig", "eigvals")
}


def __getattr__(name: str) -> Any:
    raise AttributeError(LEFT_OUT.get(name, f"gpugrad.numpy.linalg has no {name}"))


def _number(y: Any) -> Any:
    """A raw 0-d array as NumPy's scalar, which is what its own functions return."""
    return y if isinstance(y, Tensor) or y.ndim else y[()]


def det(a: Any) -> Any:
    """The determinant of square matrices (..., n, n) -> (...); its gradient is right also where a is singular."""
    return ops.det(as_value(a))


def inv(a: Any) -> Any:
    """The inverse of square matrices (..., n, n).  Raises LinAlgError for a singular one."""
    return ops.inv(as_value(a))


def slogdet(a: Any) -> SlogdetResult:
    """(sign, log |det|) of square matrices (..., n, n), each (...)."""
    return SlogdetResult(*ops.slogdet(as_value(a)))


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues (..., n), ascending, and eigenvectors, as columns (..., n, n), of symmetric a (..., n, n)."""
    return EighResult(*ops.eigh(a, UPLO))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """(U, S, Vh) with a = U diag(S) Vh, or S alone without compute_uv."""
    found = ops.svd(a, full_matrices, compute_uv, hermitian)
    return SVDResult(*found) if compute_uv else found


def qr(a: Any, mode: str = "reduced") -> Any:
    """(Q, R) with a = Q R: "reduced" or "complete"; R alone for "r".  NumPy's mode "raw" is left out."""
    found = ops.qr(a, mode)
    return found if mode == "r" else QRResult(*found)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """`vector_norm` along one axis, `matrix_norm` over a pair of axes (rows, columns).

    Without axis: of all elements as one vector where ord is None, else of x itself, with one axis or two.  Raises
    ArgumentError for an ord that vectors or matrices have not, ShapeError for another number of axes.
    """
    x = as_value(x)
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ShapeError(f"norm: got {len(axes)} axes; expected one for vectors or two for matrices (or axis=)")
    y = matrix_norm(ops.moveaxis(x, axes, (-2, -1)), ord="fro" if ord is None else ord)
    return ops.expand_dims(y, sorted(i % x.ndim for i in axes)) if keepdims else y


def cond(x: Any, p: Any = None) -> Any:
    """The condition number of matrices (..., m, n) -> (...), in the norm p, by default s_max / s_min; or inf."""
    return _number(ops.cond(x, p))


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """How many singular values are above tol, or rtol times the largest (max(m, n) eps by default).  No gradient."""
    rank = ops.matrix_rank(A, tol, hermitian, rtol=rtol)
    return rank if isinstance(rank, Tensor) or as_value(A).ndim > 1 else int(rank)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two or more matrices in the order that costs least; the first and the last may be vectors."""
    return _number(ops.multi_dot(arrays))


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return ops.swapaxes(x, -1, -2)


def matmul(x1: Any, x2: Any, /) -> Any:
    """The matrix product."""
    return ops.matmul(as_value(x1), as_value(x2))


def outer(x1: Any, x2: Any, /) -> Any:
    """The products of every pair of elements of two 1-D arrays: (m,), (n,) -> (m, n)."""
    x1, x2 = as_value(x1), as_value(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer: arguments have shapes {tuple(x1.shape)} and {tuple(x2.shape)}; expected 1-D arrays")
    return ops.outer(x1, x2)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum over the last `axes` axes of x1 with the first of x2, or over pairs of axes."""
    return ops.tensordot(x1, x2, axes)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The inner products along `axis`, other axes broadcast."""
    x1, x2 = (ops.moveaxis(as_value(x), axis, -1) for x in (x1, x2))
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"vecdot: lengths along axis {axis} are {x1.shape[-1]} and {x2.shape[-1]}; expected one length"
        )
    y = ops.matmul(ops.expand_dims(x1, -2), ops.expand_dims(x2, -1))
    return _number(ops.squeeze(y, (-2, -1)))


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices (..., m, n), `offset` above the main one."""
    return ops.diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of matrices (..., m, n), `offset` above the main one."""
    x = as_value(x)
    return _number(ops.trace(x if dtype is None else ops.astype(x, dtype), offset, -2, -1))


__all__ = [
    "EighResult",
    "LinAlgError",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]
