"""Cross entropy of softmax, in one primitive that goes through log-sum-exp, so that no logit is too large.

The class axis is the last.  Cross entropy keeps the softmax p, since its gradient is p - y; the gradient is a primitive
too, for the sake of second derivatives and of a fused kernel.
"""

from typing import Any

import numpy as np

from ..core.primitive import Operation, primitive
from ..core.tensor import as_array, is_floating
from ..errors import ShapeError
from .labels import check_labels, label_places
from .short_rows import extreme


def softmax_cross_entropy(logits: Any, target: Any) -> Any:
    """Cross entropy of softmax(logits) for each sample: -sum_c y_c log p_c, with p = softmax(logits).

    logits (..., C), floating; target integers (...), each the index of a class, or floats (..., C), a weight for each
    class; the result has shape (...).  The gradient is p sum_c(y_c) - y, so p - y for an index or for labels that sum
    to one.  A soft target may be differentiated too.

    Raises IndexingError for a class out of range (on a GPU, where looking would wait for the device, that sample's loss
    is NaN), ShapeError and DTypeError for a target that is neither form.
    Source: Murphy, Probabilistic Machine Learning, 13.3.3.1.

    >>> softmax_cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), [0, 1])
    array([6.93147181e-01, 1.00000000e+04])
    """
    target = target if hasattr(target, "dtype") else as_array(target)
    if is_floating(target.dtype):
        return cross_entropy_soft(logits, target)[0]
    return cross_entropy_index(logits, target)[0]


def log_sum_exp_parts(xp: Any, logits: Any) -> tuple[Any, Any, Any]:
    """(d, p, log_sum): logits less their maximum, their softmax, and log of the sum of exp(d)."""
    if not logits.ndim or not logits.shape[-1]:
        raise ShapeError(f"cross_entropy: logits have shape {logits.shape}; expected (..., C) with C >= 1 classes")
    d = logits - extreme("max", logits, (logits.ndim - 1,), True)
    p = xp.exp(d)
    total = xp.add.reduce(p, -1, None, None, True) if xp is np else p.sum(axis=-1, keepdims=True)
    p /= total
    return d, p, xp.log(total[..., 0])


@primitive(saves="y target", nondiff="target", widen=True, several=True, cuda="softmax_xent.cross_entropy_index")
def cross_entropy_index(xp: Any, logits: Any, target: Any) -> Any:
    """(loss (...), p (..., C)) for logits (..., C) and class indices (...): loss = logsumexp(z) - z[target]."""
    d, p, log_sum = log_sum_exp_parts(xp, logits)
    n_classes = logits.shape[-1]
    check_labels("cross_entropy", xp, target, logits.shape[:-1], n_classes)
    loss = log_sum - d.reshape(-1)[label_places(xp, target, n_classes)].reshape(target.shape)
    return loss if xp is np else xp.where((target >= 0) & (target < n_classes), loss, np.nan), p


@cross_entropy_index.vjp_all
def _(F, g, y, logits, target):
    (g_loss, g_p), (_, p) = g, y
    dz = None if g_loss is None else F.cross_entropy_index_grad(g_loss, p, target)
    return _plus(dz, None if g_p is None else _through_softmax(F, g_p, p)), None


@cross_entropy_index.jvp
def _(F, t, t_target, y, logits, target):
    loss, p = y
    slope = F.cross_entropy_index_grad(F.ones_like(loss), p, target)
    return _over_classes(F, slope * t), _through_softmax(F, t, p)


@primitive(
    saves={"g": "g p target", "p": "g"}, nondiff="target", widen=True, cuda="softmax_xent.cross_entropy_index_grad"
)
def cross_entropy_index_grad(xp: Any, g: Any, p: Any, target: Any) -> Any:
    """g (p - y) with y the one-hot target: g (...), p (..., C), target (...) -> (..., C)."""
    n_classes = p.shape[-1]
    dz = xp.multiply(p.reshape(-1, n_classes), g.reshape(-1, 1), order="C")
    dz.reshape(-1)[label_places(xp, target, n_classes)] -= g.reshape(-1)
    return dz.reshape(p.shape)


cross_entropy_index_grad.vjp(
    lambda F, u, y, g, p, target: _over_classes(F, u * F.cross_entropy_index_grad(F.ones_like(g), p, target)),
    lambda F, u, y, g, p, target: u * _column(F, g),
)


@cross_entropy_index_grad.jvp
def _(F, tg, tp, t_target, y, g, p, target):
    through_g = None if tg is None else F.cross_entropy_index_grad(tg, p, target)
    return _plus(through_g, None if tp is None else tp * _column(F, g))


@primitive(
    saves={"logits": "y target", "target": "logits"}, widen=True, several=True, cuda="softmax_xent.cross_entropy_soft"
)
def cross_entropy_soft(xp: Any, logits: Any, target: Any) -> Any:
    """(loss (...), p (..., C)) for logits and soft labels (..., C): loss = sum_c y_c (logsumexp(logits) - logits_c)."""
    if target.shape != logits.shape:
        raise ShapeError(
            f"cross_entropy: target has shape {target.shape} and dtype {target.dtype}; expected {logits.shape}, one "
            f"weight a class, or integers of shape {logits.shape[:-1]}, one class index a sample"
        )
    d, p, log_sum = log_sum_exp_parts(xp, logits)
    return target.sum(axis=-1) * log_sum - (target * d).sum(axis=-1), p


@cross_entropy_soft.vjp_all
def _(F, g, y, logits, target):
    (g_loss, g_p), p = g, y and y[1]
    dz = None if target is None or g_loss is None else F.cross_entropy_soft_grad(g_loss, p, target)
    dz = _plus(dz, None if g_p is None else _through_softmax(F, g_p, p))
    return dz, None if logits is None or g_loss is None else -_column(F, g_loss) * _log_softmax(F, logits)


@cross_entropy_soft.jvp
def _(F, t, t_target, y, logits, target):
    loss, p = y
    rise = None if t is None else _over_classes(F, t * F.cross_entropy_soft_grad(F.ones_like(loss), p, target))
    more = None if t_target is None else -_over_classes(F, t_target * _log_softmax(F, logits))
    return _plus(rise, more), None if t is None else _through_softmax(F, t, p)


@primitive(
    saves={"g": "g p target", "p": "g target", "target": "g p"}, widen=True, cuda="softmax_xent.cross_entropy_soft_grad"
)
def cross_entropy_soft_grad(xp: Any, g: Any, p: Any, target: Any) -> Any:
    """g (p sum_c(y_c) - y): g (...), p and the target y (..., C) -> (..., C)."""
    return g[..., None] * (p * target.sum(axis=-1, keepdims=True) - target)


cross_entropy_soft_grad.vjp(
    lambda F, u, y, g, p, target: _over_classes(F, u * F.cross_entropy_soft_grad(F.ones_like(g), p, target)),
    lambda F, u, y, g, p, target: u * _column(F, g * _over_classes(F, target)),
    lambda F, u, y, g, p, target: _column(F, g) * (_column(F, _over_classes(F, u * p)) - u),
)


@cross_entropy_soft_grad.jvp
def _(F, tg, tp, t_target, y, g, p, target):
    through_g = None if tg is None else F.cross_entropy_soft_grad(tg, p, target)
    through_p = None if tp is None else tp * _column(F, g * _over_classes(F, target))
    through_target = None if t_target is None else F.cross_entropy_soft_grad(g, p, t_target)
    return _plus(_plus(through_g, through_p), through_target)


def _over_classes(F: Any, x: Any) -> Any:
    return F.sum(x, axis=(x.ndim - 1,), keepdims=False)


def _column(F: Any, x: Any) -> Any:
    return F.reshape(x, shape=(*x.shape, 1))


def _log_softmax(F: Any, logits: Any) -> Any:
    return F.log_softmax(logits, axis=(logits.ndim - 1,))


def _through_softmax(F: Any, v: Any, p: Any) -> Any:
    """v times the Jacobian of softmax, which is symmetric: diag(p) - p p^T."""
    return p * (v - _column(F, _over_classes(F, v * p)))


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _sample_axes_lead(op: Operation) -> None:
    """A batch axis is one more leading axis, once every input has it."""

    @op.batch
    def _(F, batched, *xs):
        n = next(x.shape[0] for x, mine in zip(xs, batched, strict=True) if mine)
        spread = (x if mine else F.broadcast_to(x, shape=(n, *x.shape)) for x, mine in zip(xs, batched, strict=True))
        return op(*spread)


for _op in (cross_entropy_index, cross_entropy_index_grad, cross_entropy_soft, cross_entropy_soft_grad):
    _sample_axes_lead(_op)

__all__ = ["softmax_cross_entropy"]
