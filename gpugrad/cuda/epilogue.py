"""Products of a linear layer with what follows them in the same cuBLASLt call: bias, ReLU, its mask, bias gradients.

Row-major views are seen in columns, as in `gemm.py`: y = x w^T + b is y^T = w x^T, whose rows have the bias.  Every
function returns NotImplemented where cuBLASLt, or the view, does not serve.
"""

from typing import Any

from . import cublaslt, runtime
from .cublas import DATA_TYPES, N, Operand
from .gemm import compute_type, lies, on_device

_MASK_STEP = 128  # bits; columns of a mask begin at multiples


def linear_bias(x: Any, w: Any, b: Any, *, relu: bool = False) -> Any:
    """x w^T + b of x (n, n_in), w (n_out, n_in), b (n_out,), and the ReLU of it where asked: BIAS or RELU_BIAS."""
    y = _output(x, w, b)
    kind = cublaslt.RELU_BIAS if relu else cublaslt.BIAS
    return y if y is not NotImplemented and _run(x, w.T, y, kind, b) else NotImplemented


def linear_relu_mask(x: Any, w: Any, b: Any) -> Any:
    """(relu(x w^T + b), mask of what passed, one bit an element) by RELU_AUX_BIAS: the mask stands for the kept y."""
    y = _output(x, w, b)
    if y is NotImplemented:
        return NotImplemented
    mask = runtime.current().empty((y.shape[0], _mask_ld(y.shape[1]) // 8), "uint8")
    return (y, mask) if _run(x, w.T, y, cublaslt.RELU_AUX_BIAS, b, mask) else NotImplemented


def masked_product(delta: Any, w: Any, mask: Any) -> Any:
    """(dz, db) of the layer below, whose ReLU left `mask`: dz = delta w where it passed, else 0, db its column sums.

    delta (n, n_out), w (n_out, n_in), mask of n_in columns -> (n, n_in), (n_in,), by DRELU_BGRAD.
    """
    if not _fits(delta, w) or delta.shape[1] != w.shape[0]:
        return NotImplemented
    now = runtime.current()
    dz, db = now.empty((delta.shape[0], w.shape[1]), w.dtype), now.empty((w.shape[1],), w.dtype)
    return (dz, db) if _run(delta, w, dz, cublaslt.DRELU_BGRAD, db, mask) else NotImplemented


def weight_and_bias_grad(delta: Any, x: Any) -> Any:
    """(dw, db) = (delta^T x, column sums of delta) of delta (n, n_out), x (n, n_in), by BGRADB."""
    if not _fits(delta, x) or delta.shape[0] != x.shape[0]:
        return NotImplemented
    now = runtime.current()
    dw, db = now.empty((delta.shape[1], x.shape[1]), x.dtype), now.empty((delta.shape[1],), x.dtype)
    return (dw, db) if _run(delta.T, x, dw, cublaslt.BGRADB, db) else NotImplemented


def _mask_ld(n_columns: int) -> int:
    return -(-n_columns // _MASK_STEP) * _MASK_STEP


def _fits(*arrays: Any) -> bool:
    first = arrays[0]
    known = all(on_device(a) and a.dtype == first.dtype and a.size for a in arrays)
    return known and first.dtype.name in DATA_TYPES and all(a.ndim == 2 for a in arrays)


def _output(x: Any, w: Any, b: Any) -> Any:
    """An array for x w^T + b, NotImplemented where they do not fit."""
    if not _fits(x, w) or x.shape[1] != w.shape[1] or not on_device(b) or b.dtype != x.dtype or b.shape != w.shape[:1]:
        return NotImplemented
    return runtime.current().empty((x.shape[0], w.shape[0]), x.dtype) if b.flags.c_contiguous else NotImplemented


def _run(a: Any, b: Any, out: Any, epilogue: int, vector: Any, mask: Any = None) -> bool:
    """out = epilogue(a b), as out^T = b^T a^T in columns; False where it is not supported."""
    a_lies, b_lies = lies(a), lies(b)
    if a_lies is None or b_lies is None:
        return False
    dtype, (m, k), n = DATA_TYPES[out.dtype.name], a.shape, b.shape[1]
    left, right = Operand(b.data.ptr, dtype, *b_lies, 0), Operand(a.data.ptr, dtype, *a_lies, 0)
    result = Operand(out.data.ptr, dtype, N, n, 0)
    aux_ld = 0 if mask is None else _mask_ld(n)
    kind = cublaslt.kind_of((n, m, k), left, right, result, compute_type(out.dtype), epilogue, aux_ld)
    handle, stream = cublaslt.handle()
    aux = 0 if mask is None else mask.data.ptr
    return handle.matmul(kind, left.address, right.address, result.address, vector.data.ptr, aux, 1.0, stream)
