"""Schedules that are one formula of the step count n and the base learning rate."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import ArgumentError
from ..optimizer import Optimizer
from .base import LRScheduler


class ConstantLR(LRScheduler):
    """factor base for the first `total_iters` steps, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor = within("ConstantLR", "factor", factor, 0, 1)
        self.total_iters = at_least("ConstantLR", "total_iters", total_iters, 0)
        super().__init__(optimizer)

    def lr_at(self, n: int, base_lr: float) -> float:
        return base_lr * self.factor if n < self.total_iters else base_lr


class LinearLR(LRScheduler):
    """Warm-up: from start_factor base to end_factor base in a straight line over `total_iters` steps, then stays."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor = within("LinearLR", "start_factor", start_factor, 0, 1)
        self.end_factor = within("LinearLR", "end_factor", end_factor, 0, 1)
        self.total_iters = at_least("LinearLR", "total_iters", total_iters, 1)
        super().__init__(optimizer)

    def lr_at(self, n: int, base_lr: float) -> float:
        done = min(n, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class StepLR(LRScheduler):
    """base gamma^(n // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = at_least("StepLR", "step_size", step_size, 1), gamma
        super().__init__(optimizer)

    def lr_at(self, n: int, base_lr: float) -> float:
        return base_lr * self.gamma ** (n // self.step_size)


class MultiStepLR(LRScheduler):
    """base gamma^(number of milestones reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def lr_at(self, n: int, base_lr: float) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, n)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(pi n / T_max)) / 2; past T_max the cosine goes on, up again.

    Source: Loshchilov and Hutter, SGDR: Stochastic gradient descent with warm restarts (2017), equation 5, unrestarted.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = at_least("CosineAnnealingLR", "T_max", T_max, 1), eta_min
        super().__init__(optimizer)

    def lr_at(self, n: int, base_lr: float) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * n / self.T_max)) / 2


class LambdaLR(LRScheduler):
    """base f(n), with one function `lr_lambda` for all groups or a list, one for each; the state does not hold it."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        n_groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n_groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n_groups:
            raise ArgumentError(
                f"LambdaLR: got {len(self.lr_lambdas)} functions; expected one, or {n_groups} for the groups"
            )
        super().__init__(optimizer)

    def set_to(self, n: int) -> None:
        for group, f in zip(self.optimizer.param_groups, self.lr_lambdas, strict=True):
            group["lr"] = float(group["initial_lr"] * f(n))


class SequentialLR(LRScheduler):
    """One schedule after the other: `schedulers[k]` from milestones[k - 1] on, counting from 0 again there.

        warm_up = LinearLR(optimizer, start_factor=0.1, total_iters=100)
        SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, T_max=900)], milestones=[100])

    Raises ArgumentError unless there is one milestone fewer than schedules, increasing, all of this optimizer.
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        if len(self.milestones) != len(self.schedulers) - 1 or self.milestones != sorted(set(self.milestones)):
            raise ArgumentError(
                f"SequentialLR: got {len(self.schedulers)} schedules and milestones {self.milestones}; expected "
                "increasing milestones, one fewer than schedules"
            )
        for schedule in self.schedulers:
            if not isinstance(schedule, LRScheduler) or schedule.optimizer is not optimizer:
                raise ArgumentError(
                    f"SequentialLR: {type(schedule).__name__} is not a schedule by step count for this optimizer"
                )
        super().__init__(optimizer)

    def set_to(self, n: int) -> None:
        k = bisect_right(self.milestones, n)
        self.schedulers[k].set_to(n - self.milestones[k - 1] if k else n)


def within(owner: str, name: str, value: float, low: float, high: float) -> float:
    """`value`, if low <= value <= high; else ArgumentError."""
    if not low <= value <= high:
        raise ArgumentError(f"{owner}: {name} is {value!r}; expected a number from {low} to {high}")
    return value


def at_least(owner: str, name: str, value: Any, low: int) -> int:
    """`value`, if a whole number of at least `low`; else ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ArgumentError(f"{owner}: {name} is {value!r}; expected a whole number, {low} or more")
    return value
