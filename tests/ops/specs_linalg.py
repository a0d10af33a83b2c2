"""Specs of gpugrad/ops/linalg_*.py, on well-conditioned matrices, against numpy.linalg.

float16 is left out, as NumPy refuses it; tests/ops/test_linalg.py has it.
"""

import math

import numpy as np

from gpugrad import ops
from gpugrad.backend import array_device
from gpugrad.core.tensor import raw
from gpugrad.ops.linalg_basis import require_no_turn
from tests.ops.spec import Spec

FLOATS = ("float32", "float64")


def there(x, array):
    """A NumPy array in the dtype of x, where x lives."""
    return array_device(raw(x)).asarray(array.astype(x.dtype))


def identity(x, scale):
    return there(x, scale * np.eye(x.shape[-1]))


def regular(x):
    """Far from singular."""
    return x + identity(x, 6)


def symmetric(x):
    """With eigenvalues that are far apart, of either sign."""
    n = x.shape[-1]
    return x + x.mT + there(x, np.diag(8.0 * np.arange(n) - 7))


def definite(x):
    """Symmetric and positive definite."""
    return x @ x.mT + identity(x, 2)


def full(x):
    """With singular values that are far apart, at any shape."""
    m, n = x.shape[-2:]
    return x + there(x, np.where(np.eye(m, n, dtype=bool), 5.0 * np.arange(1, n + 1), 0))


def line(name, *shapes, of=None, reference=None, differentiable=True, **params):
    """The spec of an operation on arguments the first of which `of` makes fit."""

    def wrapped(f):
        def call(a, *others):
            return f(of(a) if of else a, *others, **params)

        call.__name__ = name + (f"[{','.join(f'{k}={v}' for k, v in params.items())}]" if params else "")
        return call

    op, expected = wrapped(getattr(ops, name)), wrapped(reference or getattr(np.linalg, name))
    return Spec(op, shapes, expected, dtypes=FLOATS, differentiable=differentiable)


def upper_solve(a, b):
    return np.linalg.solve(np.triu(a), b)


def lower_solve(a, b, lower):
    return np.linalg.solve(np.tril(a), b)


def same(x, scale, name):
    return x


def chain(f):
    def multi_dot(*arrays):
        return f(arrays)

    return multi_dot


SQUARES = ((3, 3), (1, 1), (0, 0), (2, 3, 3), (2, 1, 2, 2), (0, 3, 3))
SHAPES = ((3, 3), (4, 2), (2, 4), (1, 1), (3, 1), (1, 3), (2, 3, 2), (2, 2, 3), (0, 3, 2), (3, 0))
SYSTEMS = (
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3,)), ((3, 3), (2, 3, 2)), ((2, 3, 3), (2, 3, 1)),
    ((2, 1, 3, 3), (2, 3, 2)), ((1, 1), (1,)), ((0, 3, 3), (3, 2)), ((3, 3), (0, 3, 2)), ((3, 3), (3, 0)),
)  # fmt: skip

SOLVE = [
    *(line("solve", *shapes, of=regular) for shapes in SYSTEMS),
    *(line("solve_triangular", *shapes, of=regular, reference=upper_solve) for shapes in SYSTEMS),
    *(line("solve_triangular", *shapes, of=regular, reference=lower_solve, lower=True) for shapes in SYSTEMS),
    *(line("inv", shape, of=regular) for shape in SQUARES),
    *(line("det", shape) for shape in SQUARES),
    *(line("slogdet", shape, of=regular) for shape in SQUARES),
    *(line("cholesky", shape, of=definite) for shape in SQUARES),
    line("cholesky", (2, 3, 3), of=definite, upper=True),
    line("tensorsolve", (2, 3, 6), (2, 3)),
    line("tensorsolve", (2, 6, 3), (2, 3), axes=(1,)),
    line("tensorinv", (2, 3, 6)),
    line("tensorinv", (4, 2, 2), ind=1),
]
SPECTRAL = [
    *(line("eigh", shape, of=symmetric) for shape in SQUARES),
    *(line("eigvalsh", shape, of=symmetric) for shape in SQUARES),
    line("eigh", (2, 3, 3), of=symmetric, UPLO="U"),
    line("eigvalsh", (2, 3, 3), of=symmetric, UPLO="u"),
    *(line("svd", shape, of=full, full_matrices=False) for shape in SHAPES),
    *(line("svd", shape, of=full) for shape in ((3, 3), (3, 2), (2, 3), (2, 2, 1), (0, 3, 3))),
    line("svd", (2, 4, 3), of=full, compute_uv=False),
    line("svd", (3, 3), of=symmetric, hermitian=True),
    line("svd", (3, 3), of=symmetric, hermitian=True, compute_uv=False),
    *(line("svdvals", shape, of=full) for shape in SHAPES),
    *(line("pinv", shape, of=full) for shape in SHAPES),
    line("pinv", (3, 3), of=symmetric, hermitian=True),
    line("pinv", (2, 4, 3), of=full, rcond=np.array([1e-3, 1e-4])),
    line("pinv", (4, 3), of=full, rtol=None),
    line("pinv", (4, 2), of=lambda x: x @ there(x, np.ones((2, 3))), rcond=1e-4),
    *(line("cond", shape, of=full) for shape in ((3, 3), (4, 2), (2, 2, 4), (1, 1))),
    *(line("cond", (2, 3, 3), of=regular, p=p) for p in (2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc")),
]
QR = [
    *(line("qr", shape, of=full) for shape in SHAPES),
    *(line("qr", shape, of=full, mode="complete") for shape in ((3, 3), (3, 2), (2, 4), (2, 2, 1))),
    *(line("qr", shape, of=full, mode="r") for shape in SHAPES),
]
LSTSQ = [
    line("lstsq", (5, 3), (5,)),
    line("lstsq", (5, 3), (5, 2)),
    line("lstsq", (3, 3), (3, 2)),
    line("lstsq", (2, 4), (2, 2)),
    line("lstsq", (5, 2), (5, 2), of=lambda x: x @ there(x, np.array([[1, 2, 0.5], [0, 1, -1]])), rcond=1e-4),
]
NORMS = [
    line("vector_norm", (3, 4), differentiable=False, axis=1, ord=0),
    *(
        line("vector_norm", (3, 4), axis=axis, ord=ord)
        for axis, ord in zip(
            (None, 0, -1, (0, 1), (1,)) * 3,
            (2, 1, math.inf, -math.inf, -3, 3, 0.5, 1.5, -1, -2, 2, 2.5, -0.5, math.inf, 1),
            strict=True,
        )
    ),
    line("vector_norm", (2, 3), axis=1, ord=3, keepdims=True),
    line("vector_norm", (), ord=3),
    line("vector_norm", (0, 3), axis=1, ord=3),
    *(
        line("matrix_norm", shape, ord=ord, keepdims=len(shape) > 2)
        for ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
        for shape in ((3, 4), (2, 3, 2))
    ),
    *(line("matrix_norm", (0, 3, 2), ord=ord) for ord in ("fro", "nuc", 2, math.inf)),
]
PRODUCTS = [
    line("matrix_power", (2, 3, 3), differentiable=False, n=0),
    *(line("matrix_power", (3, 3), n=n) for n in (2, 3, 6)),
    *(line("matrix_power", (2, 3, 3), of=regular, n=n) for n in (-1, -2, -5)),
    *(
        Spec(chain(ops.multi_dot), shapes, chain(np.linalg.multi_dot), dtypes=FLOATS)
        for shapes in (
            ((2, 3), (3, 4)),
            ((2, 3), (3, 4), (4, 1)),
            ((3,), (3, 4), (4, 2)),
            ((2, 3), (3, 4), (4, 5), (5,)),
            ((3,), (3, 2), (2, 3), (3,)),
            ((3,), (3,)),
        )
    ),
    *(line("cross", *shapes) for shapes in (((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((0, 3), (3,)))),
    line("cross", (3, 2), (3, 2), axis=0),
]
RANKS = [
    Spec(ops.matrix_rank, ((2, 3, 4),), np.linalg.matrix_rank, differentiable=False, dtypes=FLOATS),
    Spec(ops.matrix_rank, ((3,),), np.linalg.matrix_rank, differentiable=False, dtypes=("float64",)),
    Spec(ops.matrix_rank, ((3, 3),), np.linalg.matrix_rank, {"tol": 1.0}, differentiable=False, dtypes=FLOATS),
    Spec(ops.matrix_rank, ((3, 3),), np.linalg.matrix_rank, {"rtol": 0.9}, differentiable=False, dtypes=FLOATS),
]
CHECKS = [Spec(require_no_turn, (np.zeros((2, 2)), (2, 2)), same, {"name": "svd"}, differentiable=False, dtypes=FLOATS)]
SPECS = SOLVE + SPECTRAL + QR + LSTSQ + NORMS + PRODUCTS + RANKS + CHECKS
