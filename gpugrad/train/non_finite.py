"""Stopping on the first loss or gradient that is not finite, with the operation that made it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.anomaly import detect_anomaly, finite
from ..core.tensor import raw
from ..errors import NonFiniteError

if TYPE_CHECKING:
    from .training import Training

FIX = "lower the learning rate (--lr), or look for huge values in the data"


def refuse_non_finite(training: Training, x: Any, y: Any, what: str, value: float) -> None:
    """Raise NonFiniteError unless `value` is finite.

    The message names the step and, from a second run of the batch (x, y) under the anomaly mode, the operation.
    """
    if math.isfinite(value):
        return
    place = f"step {training.step + 1} (epoch {training.epoch + 1})"
    raise NonFiniteError(f"fit: the {what} is {value} at {place}; {_origin(training, x, y)}; {FIX}")


def _origin(training: Training, x: Any, y: Any) -> str:
    """Who made the first value that is not finite: the data, an earlier update, or an operation of this batch."""
    for name, array in (("inputs", x), ("targets", y)):
        if not finite(array):
            return f"the batch's {name} are not finite already"
    for name, parameter in training.model.named_parameters():
        if not finite(raw(parameter)):
            return f"parameter {name!r} is not finite already, so an earlier update overflowed"
    try:
        with detect_anomaly(), np.errstate(all="ignore"):
            rewind_dropout(training.model)
            loss = training.loss_fn(training.model(x), y)
            training.scaler.scale(loss).backward()
    except NonFiniteError as error:
        return f"first made by {error}"
    return "the sum over the batch overflowed"


def rewind_dropout(model: Any) -> None:
    """Take back one forward pass, so that the next one draws the same masks."""
    for name, buffer in model.named_buffers():
        if name.rpartition(".")[2] == "rng_state":
            buffer.data = buffer.data - np.array([0, 1], dtype=np.uint64)
