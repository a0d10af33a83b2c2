"""Losses that are elementwise in logits or residuals.  Cross entropy of softmax has a file of its own."""

from typing import Any

from ..core.primitive import elementwise
from .sigmoid import logistic


@elementwise(
    saves={"logits": "logits target", "target": "logits"}, widen=True, cuda="elementwise.sigmoid_cross_entropy"
)
def sigmoid_cross_entropy(xp: Any, logits: Any, target: Any) -> Any:
    """Cross entropy of sigmoid(logits) with target in [0, 1], elementwise: log(1 + exp(z)) - t z for any z.

    The gradient with respect to the logits is sigmoid(z) - t.
    """
    return xp.maximum(logits, 0) - logits * target + xp.log1p(xp.exp(-xp.abs(logits)))


sigmoid_cross_entropy.vjp(
    lambda F, g, y, logits, target: F.sigmoid_cross_entropy_grad(g, logits, target),
    lambda F, g, y, logits, target: -g * logits,
)


@elementwise(
    saves={"g": "logits target", "logits": "g logits", "target": "g"},
    widen=True,
    cuda="elementwise.sigmoid_cross_entropy_grad",
)
def sigmoid_cross_entropy_grad(xp: Any, g: Any, logits: Any, target: Any) -> Any:
    """g (sigmoid(logits) - target)."""
    return g * (logistic(xp, logits) - target)


sigmoid_cross_entropy_grad.vjp(
    lambda F, h, out, g, logits, target: F.sigmoid_cross_entropy_grad(h, logits, target),
    lambda F, h, out, g, logits, target: F.sigmoid_grad(h * g, F.sigmoid(logits)),
    lambda F, h, out, g, logits, target: -h * g,
)

__all__ = ["sigmoid_cross_entropy"]
