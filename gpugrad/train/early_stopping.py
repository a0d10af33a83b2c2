"""Keeping the best weights, and stopping when there is nothing more to gain."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError
from .callback import Callback
from .training import INTERRUPTED, Training


class EarlyStopping(Callback):
    """Remember the weights of the best epoch, stop after `patience` epochs without a better one, put the best back.

    monitor: a name of the epoch's record; mode: "min" or "max".  An epoch is better by more than `min_delta`; NaN never
    is.  patience=None never stops, and still restores the best.  `best` is its value and `best_epoch` its number.
    Raises ArgumentError for another mode or a patience below 1, and in training for a name the record does not have.
    """

    name = "early_stopping"

    def __init__(
        self, monitor: str = "val_loss", mode: str = "min", patience: int | None = None, min_delta: float = 0.0
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError(f"EarlyStopping: mode is {mode!r}; expected 'min' or 'max'")
        if patience is not None and patience < 1:
            raise ArgumentError(f"EarlyStopping: patience is {patience}; expected 1 or more, or None never to stop")
        self.monitor, self.mode, self.patience, self.min_delta = monitor, mode, patience, min_delta
        self.best: float | None = None
        self.best_epoch = 0
        self.weights: dict[str, Any] = {}

    def on_epoch_end(self, training: Training) -> None:
        """Compare the epoch with the best one."""
        record = training.history[-1]
        if self.monitor not in record:
            known = ", ".join(name for name in record if "_" in name)
            raise ArgumentError(f"EarlyStopping: monitor is {self.monitor!r}; the epoch's record has {known}")
        if self.is_better(record[self.monitor]):
            self.best, self.best_epoch = record[self.monitor], training.epoch
            self.weights = training.model.state_dict()  # copies
        elif self.patience is not None and training.epoch - self.best_epoch >= self.patience:
            training.stop(f"no better {self.monitor} in {self.patience} epoch{'s' * (self.patience != 1)}")

    def is_better(self, value: float) -> bool:
        """True where `value` improves on the best so far."""
        if self.best is None or math.isnan(value):
            return not math.isnan(value)
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def on_train_end(self, training: Training) -> None:
        """Put the best weights into the model, unless training was interrupted and is to go on."""
        if self.weights and training.stopped != INTERRUPTED:
            training.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch and its weights."""
        return {"best": self.best, "best_epoch": self.best_epoch, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the best epoch of `state`."""
        self.best, self.best_epoch, self.weights = state["best"], state["best_epoch"], state["weights"]
