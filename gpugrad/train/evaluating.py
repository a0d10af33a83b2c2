"""Measuring a model on batches without training it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

from ..core.tape import no_grad
from ..core.tensor import raw
from .metrics import Metric


def evaluate(
    model: Any, loss_fn: Callable[[Any, Any], Any], batches: Iterable[Any], metric: Metric | None = None
) -> dict[str, float]:
    """{"loss": mean over rows, metric.name: value} of `model` in evaluation mode, without recording.

    batches yields (x, y).  `metric` is not changed, and a model that was in training mode is put back into it.
    """
    counted = copy.copy(metric)
    if counted is not None:
        counted.reset()
    training, total, n = model.training, 0.0, 0
    model.eval()
    try:
        with no_grad():
            for x, y in batches:
                outputs = model(x)
                total += float(loss_fn(outputs, y)) * len(y)
                n += len(y)
                if counted is not None:
                    counted.update(raw(outputs), raw(y))
    finally:
        model.train(training)
    loss = {"loss": total / n if n else math.nan}
    return loss if counted is None else {**loss, counted.name: counted.value}
