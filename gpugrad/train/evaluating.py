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
    model: Any,
    loss_fn: Callable[[Any, Any], Any],
    batches: Iterable[Any],
    metric: Metric | None = None,
    measure: Callable[[Any, Any], tuple[Any, Any]] | None = None,
) -> dict[str, float]:
    """{"loss": mean over rows, metric.name: value} of `model` in evaluation mode, without recording.

    batches yields (x, y).  `metric` is not changed, and a model that was in training mode is put back into it.
    measure(x, y) gives the outputs and the loss of a batch, by default those of `model` and `loss_fn`.
    """

    def written(x: Any, y: Any) -> tuple[Any, Any]:
        outputs = model(x)
        return outputs, loss_fn(outputs, y)

    measure = measure or written
    counted = copy.copy(metric)
    if counted is not None:
        counted.reset()
    training, total, n = model.training, 0.0, 0
    model.eval()
    try:
        with no_grad():
            for x, y in batches:
                outputs, loss = measure(x, y)
                total += float(loss) * len(y)
                n += len(y)
                if counted is not None:
                    counted.update(raw(outputs), raw(y))
    finally:
        model.train(training)
    found = {"loss": total / n if n else math.nan}
    return found if counted is None else {**found, counted.name: counted.value}
