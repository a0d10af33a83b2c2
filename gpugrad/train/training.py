"""A training run: what it consists of, how far it is, and all of it as a state to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import CheckpointError
from ..optim import GradScaler
from .callback import Callback
from .metrics import Metric
from .steps import Steps

INTERRUPTED = "interrupted"


@dataclass(eq=False)
class Training:
    """What `fit` works on and returns, and what callbacks read.

    `epoch` counts finished epochs and `step` batches trained on; `history` holds one record an epoch; `stopped` says
    why training ended before `epochs`, else None.  `batch` counts the batches of the epoch in hand.
    """

    model: Any
    optimizer: Any
    loss_fn: Callable[[Any, Any], Any]
    loader: Any
    epochs: int
    validation: Iterable[Any] | None = None
    metric: Metric | None = None
    scheduler: Any = None
    schedule_by: str = "epoch"
    scaler: GradScaler = field(default_factory=partial(GradScaler, enabled=False))
    clip_norm: float | None = None
    callbacks: tuple[Callback, ...] = ()
    steps: Steps = field(init=False)  # set by `fit`

    epoch: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None
    # sums of the epoch in hand, and when it was begun or resumed
    batch: int = 0
    n_samples: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    clock: float = 0.0

    def tell(self, hook: str) -> None:
        """Call one hook of every callback that has it; endings in reverse order."""
        order = self.callbacks[::-1] if hook in ("on_train_end", "close") else self.callbacks
        default = getattr(Callback, hook)
        for callback in order:
            if getattr(type(callback), hook) is not default:
                getattr(callback, hook)(*() if hook == "close" else (self,))

    def stop(self, why: str) -> None:
        """End training: after the batch if called from `on_batch_end`, else after the epoch."""
        self.stopped = why

    # within an epoch

    def parameters(self) -> list[Any]:
        """What the optimizer moves."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def begin_epoch(self) -> None:
        """Start the clock, for a new epoch or what is left of an interrupted one."""
        self.clock = time.perf_counter()

    def count(self, outputs: Any, targets: Any, loss: float) -> None:
        """Add one batch, of raw arrays, to the sums."""
        self.step += 1
        self.batch += 1
        self.n_samples += len(targets)
        self.loss_sum += loss * len(targets)
        if self.metric is not None:
            self.metric.update(outputs, targets)

    def running(self) -> dict[str, float]:
        """Training loss and metric of the epoch so far."""
        found = {"train_loss": self.loss_sum / self.n_samples if self.n_samples else float("nan")}
        return found if self.metric is None else {**found, f"train_{self.metric.name}": self.metric.value}

    def elapsed(self) -> float:
        """Seconds spent on the epoch in hand, before an interruption and since."""
        return self.seconds + time.perf_counter() - self.clock

    def total_seconds(self) -> float:
        """Seconds spent on all epochs, before interruptions and since."""
        return sum(record["seconds"] for record in self.history) + (self.elapsed() if self.batch else 0.0)

    def end_epoch(self, measured: dict[str, float]) -> None:
        """Close the epoch with a record in `history`, and set the sums to zero."""
        self.epoch += 1
        seconds = self.elapsed()
        record = {"epoch": self.epoch, "step": self.step, "lr": self.optimizer.param_groups[0]["lr"], **self.running()}
        record |= {f"val_{name}": value for name, value in measured.items()}
        record |= {"seconds": round(seconds, 4), "samples_per_s": round(self.n_samples / max(seconds, 1e-9), 1)}
        self.history.append(record)
        self.batch, self.n_samples, self.loss_sum, self.seconds = 0, 0, 0.0, 0.0
        if self.metric is not None:
            self.metric.reset()

    # all of it as a state

    def state_dict(self) -> dict[str, Any]:
        """Everything that going on bit for bit needs, as a nest that `save_checkpoint` takes."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        callbacks = {callback.name: callback.state_dict() for callback in self.callbacks if callback.name}
        progress = {name: getattr(self, name) for name in PROGRESS}
        progress["seconds"] = self.elapsed() if self.batch else 0.0
        return {**parts, "callbacks": callbacks, "progress": progress}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`.  Raises CheckpointError where it belongs to a run of other parts."""
        parts = self._parts()
        for name in [*parts, "callbacks", "progress"]:
            if name not in state:
                raise CheckpointError(
                    f"resume: the checkpoint has no state of the {name}; expected one of a run with the same parts: "
                    "resume with the settings of the first run"
                )
        for name, part in parts.items():
            part.load_state_dict(state[name])
        for callback in self.callbacks:
            if callback.name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][callback.name])
        for name in PROGRESS:
            setattr(self, name, state["progress"][name])
        if self.stopped == INTERRUPTED:
            self.stopped = None

    def _parts(self) -> dict[str, Any]:
        names = ("model", "optimizer", "loader", "metric", "scheduler", "scaler")
        return {name: getattr(self, name) for name in names if hasattr(getattr(self, name), "state_dict")}


PROGRESS = ("epoch", "step", "history", "stopped", "batch", "n_samples", "loss_sum", "seconds")
