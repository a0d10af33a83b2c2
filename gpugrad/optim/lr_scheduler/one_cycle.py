"""The one-cycle schedule, of learning rate and momentum."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from ...errors import ArgumentError
from ..optimizer import Optimizer
from .base import LRScheduler
from .closed import at_least, within


class OneCycleLR(LRScheduler):
    """One cycle: up from max_lr / div_factor to max_lr, then down to max_lr / div_factor / final_div_factor.

    The way up takes pct_start of the `total_steps` (or `epochs` times `steps_per_epoch`).  With `three_phase` the way
    down first mirrors it.  Each phase is a cosine or, with anneal_strategy="linear", a line.  With `cycle_momentum` the
    momentum (for Adam, beta1) goes the other way, from max_momentum to base_momentum and back.  `max_lr`,
    `base_momentum` and `max_momentum` may be lists, an entry a group.

    Raises ArgumentError for lengths and fractions out of range, for an optimizer without momentum where it should
    cycle, and in `step` once the total is reached.
    Source: Smith and Topin, Super-convergence: Very fast training of neural networks using large learning rates (2018).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        self.total_steps = at_least("OneCycleLR", "total_steps (or epochs * steps_per_epoch)", total_steps, 1)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"OneCycleLR: anneal_strategy is {anneal_strategy!r}; expected 'cos' or 'linear'")
        self._between = _cosine if anneal_strategy == "cos" else _line
        n_groups = len(optimizer.param_groups)
        tops = _each(max_lr, n_groups, "max_lr")
        highs, lows = _each(max_momentum, n_groups, "max_momentum"), _each(base_momentum, n_groups, "base_momentum")
        up = within("OneCycleLR", "pct_start", pct_start, 0, 0.5 if three_phase else 1) * self.total_steps - 1
        self._ends = [up, 2 * up, self.total_steps - 1] if three_phase else [up, self.total_steps - 1]
        # For each group the rates and the momenta at the start of the first phase and at the end of each.
        self._rates, self._momenta = [], []
        for top, high, low in zip(tops, highs, lows, strict=True):
            first = top / div_factor
            last = first / final_div_factor
            self._rates.append([first, top, first, last] if three_phase else [first, top, last])
            self._momenta.append([high, low, high, high] if three_phase else [high, low, high])
        self._cycles = _momentum_key(optimizer) if cycle_momentum else None
        super().__init__(optimizer)

    def set_to(self, n: int) -> None:
        if n > self.total_steps:
            raise ArgumentError(f"OneCycleLR: step {n} of {self.total_steps}; expected no more: raise total_steps")
        i = min(bisect_left(self._ends, n), len(self._ends) - 1)
        start, end = self._ends[i - 1] if i else 0, self._ends[i]
        done = (n - start) / (end - start) if end > start else 1.0
        for group, rates, momenta in zip(self.optimizer.param_groups, self._rates, self._momenta, strict=True):
            group["lr"] = self._between(rates[i], rates[i + 1], done)
            momentum = self._between(momenta[i], momenta[i + 1], done)
            if self._cycles == "betas":
                group["betas"] = (momentum, *group["betas"][1:])
            elif self._cycles:
                group["momentum"] = momentum


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))


def _line(start: float, end: float, done: float) -> float:
    return start + (end - start) * done


def _each(value: float | Sequence[float], n_groups: int, name: str) -> list[float]:
    values = list(value) if isinstance(value, Sequence) else [value] * n_groups
    if len(values) != n_groups:
        raise ArgumentError(
            f"OneCycleLR: {name} has {len(values)} entries; expected one number, or {n_groups} for the groups"
        )
    return values


def _momentum_key(optimizer: Optimizer) -> str:
    for key in ("betas", "momentum"):
        if key in optimizer.defaults:
            return key
    raise ArgumentError(f"OneCycleLR: {optimizer.name} has no momentum to cycle; pass cycle_momentum=False")
