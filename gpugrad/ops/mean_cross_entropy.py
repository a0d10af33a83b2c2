"""The mean cross entropy of softmax over all samples, with its gradient and the number of hits from the same pass."""

import math
from typing import Any

import numpy as np

from ..core.batch import example_by_example
from ..core.primitive import primitive
from ..core.tensor import is_floating
from ..errors import ShapeError
from .cross_entropy import log_sum_exp_parts
from .labels import check_labels, label_places


@primitive(saves="y target weight", nondiff="target weight", widen=True, cuda="softmax_xent.cross_entropy_mean")
def cross_entropy_mean_(xp: Any, logits: Any, target: Any, weight: Any = None, *, smoothing: float) -> Any:
    """(loss, slope, n_hits): the mean cross entropy over all samples, its gradient, and how many argmax are right.

    logits z (..., C); target integers (...) or soft labels (..., C); weight (C,) or None, a factor for each class.
    With y the one-hot row or the soft labels, q = weight ((1 - smoothing) y + smoothing / C), and `total` the number of
    samples, or the sum of weight[target] for indices with class weights:

        loss () = sum of q (logsumexp(z) - z) over samples and classes, over total
        slope (..., C) = (softmax(z) sum_c(q) - q) / total
        n_hits () = number of samples where argmax z = target, or argmax of the soft labels; an integer

    Neither target nor weight has a gradient.  Raises IndexingError for a class out of range (on a GPU the loss is NaN),
    ShapeError and DTypeError for a target or weight of another form.
    """
    d, p, log_sum = log_sum_exp_parts(xp, logits)
    _check(xp, logits, target, weight)
    best = logits.argmax(axis=-1)
    if is_floating(target.dtype):
        n_hits = (best == target.argmax(axis=-1)).sum()
    else:
        n_hits = (best == target).sum()
        if weight is None and not smoothing:
            return *_of_indices(xp, d, p, log_sum, target), n_hits
    q = _weights(xp, target, weight, smoothing, logits)
    total = _total(xp, target, weight, log_sum.size)
    q_sum = q.sum(axis=-1)
    loss = ((q_sum * log_sum).sum() - (q * d).sum()) / total
    return loss, (p * q_sum[..., None] - q) / total, n_hits


def _of_indices(xp: Any, d: Any, p: Any, log_sum: Any, target: Any) -> tuple[Any, Any]:
    """(loss, slope) of class indices that all weigh the same; p turns into the slope."""
    n, places = target.size, label_places(xp, target, d.shape[-1])
    loss = (log_sum.sum() - d.reshape(-1)[places].sum()) / n
    p = xp.multiply(p, 1.0 / n, order="C")
    p.reshape(-1)[places] -= 1.0 / n
    return loss if xp is np else xp.where(((target >= 0) & (target < d.shape[-1])).all(), loss, np.nan), p


def _weights(xp: Any, target: Any, weight: Any, smoothing: float, logits: Any) -> Any:
    """q of every sample and class."""
    n_classes = logits.shape[-1]
    soft = is_floating(target.dtype)
    y = target if soft else (target[..., None] == xp.arange(n_classes)).astype(logits.dtype)
    y = y * (1.0 - smoothing) + smoothing / n_classes
    return y if weight is None else y * weight


def _total(xp: Any, target: Any, weight: Any, n: int) -> Any:
    return n if weight is None or is_floating(target.dtype) else weight[target].sum()


def _check(xp: Any, logits: Any, target: Any, weight: Any) -> None:
    if not is_floating(target.dtype):
        check_labels("cross_entropy", xp, target, logits.shape[:-1], logits.shape[-1])
    elif target.shape != logits.shape:
        raise ShapeError(
            f"cross_entropy: target has shape {target.shape} and dtype {target.dtype}; expected {logits.shape}, one "
            f"weight a class, or integers of shape {logits.shape[:-1]}, one class index a sample"
        )
    if weight is not None and weight.shape != logits.shape[-1:]:
        raise ShapeError(f"cross_entropy: weight has shape {weight.shape}; expected {logits.shape[-1:]}, one a class")


@cross_entropy_mean_.vjp_all
def _(F, g, y, logits, target, weight, *, smoothing):
    g_loss, g_slope, _ = g
    slope = y[1]
    dz = None if g_loss is None else slope * g_loss
    if g_slope is None:
        return dz, None, None
    more = _through_slope(F, g_slope, slope, target, weight, smoothing)
    return more if dz is None else dz + more, None, None


@cross_entropy_mean_.jvp
def _(F, t, t_target, t_weight, y, logits, target, weight, *, smoothing):
    slope = y[1]
    rise = F.sum(slope * t, axis=tuple(range(t.ndim)), keepdims=False)
    return rise, _through_slope(F, t, slope, target, weight, smoothing), None


def _through_slope(F: Any, v: Any, slope: Any, target: Any, weight: Any, smoothing: float) -> Any:
    """v times the Jacobian of the slope, which is symmetric: diag(a) - a a^T / sum(a), for a = slope + q / total."""
    q, total = _shares(F, slope, target, weight, smoothing, 0)
    a = slope + q / total
    last = (a.ndim - 1,)
    size = F.sum(a, axis=last, keepdims=True)
    return a * (v - F.sum(v * a, axis=last, keepdims=True) / F.where(size != 0, size, 1.0))


def _shares(F: Any, like: Any, target: Any, weight: Any, smoothing: float, n_batch: int) -> tuple[Any, Any]:
    """(q, total), as operations of F; `n_batch` axes in front are those of a vmap, each with a total of its own."""
    own = tuple(range(n_batch, like.ndim))
    hot = target if is_floating(target.dtype) else F.one_hot(target, n_classes=like.shape[-1], dtype=like.dtype)
    y = hot * (1.0 - smoothing) + smoothing / like.shape[-1]
    if weight is None:
        return y, math.prod(like.shape[n_batch:-1])
    if is_floating(target.dtype):
        return y * weight, math.prod(like.shape[n_batch:-1])
    return y * weight, F.sum(hot * weight, axis=own, keepdims=n_batch > 0)


@cross_entropy_mean_.batch
def _(F, batched, logits, target, weight, *, smoothing):
    if batched[2]:
        return example_by_example(
            cross_entropy_mean_.primitive, batched, [logits, target, weight], {"smoothing": smoothing}
        )
    n = (logits if batched[0] else target).shape[0]
    logits, target = (
        x if mine else F.broadcast_to(x, shape=(n, *x.shape))
        for x, mine in zip((logits, target), batched, strict=False)
    )
    last, samples = (logits.ndim - 1,), tuple(range(1, logits.ndim - 1))
    soft = is_floating(target.dtype)
    if soft or smoothing or weight is not None:
        q, total = _shares(F, logits, target, weight, smoothing, 1)
        losses, p = F.cross_entropy_soft(logits, q)
        slope = F.cross_entropy_soft_grad(F.ones_like(losses), p, q) / total
    else:
        total = math.prod(target.shape[1:])
        losses, p = F.cross_entropy_index(logits, target)
        slope = F.cross_entropy_index_grad(F.ones_like(losses), p, target) / total
    loss = F.sum(losses, axis=samples, keepdims=False)
    loss = loss / (total if type(total) is int else F.reshape(total, shape=(n,)))
    best = F.argmax(logits, axis=last, keepdims=False)
    wanted = F.argmax(target, axis=last, keepdims=False) if soft else target
    return loss, slope, F.sum(best == wanted, axis=samples, keepdims=False)


def cross_entropy_mean(logits: Any, target: Any, weight: Any = None, smoothing: float = 0.0) -> tuple[Any, Any]:
    """(loss, n_hits): the mean cross entropy of softmax(logits) over all samples, and how many argmax are right.

    logits (..., C), floating; target integers (...) or soft labels (..., C); weight (C,) or None, a factor for each
    class; smoothing s makes (1 - s) target + s / C of each target.  The mean is over the samples, for indices with
    class weights over the sum of the samples' weights.  One pass over the logits gives the loss and its gradient, on a
    GPU in one launch; target and weight have no gradient here.

    Raises IndexingError for a class out of range (on a GPU the loss is NaN), ShapeError and DTypeError.
    Source: Murphy, Probabilistic Machine Learning, 13.3.3.1.

    >>> loss, n_hits = cross_entropy_mean(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([0, 1]))
    >>> round(float(loss), 4), int(n_hits)
    (5000.3466, 1)
    """
    loss, _, n_hits = cross_entropy_mean_(logits, target, weight, smoothing=smoothing)
    return loss, n_hits.detach() if hasattr(n_hits, "detach") else n_hits


__all__ = ["cross_entropy_mean"]
