"""What schedules share: a learning rate that is a function of the step count."""

from __future__ import annotations

from typing import Any

from ...core import tape
from ...errors import ArgumentTypeError, CheckpointError
from ..optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: sets `lr` of every parameter group to `lr_at(n, base_lr)` after n calls of `step`.

    The base is the group's `lr` when its first schedule was made, kept in the group as `initial_lr`.  `step` comes
    after the optimizer's step, once a batch or once an epoch: the lengths of the schedule count those calls.  A
    schedule is a closed form, so that it can be resumed anywhere.

    Raises ArgumentTypeError for what is no Optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{self.name}: optimizer is a {type(optimizer).__name__}; expected an Optimizer")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.last_epoch = 0
        self.set_to(0)

    @property
    def name(self) -> str:
        """Name of the schedule, as errors and saved states give it."""
        return type(self).__name__

    @property
    def base_lrs(self) -> list[float]:
        """The base of each group."""
        return [group["initial_lr"] for group in self.optimizer.param_groups]

    def lr_at(self, n: int, base_lr: float) -> float:
        """The learning rate after n steps."""
        raise NotImplementedError(f"{type(self).__name__} has no lr_at; define lr_at(self, n, base_lr)")

    def set_to(self, n: int) -> None:
        """Set the optimizer's groups to what they are after n steps."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr_at(n, group["initial_lr"])

    def step(self) -> None:
        """Go one step on; `last_epoch` counts them."""
        if (state := tape.traced_state()) is not None:
            state.each_time(self._advance, self._go_back)
        else:
            self._advance()

    def _advance(self) -> None:
        self._go_to(self.last_epoch + 1)

    def _go_back(self) -> None:
        self._go_to(self.last_epoch - 1)

    def _go_to(self, n: int) -> None:
        self.set_to(n)
        self.last_epoch = n

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """{"schedule", "last_epoch", "base_lrs"}: its name, the steps taken, the base of each group; fit for JSON."""
        return {"schedule": self.name, "last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, and set the learning rates accordingly.

        Raises CheckpointError for the state of another schedule or of another number of groups.
        """
        n, base_lrs = checked_state(self, state, "base_lrs")
        for group, base_lr in zip(self.optimizer.param_groups, base_lrs, strict=True):
            group["initial_lr"] = float(base_lr)
        self.set_to(n)
        self.last_epoch = n


def checked_state(schedule: Any, state: dict[str, Any], key: str) -> tuple[int, list[Any]]:
    """last_epoch and the list under `key`, one entry a group; CheckpointError for the state of something else."""
    if not isinstance(state, dict):
        raise CheckpointError(f"{schedule.name}: the state is a {type(state).__name__}; expected a state_dict()")
    n, values = state.get("last_epoch"), state.get(key)
    if state.get("schedule") != schedule.name or not isinstance(n, int) or n < 0:
        raise CheckpointError(
            f"{schedule.name}: the state is of {state.get('schedule')!r} after {n!r} steps; expected {schedule.name} "
            "and a whole number: use the schedule of the first run"
        )
    groups = len(schedule.optimizer.param_groups)
    if not isinstance(values, list) or len(values) != groups:
        raise CheckpointError(
            f"{schedule.name}: the state has {key} {values!r}; expected one number for each of {groups} groups"
        )
    return n, values
