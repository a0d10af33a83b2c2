"""What may be added to the loop without writing into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .training import Training


class Callback:
    """Hooks that `fit` calls; override those you need.  All get the `Training`, which they may read and stop.

    Beginnings run in the order of the list and endings in reverse, so that the last callback, usually the checkpoint,
    sees the weights before the first one, early stopping, puts back the best ones.  `on_epoch_end` runs in order.

    `name` marks the callback's own state in a checkpoint; two callbacks of one name need names of their own.
    """

    name = ""

    def on_train_begin(self, training: Training) -> None:
        """Before the first step, after a checkpoint was restored."""

    def on_epoch_begin(self, training: Training) -> None:
        """Before the first batch of an epoch, or the first one left after an interruption."""

    def on_batch_end(self, training: Training) -> None:
        """After the optimizer's step; `training.stop(why)` here leaves the epoch at once."""

    def on_epoch_end(self, training: Training) -> None:
        """After validation; `training.history[-1]` is the epoch's record."""

    def on_train_end(self, training: Training) -> None:
        """When training is over or was stopped, `training.stopped` says which; not after an error."""

    def close(self) -> None:
        """Always called at last, after an error too: give back what was taken."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of this callback."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
