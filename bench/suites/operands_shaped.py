"""Operands of the primitives whose inputs have shapes of their own: {name: Draw -> (arguments, parameters)}."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.suites.draw import Draw
from gpugrad.ops.keys import ARRAY
from gpugrad.ops.mlp_step import How

CHANNELS = 64
IDENTITY = {"activation": "relu", "options": ()}


def _product(d: Draw) -> tuple[np.ndarray, np.ndarray]:
    a = d.square()
    return a, a.T.copy()


def _places(d: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and as many random places among them."""
    x = d.rows()
    return x, d.integers(len(x), len(x))


def _equations(d: Draw) -> tuple[np.ndarray, np.ndarray]:
    """At most 512 of them, as the derivative wants a square matrix of that size."""
    m = min(512, max(9, d.n // 8))
    return d.array(m, 8), d.array(m, 1)


def _layer(d: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, and the weight and bias of a layer that keeps their width."""
    return d.rows(), d.array(d.row, d.row), d.array(d.row)


def _labels(d: Draw) -> np.ndarray:
    return d.integers(d.row, d.n_rows)


def _soft(d: Draw) -> np.ndarray:
    x = d.rows()
    return x / x.sum(1, keepdims=True)


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(1, keepdims=True), x.var(1, keepdims=True)


def _normalize_vjp(d: Draw) -> Any:
    x = d.rows()
    return (d.rows(), x, d.array(d.row), *_statistics(x)), {"axis": (1,), "eps": 1e-5, "bias": True}


def _mlp_step(d: Draw) -> Any:
    x, w, b = _layer(d)
    weights = (w, w * np.float32(0.5), b, b * np.float32(0.5))
    return (x, _labels(d), None, *weights), {"how": How(2, "relu", {})}


def _counter(value: int) -> np.ndarray:
    return np.asarray(value, np.uint64)


_MATRICES = (
    ["cholesky", "cofactors", "det", "inv", "inv_or_nan", "qr_r", "slogdet", "identity_like"],
    {
        "eigh": {"uplo": "L"},
        "eigvalsh": {"uplo": "L"},
        "matrix_rank": {"tol": None, "rtol": 1e-6, "hermitian": False},
        "pinv": {"rcond": 1e-6, "hermitian": False},
        "qr": {"mode": "reduced"},
        "svd": {"full_matrices": False, "hermitian": False},
        "svdvals": {"hermitian": False},
        "triangle": {"upper": True, "diagonal": 1},
    },
)

SHAPED: dict[str, Callable[[Draw], Any]] = {
    **{name: lambda d: ((d.matrices(),), {}) for name in _MATRICES[0]},
    **{name: lambda d, p=params: ((d.matrices(),), p) for name, params in _MATRICES[1].items()},
    "solve": lambda d: ((d.matrices(), d.array(d.n_matrices, 8, 4)), {}),
    "solve_triangular": lambda d: ((d.matrices(), d.array(d.n_matrices, 8, 4)), {"lower": True}),
    "lstsq": lambda d: (_equations(d), {"rcond": None}),
    "require_no_turn": lambda d: ((np.zeros((d.n_matrices, 8, 8), np.float32), d.matrices()), {"name": "svd"}),
    "cross": lambda d: ((d.array(max(1, d.n // 3), 3), d.array(max(1, d.n // 3), 3)), {}),
    "matmul": lambda d: (_product(d), {}),
    "matmul_vjp": lambda d: ((d.square(), *_product(d)), {}),
    "einsum": lambda d: (_product(d), {"subscripts": "ab,bc->ac"}),
    "linear": lambda d: (_layer(d), {}),
    "linear_act": lambda d: (_layer(d), IDENTITY),
    "linear_vjp": lambda d: ((d.rows(), d.rows(), *_layer(d)[:2]), {**IDENTITY, "bias": True}),
    "outer_sum": lambda d: ((d.rows(), d.rows()), {}),
    "outer_norm2": lambda d: ((d.array(d.n_rows, 1, d.row), d.array(d.n_rows, 1, d.row)), {}),
    "mlp_step": _mlp_step,
    "normalize": lambda d: ((d.rows(), d.array(d.row), d.array(d.row)), {"axis": (1,), "eps": 1e-5}),
    "normalize_vjp": _normalize_vjp,
    "standardize": lambda d: ((d.rows(),), {"axis": (1,), "eps": 1e-5}),
    "softmax_grad": lambda d: ((d.rows(), _soft(d)), {"axis": (1,)}),
    "log_softmax_grad": lambda d: ((d.rows(), np.log(_soft(d))), {"axis": (1,)}),
    "cross_entropy_index": lambda d: ((d.rows(), _labels(d)), {}),
    "cross_entropy_index_grad": lambda d: ((d.array(d.n_rows), _soft(d), _labels(d)), {}),
    "cross_entropy_soft": lambda d: ((d.rows(), _soft(d)), {}),
    "cross_entropy_soft_grad": lambda d: ((d.array(d.n_rows), _soft(d), _soft(d)), {}),
    "cross_entropy_mean": lambda d: ((d.rows(), _labels(d)), {"smoothing": 0.0}),
    "one_hot": lambda d: ((_labels(d),), {"n_classes": d.row, "dtype": np.dtype("float32")}),
    "dropout": lambda d: ((d.flat(), _counter(1), _counter(2)), {"p": 0.5}),
    "getitem": lambda d: (_places(d), {"key": (ARRAY,)}),
    "index_add": lambda d: (_places(d), {"shape": (d.n_rows, d.row), "key": (ARRAY,)}),
    "index_set": lambda d: ((d.rows(), *_places(d)), {"key": (ARRAY,)}),
    "keep_last": lambda d: (_places(d), {"shape": (d.n_rows, d.row), "key": (ARRAY,)}),
    "index_extreme": lambda d: ((d.rows(), *_places(d)), {"key": (ARRAY,), "largest": True}),
    "take_along_axis": lambda d: ((d.rows(), d.integers(d.row, d.n_rows, d.row)), {"axis": 1}),
    "add_along_axis": lambda d: ((d.rows(), d.integers(d.row, d.n_rows, d.row)), {"axis": 1, "n": d.row}),
    "searchsorted": lambda d: ((np.sort(d.flat()), d.flat()), {"side": "left"}),
    "distinct_places": lambda d: ((d.flat(),), {"equal_nan": True}),
    "tie_share": lambda d: ((x := d.rows(), x.max(1, keepdims=True)), {"axis": (1,)}),
    "argsort": lambda d: ((d.rows(),), {"axis": 1}),
    "sort": lambda d: ((d.rows(),), {"axis": 1}),
    "argpartition": lambda d: ((d.rows(),), {"kth": (d.row // 2,), "axis": 1}),
    "cumsum": lambda d: ((d.rows(),), {"axis": 1, "reverse": False}),
    "cumprod": lambda d: ((d.rows(),), {"axis": 1}),
    "cummax_places": lambda d: ((d.rows(),), {"axis": 1}),
    "recurrence": lambda d: ((d.rows(), d.rows()), {"axis": 1, "reverse": False}),
    "shift": lambda d: ((d.rows(),), {"axis": 1, "by": 1, "fill": 0}),
    "roll": lambda d: ((d.rows(),), {"shift": (2,), "axis": (1,)}),
    # Multiples of 1/50: no step is so near a half period that rounding decides.
    "unwrap": lambda d: ((np.round(d.rows() * 50) / 50,), {"axis": 1, "discont": 0.25, "period": 0.5}),
    "split": lambda d: ((d.rows(),), {"indices": (d.row // 2,), "axis": 1}),
    "unstack": lambda d: ((d.array(8, max(1, d.n // 8)),), {"axis": 0}),
    "squeeze": lambda d: ((d.array(d.n, 1),), {"axis": (1,)}),
    "concatenate": lambda d: ((d.flat(), d.flat()), {"axis": 0}),
    "stack": lambda d: ((d.flat(), d.flat()), {"axis": 0}),
    "unreduce": lambda d: ((d.array(d.n_rows),), {"axis": (1,), "shape": (d.n_rows, d.row)}),
    "broadcast_to": lambda d: ((d.array(d.row),), {"shape": (d.n_rows, d.row)}),
    "sum_to": lambda d: ((d.rows(),), {"shape": (1, d.row)}),
    "reshape": lambda d: ((d.rows(),), {"shape": (d.row, d.n_rows)}),
    "transpose": lambda d: ((d.rows(),), {"axes": (1, 0)}),
    "pad": lambda d: ((d.rows(),), {"widths": ((1, 1), (1, 1)), "value": 0}),
    "diagonal": lambda d: ((d.square(),), {"axis1": 0, "axis2": 1}),
    "embed_diagonal": lambda d: (
        (d.array(len(d.square())),), {"axis1": 0, "axis2": 1, "shape": (len(d.square()),) * 2}
    ),
    "new_zeros": lambda d: ((d.flat(),), {"shape": (d.n,)}),
    "initial_like": lambda d: ((d.flat(),), {"shape": (d.n,), "value": 0}),
}  # fmt: skip
