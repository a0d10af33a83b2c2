"""Losses that are elementwise in logits or residuals.  Cross entropy of softmax has a file of its own."""

from typing import Any

from ..core.primitive import elementwise


@elementwise(saves={"logits": "logits target", "target": "logits"}, widen=True)
def sigmoid_cross_entropy(xp: Any, logits: Any, target: Any) -> Any:
    """Cross entropy of sigmoid(logits) with target in [0, 1], elementwise: log(1 + exp(z)) - t z for any z.

    The gradient with respect to the logits is sigmoid(z) - t.
    """
    return xp.maximum(logits, 0) - logits * target + xp.log1p(xp.exp(-xp.abs(logits)))


sigmoid_cross_entropy.vjp(
    lambda F, g, y, logits, target: g * (F.sigmoid(logits) - target),
    lambda F, g, y, logits, target: -g * logits,
)

__all__ = ["sigmoid_cross_entropy"]
