"""A linear layer, alone and with its activation: a product by cuBLAS or cuBLASLt, and a kernel for the rest."""

import math
from typing import Any

import numpy as np

from . import autotune, elementwise, epilogue, runtime
from .activations import Activation
from .gemm import gemm, on_device
from .kernel import launch, type_name
from .linear_vjp import FILE, as_rows, column_grid, named
from .outer import alike, packed


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """Primitive linear: x (..., n_in), w (n_out, n_in), b (n_out,) or None -> (..., n_out)."""
    if not (on_device(x) and on_device(w)) or not x.ndim or w.ndim != 2 or (x.ndim != 2 and not x.flags.c_contiguous):
        return NotImplemented
    if x.shape[-1] != w.shape[1]:
        return NotImplemented
    if b is not None and (b.shape != w.shape[:1] or b.dtype != x.dtype or not alike(b)):
        return NotImplemented
    rows = as_rows(x)
    if b is None:
        y = gemm(rows, w.T)
    else:
        candidates = {
            "cuBLAS onto the bias": lambda: _onto_bias(rows, w, b),
            "cuBLASLt": lambda: epilogue.linear_bias(rows, w, b),
        }
        y = autotune.run("linear", (*rows.shape, w.shape[0]), x.dtype, candidates, _work(x, w))
    return y if y is NotImplemented else y.reshape(*x.shape[:-1], w.shape[0])


def _onto_bias(x: Any, w: Any, b: Any) -> Any:
    """The product added to rows of b: summed and rounded once."""
    y = runtime.current().empty((x.shape[0], w.shape[0]), x.dtype)
    _bias_rows(b, y)
    return gemm(x, w.T, y, beta=1.0)


def _bias_rows(b: Any, y: Any) -> None:
    (n_rows, n_out), in_packs = y.shape, packed(b, y, widths=(y.shape[1],))
    if y.size:
        grid, block = column_grid(n_rows, n_out, b.dtype.itemsize, in_packs)
        name = f"bias_rows<{type_name(b.dtype)}>"
        launch(FILE, name, grid, block, (b, y, np.int64(n_rows), np.int32(n_out), np.int32(in_packs)))


def linear_act(x: Any, w: Any, b: Any = None, *, activation: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """Primitive linear_act: (y,) or (y, z), y = phi(z) and z = x w^T + b: z only where phi' is taken from it."""
    act = named(activation, options)
    if act is None or not on_device(x) or not x.ndim or not on_device(w) or w.ndim != 2:
        return NotImplemented
    candidates = {"cuBLAS + kernel": lambda: _act_after(x, w, b, act, activation, options)}
    if act.struct == "Relu" and b is not None and x.ndim == 2:
        candidates["cuBLASLt"] = lambda: _relu_by_epilogue(x, w, b)
    sizes = math.prod(x.shape[:-1]), *w.shape
    return autotune.run(f"linear_act {activation}", sizes, x.dtype, candidates, _work(x, w))


def _work(x: Any, w: Any) -> autotune.Work:
    """Of x w^T: x and w read, the product written."""
    n_rows, n_out = x.size // x.shape[-1] if x.size else 0, w.shape[0]
    return autotune.Work(2.0 * n_rows * w.size, x.nbytes + w.nbytes + n_rows * n_out * x.dtype.itemsize)


def _relu_by_epilogue(x: Any, w: Any, b: Any) -> Any:
    y = epilogue.linear_bias(x, w, b, relu=True)
    return y if y is NotImplemented else (y,)


def _act_after(x: Any, w: Any, b: Any, act: Activation, activation: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """linear_act as a product, then one kernel for bias and activation."""
    if (z := linear(x, w)) is NotImplemented:
        return NotImplemented
    if b is None:
        y = z if act.struct == "Identity" else getattr(elementwise, activation)(z, **dict(options))
        both = (z, y)
    elif act.keeps_y:
        y = elementwise.bias_act(z, b, act, in_place=True)
        both = (z, y)
    else:
        both = elementwise.bias_act(z, b, act, keep_sum=True, in_place=True)
    if both is NotImplemented or both[1] is NotImplemented:
        return NotImplemented
    return (both[1],) if act.keeps_y else (both[1], both[0])
