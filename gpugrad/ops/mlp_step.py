"""The loss of an MLP and the gradients of its parameters as one primitive: one kernel for a narrow net on a GPU."""

import functools
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.namespace import OPS, namespace
from ..core.primitive import primitive
from ..core.tensor import Tensor
from ..core.transform import as_value, grad, jvp, value_and_grad
from ..core.vmap import vmap
from ..errors import ArgumentError, ShapeError
from . import activation as _activation  # noqa: F401 - each registers the activations that OPS finds by name
from . import self_gated as _self_gated  # noqa: F401
from . import sigmoid as _sigmoid  # noqa: F401
from . import special as _special  # noqa: F401
from .cross_entropy import cross_entropy_index, cross_entropy_soft
from .labels import one_hot
from .linear import linear_

LOSSES = ("cross_entropy", "squared_error")
# The activations between layers, with the parameters of their primitives as they are unless given.
ACTIVATIONS: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("relu", "sigmoid", "tanh", "silu", "mish", "log_sigmoid")},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0, "scale": 1.0},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "softplus": {"beta": 1.0},
    "gelu": {"approximate": "none"},
}


class How(NamedTuple):
    """All of a step that is no array.  options: the parameters of the activation's primitive."""

    n_layers: int
    activation: str
    options: dict[str, Any]
    loss: str = "cross_entropy"
    mean: bool = True
    scale: float = 1.0
    smoothing: float = 0.0


@primitive(saves="y inputs", nondiff="x target class_weight", cuda="mlp_step.mlp_step")
def mlp_step(xp: Any, x: Any, target: Any, class_weight: Any, *params: Any, how: How) -> Any:
    """(loss, n_correct, *gradients) of an MLP with params (w0, w1, ..., b0, b1, ...), or its weights alone."""
    value, z, grads = _unfused(x, target, class_weight, params, how)
    n_correct = (z.argmax(axis=-1) == target).sum() if how.loss == "cross_entropy" else 0
    return value, xp.asarray(n_correct, dtype="float32"), *grads


def _unfused(x: Any, target: Any, class_weight: Any, params: Sequence[Any], how: How) -> Any:
    """(loss, logits, gradients) by the ordinary graph."""
    f = _graph(x, target, class_weight, how)
    (value, z), grads = value_and_grad(f, tuple(range(len(params))), has_aux=True)(*params)
    return value, z, grads


@mlp_step.batch
def _(F, batched, *xs, how):
    def of_one(x, target, class_weight, *params):
        value, z, grads = _unfused(x, target, class_weight, params, how)
        if how.loss != "cross_entropy":
            return value, F.zeros_like(value), *grads
        hits = F.equal(F.argmax(z, axis=(1,), keepdims=False), target)
        return value, F.sum(F.astype(hits, dtype=np.dtype("float32")), axis=(0,), keepdims=False), *grads

    return vmap(of_one, tuple(0 if mine else None for mine in batched))(*xs)


@mlp_step.vjp_all
def _(F, g, y, x, target, class_weight, *params, how):
    grads = [None if g[0] is None else v * g[0] for v in y[2:]]
    if any(u is not None for u in g[2:]):  # the gradients are differentiated: the Hessian, by the unfused graph
        through = _hessian_times(g[2:], _graph(x, target, class_weight, how), params)
        grads = [u if v is None else u + v for u, v in zip(through, grads, strict=True)]
    return None, None, None, *grads


@mlp_step.jvp
def _(F, *rest, how):
    n = len(rest) // 2
    tangents, y, (x, target, class_weight, *params) = rest[3:n], rest[n], rest[n + 1 :]
    parts = [
        F.sum(t * v, axis=tuple(range(t.ndim)), keepdims=False)
        for t, v in zip(tangents, y[2:], strict=True)
        if t is not None
    ]
    through = _hessian_times(tangents, _graph(x, target, class_weight, how), params)
    return functools.reduce(operator.add, parts), F.zeros_like(y[1]), *through


def _hessian_times(u: Sequence[Any], f: Any, params: Sequence[Any]) -> Any:
    """The Hessian of f in the parameters times u (None: zero), by forward over reverse."""
    directions = [namespace(p).zeros_like(p) if v is None else v for p, v in zip(params, u, strict=True)]
    slope = grad(f, tuple(range(len(params))), has_aux=True)
    return jvp(slope, params, directions, has_aux=True)[1]


def _graph(x: Any, target: Any, class_weight: Any, how: How) -> Any:
    """(loss, logits) as a function of the parameters: the unfused graph, which is the kernel's reference."""

    def f(*params: Any) -> tuple[Any, Any]:
        weights, biases = params[: how.n_layers], params[how.n_layers :] or (None,) * how.n_layers
        z = linear_(x, weights[0], biases[0])
        for w, b in zip(weights[1:], biases[1:], strict=True):
            z = linear_(getattr(OPS, how.activation)(z, **how.options), w, b)
        total, n = _loss_sum(z, target, class_weight, how.loss, how.smoothing)
        return total * how.scale / n if how.mean else total * how.scale, z

    return f


def _loss_sum(z: Any, target: Any, class_weight: Any, loss: str, smoothing: float) -> tuple[Any, Any]:
    """(loss summed over samples, sum of the samples' weights)."""
    if loss == "squared_error":
        e = z - target
        return OPS.sum(e * e, axis=(0, 1), keepdims=False), z.shape[0]
    if class_weight is None and not smoothing:
        return OPS.sum(cross_entropy_index(z, target)[0], axis=(0,), keepdims=False), z.shape[0]
    soft = one_hot(target, n_classes=z.shape[1], dtype=z.dtype)
    weight = z.shape[0] if class_weight is None else OPS.sum(soft * class_weight, axis=(0, 1), keepdims=False)
    soft = soft * (1.0 - smoothing) + smoothing / z.shape[1]
    soft = soft if class_weight is None else soft * class_weight
    return OPS.sum(cross_entropy_soft(z, soft)[0], axis=(0,), keepdims=False), weight


def mlp_loss(
    x: Any,
    target: Any,
    weights: Sequence[Any],
    biases: Sequence[Any] | None = None,
    activation: str = "relu",
    loss: str = "cross_entropy",
    class_weight: Any = None,
    reduction: str = "mean",
    scale: float = 1.0,
    label_smoothing: float = 0.0,
    **options: Any,
) -> Any:
    """Loss of the MLP h <- phi(h w^T + b) (no phi after the last layer), with all its gradients found on the way.

    x (N, n_in); weights (n_out, n_in) each; biases (n_out,) each, or none at all.  activation: one of relu, leaky_relu,
    elu, hardtanh, sigmoid, log_sigmoid, tanh, softplus, gelu, silu, mish; options are its parameters.  loss
    "cross_entropy": target int64 (N,), class_weight (C,) and label_smoothing as in `nn.cross_entropy`; "squared_error":
    target (N, n_out), summed over a sample's outputs, times scale (1/2 for the half squared L2 loss, 1/n_out for the
    mean squared error).  reduction "mean" divides by the sum of the samples' weights.  The result has shape ().

    On a GPU a narrow net (widths to 256, to 8 layers, float32 or bfloat16) is one launch and a reduction; an x that
    requires a gradient, second derivatives, and what the kernel declines take the ordinary graph.
    Raises ArgumentError for an unknown activation, option, loss or reduction, ShapeError where layers do not fit.

    >>> float(mlp_loss(np.ones((2, 3)), np.zeros((2, 1)), [np.ones((1, 3))], loss="squared_error"))
    9.0
    """
    if loss not in LOSSES or reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"mlp_loss: loss={loss!r}, reduction={reduction!r}; expected a loss of {LOSSES} and 'mean' or 'sum'"
        )
    known = ACTIVATIONS.get(activation)
    if known is None or not options.keys() <= known.keys():
        takes = f"one of {', '.join(ACTIVATIONS)}" if known is None else f"options among {sorted(known)}"
        raise ArgumentError(f"mlp_loss: activation={activation!r} with options {options}; expected {takes}")
    if not weights or len(biases or weights) != len(weights) or any(b is None for b in biases or ()):
        n_biases = sum(b is not None for b in biases or ())
        raise ShapeError(
            f"mlp_loss: {len(weights)} weights and {n_biases} biases; expected one bias for each weight, or biases=None"
        )
    x, target, class_weight = as_value(x), as_value(target), None if class_weight is None else as_value(class_weight)
    params = [as_value(p) for p in (*weights, *(biases or ()))]
    how = How(len(weights), activation, known | options, loss, reduction == "mean", scale, label_smoothing)
    if isinstance(x, Tensor) and (x.node is not None or x.level):
        return _graph(x, target, class_weight, how)(*params)[0]
    return mlp_step(x, target, class_weight, *params, how=how)[0]


__all__ = ["mlp_loss"]
