"""Losses, each a function of predictions and target, with reduction "mean", "sum" or "none" (one value a sample).

Nothing broadcasts between prediction and target: (N, 1) against (N,) would make N^2 differences, and is an error.
"""

from typing import Any

from .. import ops
from ..core.tensor import as_array, is_floating
from ..errors import ArgumentError, ShapeError


def cross_entropy(
    logits: Any, target: Any, weight: Any = None, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    """Cross entropy of softmax(logits) with class indices or soft labels, by log-sum-exp.

    logits (..., C), usually (N, C); target: integers (...), or floats (..., C).  weight (C,): a factor for each class.
    label_smoothing s in [0, 1]: each target becomes (1 - s) target + s / C.  The mean is over the samples; for indices
    with class weights it is the sum of the weighted losses over the sum of the samples' weights, as in PyTorch.

    Raises IndexingError for a class out of range, ShapeError, DTypeError, ArgumentError.
    Source: Murphy, Probabilistic Machine Learning, 13.3.3.1; smoothing: Szegedy et al., CVPR 2016.

    >>> float(cross_entropy([[0.0, 0.0]], [1]))
    0.6931471805599453
    """
    _check_reduction("cross_entropy", reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing is {label_smoothing}; expected 0 to 1")
    logits, target = _value(logits), _value(target)
    n_classes = logits.shape[-1] if logits.ndim else 0
    if weight is not None:
        weight = ops.astype(_value(weight), logits.dtype)
        if weight.shape != (n_classes,):
            raise ShapeError(
                f"cross_entropy: weight has shape {weight.shape}; expected ({n_classes},), one for each class"
            )
    if is_floating(target.dtype):
        return _reduced(ops.softmax_cross_entropy(logits, _softened(target, weight, label_smoothing)), reduction)
    if target.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy: target has shape {target.shape} and dtype {target.dtype}; expected {logits.shape[:-1]}, "
            f"one class index a sample, or a floating target of shape {logits.shape}"
        )
    if label_smoothing:
        soft = _softened(ops.one_hot(target, n_classes=n_classes, dtype=logits.dtype), weight, label_smoothing)
        losses = ops.softmax_cross_entropy(logits, soft)
    else:
        losses = ops.softmax_cross_entropy(logits, target)
    if weight is None:
        return _reduced(losses, reduction)
    weights = ops.take(weight, target, axis=0)
    losses = losses if label_smoothing else losses * weights
    return ops.sum(losses) / ops.sum(weights) if reduction == "mean" else _reduced(losses, reduction)


def _softened(target: Any, weight: Any, smoothing: float) -> Any:
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / target.shape[-1]
    return target if weight is None else target * weight


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> Any:
    """-t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)) for logits z and targets t in [0, 1]; stable for any z.

    logits and target have one shape.  weight: a factor for each element.  pos_weight: a factor for the first term (one
    for each output).  Both broadcast.  The mean is over all numbers.  Raises ShapeError, ArgumentError.
    """
    name = "binary_cross_entropy_with_logits"
    _check_reduction(name, reduction)
    logits, target = _pair(name, logits, target)
    if pos_weight is None:
        losses = ops.sigmoid_cross_entropy(logits, target)
    else:
        pos_weight = ops.astype(_value(pos_weight), logits.dtype)
        losses = pos_weight * target * ops.softplus(-logits) + (1.0 - target) * ops.softplus(logits)
    if weight is not None:
        losses = losses * ops.astype(_value(weight), logits.dtype)
    if losses.shape != logits.shape:
        raise ShapeError(
            f"{name}: weight or pos_weight does not broadcast to the logits' shape {logits.shape}; "
            f"together they give {losses.shape}"
        )
    return _reduced(losses, reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """(prediction - target)^2, elementwise; the mean is over all numbers, N n_out of them, as in PyTorch."""
    d = _difference("mse_loss", prediction, target, reduction)
    return _reduced(d * d, reduction)


def squared_l2_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """|prediction - target|^2: the sum over a sample's outputs; the mean is over the N samples alone.

    The gradient for one sample is 2 (prediction - target).  prediction (N, ...); one value a sample where (N,).
    Source: Torralba, Isola and Freeman, Foundations of Computer Vision, 14.34-35.

    >>> float(squared_l2_loss([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]))
    2.5
    """
    d = _difference("squared_l2_loss", prediction, target, reduction)
    return _reduced(_per_sample(d * d), reduction)


def half_squared_l2_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """1/2 |prediction - target|^2, otherwise as `squared_l2_loss`; its gradient is prediction - target.

    Source: Murphy, Probabilistic Machine Learning, 13.3.2.
    """
    d = _difference("half_squared_l2_loss", prediction, target, reduction)
    return _reduced(_per_sample(0.5 * d * d), reduction)


def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """|prediction - target|, elementwise; the mean is over all numbers.  The derivative at 0 is 0."""
    return _reduced(ops.abs(_difference("l1_loss", prediction, target, reduction)), reduction)


def huber_loss(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """1/2 d^2 where |d| <= delta, else delta (|d| - delta / 2), for d = prediction - target; the mean over all numbers.

    Raises ArgumentError for a delta that is not positive.  Source: Huber, Annals of Mathematical Statistics, 1964.
    """
    if not delta > 0.0:
        raise ArgumentError(f"huber_loss: delta is {delta}; expected a number above 0")
    return _reduced(_huber(_difference("huber_loss", prediction, target, reduction), delta), reduction)


def smooth_l1_loss(prediction: Any, target: Any, beta: float = 1.0, reduction: str = "mean") -> Any:
    """The Huber loss with delta = beta, divided by beta; the L1 loss for beta = 0.  The mean is over all numbers."""
    if not beta >= 0.0:
        raise ArgumentError(f"smooth_l1_loss: beta is {beta}; expected a number of at least 0")
    d = _difference("smooth_l1_loss", prediction, target, reduction)
    return _reduced(_huber(d, beta) / beta if beta else ops.abs(d), reduction)


def _huber(d: Any, delta: float) -> Any:
    c = ops.clip(d, -delta, delta)
    return c * (d - 0.5 * c)


def _value(x: Any) -> Any:
    return x if hasattr(x, "ndim") else as_array(x)


def _pair(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    prediction, target = _value(prediction), _value(target)
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name}: prediction has shape {prediction.shape} and target {target.shape}; expected the same shape "
            "(reshape one of them)"
        )
    return prediction, target


def _difference(name: str, prediction: Any, target: Any, reduction: str) -> Any:
    _check_reduction(name, reduction)
    prediction, target = _pair(name, prediction, target)
    return prediction - target


def _per_sample(x: Any) -> Any:
    return ops.sum(x, axis=tuple(range(1, x.ndim))) if x.ndim > 1 else x


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{name}: reduction is {reduction!r}; expected 'mean', 'sum' or 'none'")


def _reduced(losses: Any, reduction: str) -> Any:
    return losses if reduction == "none" else ops.mean(losses) if reduction == "mean" else ops.sum(losses)
