"""A learning rate that falls when a measure stops getting better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import ArgumentError, ArgumentTypeError, CheckpointError
from ..optimizer import Optimizer
from .base import checked_state
from .closed import at_least


class ReduceLROnPlateau:
    """Multiplies the learning rates by `factor` after more than `patience` calls without a better measure.

    `mode` "min" or "max" says what better means: past the best by threshold times the best ("rel") or by threshold
    ("abs").  After a reduction `cooldown` calls do not count.  No rate falls below `min_lr` (a number, or one a group),
    and a change smaller than `eps` is left out.  A NaN is not better than anything.

    Raises ArgumentError for a factor of 1 or more, an unknown mode, or negative lengths.

    >>> from gpugrad import Tensor
    >>> from gpugrad.optim import SGD
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=0.1)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    >>> for loss in (1.0, 0.5, 0.6):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not 0 <= factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor is {factor!r}; expected 0 <= factor < 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"ReduceLROnPlateau: mode is {mode!r} and threshold_mode {threshold_mode!r}; expected 'min' or 'max', "
                "and 'rel' or 'abs'"
            )
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{self.name}: optimizer is a {type(optimizer).__name__}; expected an Optimizer")
        n_groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * n_groups
        if len(self.min_lrs) != n_groups:
            raise ArgumentError(
                f"ReduceLROnPlateau: min_lr has {len(self.min_lrs)} entries; expected one, or {n_groups}"
            )
        self.patience = at_least("ReduceLROnPlateau", "patience", patience, 0)
        self.cooldown = at_least("ReduceLROnPlateau", "cooldown", cooldown, 0)
        self.optimizer, self.mode, self.factor, self.eps = optimizer, mode, factor, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    @property
    def name(self) -> str:
        """Name of the schedule, as saved states give it."""
        return type(self).__name__

    def step(self, metrics: Any) -> None:
        """Take in the measure of one more epoch."""
        value = float(metrics)
        self.last_epoch += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _better(self, value: float) -> bool:
        if self.best is None:
            return math.isfinite(value)
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def _reduce(self) -> None:
        for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """{"schedule", "last_epoch", "lrs", "best", "num_bad_epochs", "cooldown_counter"}; fit for JSON."""
        counts = {key: getattr(self, key) for key in ("best", "num_bad_epochs", "cooldown_counter")}
        return {"schedule": self.name, "last_epoch": self.last_epoch, "lrs": self.get_last_lr(), **counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, learning rates included; raises CheckpointError where it is not of this schedule."""
        n, lrs = checked_state(self, state, "lrs")
        counts: list[Any] = [state.get("num_bad_epochs"), state.get("cooldown_counter")]
        best = state.get("best")
        if not all(isinstance(count, int) and count >= 0 for count in counts) or not isinstance(best, float | None):
            raise CheckpointError(f"{self.name}: best {best!r} and counts {counts!r}; the checkpoint is damaged")
        self.last_epoch, self.best = n, best
        self.num_bad_epochs, self.cooldown_counter = map(int, counts)
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = float(lr)
