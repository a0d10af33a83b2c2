"""Launchers of kernels/elementwise.cu: activations, their cotangents, bias + activation, sigmoid cross entropy."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import runtime
from .activations import STRUCTS, Activation, activation
from .kernel import MAX_GRID_Y, NULL, TYPES, aligned, blocks_for, c_contiguous, launch, type_name

FILE = "elementwise.cu"
THREADS = 256
BLOCKS_PER_SM = 32  # several waves of what is resident, so that the last one is short; the kernels stride beyond
_MAPPED = STRUCTS[1:]  # all but the identity, which only follows a bias
INSTANCES = (
    *(f"{kernel}<{struct}, {t}>" for kernel in ("act_fwd", "act_vjp") for struct in _MAPPED for t in TYPES),
    *(f"bias_act_fwd<{struct}, {t}>" for struct in STRUCTS for t in TYPES),
    *(f"{kernel}<{t}>" for kernel in ("sigmoid_ce_fwd", "sigmoid_ce_vjp") for t in TYPES),
)


def _alike(first: Any, *others: Any) -> bool:
    """True for arrays of one shape and one storage dtype, in C order without gaps."""
    if not hasattr(getattr(first, "data", None), "ptr") or type_name(first.dtype) is None:
        return False
    for a in others:
        if type(a) is not type(first) or a.shape != first.shape or a.dtype != first.dtype:
            return False
    return c_contiguous(first, *others)


def _map(kernel: str, inputs: tuple[Any, ...], name: str = "", params: tuple[tuple[str, Any], ...] = ()) -> Any:
    """A new array, `kernel` of the inputs element by element; `name` is that of an activation."""
    if not _alike(*inputs):
        return NotImplemented
    first, now = inputs[0], runtime.current()
    dtype, n = first.dtype, first.size
    out = now.empty(first.shape, dtype)
    if n:
        packed = aligned(*inputs, out)
        n_threads = n * dtype.itemsize // 16 + 1 if packed else n
        grid = blocks_for(n_threads, THREADS, now.limits().n_sm * BLOCKS_PER_SM)
        instance, more = _instance(kernel, name, dtype, params)
        launch(FILE, instance, (grid,), (THREADS,), (*inputs, out, np.int64(n), np.int32(packed), *more))
    return out


@functools.lru_cache(maxsize=1024)
def _instance(kernel: str, name: str, dtype: Any, params: tuple[tuple[str, Any], ...]) -> tuple[str, tuple[Any, ...]]:
    """The name expression, and the parameters it takes."""
    act = activation(name, **dict(params)) if name else None
    t = type_name(dtype)
    return (f"{kernel}<{t}>", ()) if act is None else (f"{kernel}<{act.struct}, {t}>", _params(act, dtype))


def _params(act: Activation, dtype: Any) -> tuple[Any, Any]:
    """p and q in the kernel's arithmetic: double for double, else float."""
    kind = np.float64 if dtype == np.float64 else np.float32
    if act.struct == "Hardtanh":  # an output equals a limit only as its dtype rounds it
        return kind(dtype.type(act.p)), kind(dtype.type(act.q))
    return kind(act.p), kind(act.q)


def _forward(name: str) -> Callable[..., Any]:
    def forward(x: Any, **params: Any) -> Any:
        return _map("act_fwd", (x,), name, tuple(params.items()))

    forward.__name__, forward.__doc__ = name, f"Primitive {name} of x (...)."
    return forward


def _backward(name: str) -> Callable[..., Any]:
    def backward(g: Any, v: Any, **params: Any) -> Any:
        return _map("act_vjp", (g, v), name, tuple(params.items()))

    backward.__name__, backward.__doc__ = f"{name}_grad", f"Primitive {name}_grad of g and the kept v (...)."
    return backward


relu, relu_grad = _forward("relu"), _backward("relu")
leaky_relu, leaky_relu_grad = _forward("leaky_relu"), _backward("leaky_relu")
elu, elu_grad = _forward("elu"), _backward("elu")
hardtanh, hardtanh_grad = _forward("hardtanh"), _backward("hardtanh")
sigmoid, sigmoid_grad = _forward("sigmoid"), _backward("sigmoid")
tanh, tanh_grad = _forward("tanh"), _backward("tanh")
softplus, softplus_grad = _forward("softplus"), _backward("softplus")
log_sigmoid = _forward("log_sigmoid")  # its gradient is softplus_grad with beta = -1
gelu, gelu_grad = _forward("gelu"), _backward("gelu")
silu, silu_grad = _forward("silu"), _backward("silu")
mish, mish_grad = _forward("mish"), _backward("mish")


def sigmoid_cross_entropy(logits: Any, target: Any) -> Any:
    """log(1 + e^z) - t z of logits z and target t of one shape and dtype."""
    return _map("sigmoid_ce_fwd", (logits, target))


def sigmoid_cross_entropy_grad(g: Any, logits: Any, target: Any) -> Any:
    """g (sigmoid(z) - t), of arrays of one shape and dtype."""
    return _map("sigmoid_ce_vjp", (g, logits, target))


def bias_act(z: Any, b: Any, act: Activation, *, keep_sum: bool = False, in_place: bool = False) -> Any:
    """phi(z + b) over the last axis: z (..., n), b (n,); with `keep_sum` the pair (z + b, phi(z + b)).

    `in_place` writes over z: the sum where that is kept, else the result.
    """
    n_cols = z.shape[-1] if z.ndim else 0
    if (
        type(b) is not type(z)
        or b.shape != (n_cols,)
        or b.dtype != z.dtype
        or type_name(z.dtype) is None
        or not c_contiguous(z, b)
    ):
        return NotImplemented
    now = runtime.current()
    y = z if in_place and not keep_sum else now.empty(z.shape, z.dtype)
    s = None if not keep_sum else z if in_place else now.empty(z.shape, z.dtype)
    if z.size:
        _launch_bias_act(z, b, s, y, act, z.size // n_cols, n_cols)
    return (s, y) if keep_sum else y


def _launch_bias_act(z: Any, b: Any, s: Any, y: Any, act: Activation, n_rows: int, n_cols: int) -> None:
    width = 16 // z.dtype.itemsize
    packed = n_cols % width == 0 and aligned(z, b, s, y)
    n_columns = n_cols // width if packed else n_cols
    w = min(THREADS, 1 << (n_columns - 1).bit_length())
    grid_x, h = blocks_for(n_columns, w), THREADS // w
    most = max(1, runtime.current().limits().n_sm * BLOCKS_PER_SM // grid_x)
    sizes = np.int64(n_rows), np.int64(n_cols), np.int32(packed)
    launch(
        FILE,
        f"bias_act_fwd<{act.struct}, {type_name(z.dtype)}>",
        (grid_x, blocks_for(n_rows, h, min(most, MAX_GRID_Y))),
        (w, h),
        (z, b, NULL if s is None else s, y, *sizes, *_params(act, z.dtype)),
    )
