"""The training loop, as the algorithm is written in books; callbacks do the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.tensor import raw
from ..errors import ArgumentError
from ..optim import GradScaler
from ..optim.clip import clip_by_known_norm_
from ..optim.lr_scheduler import ReduceLROnPlateau
from .callback import Callback
from .evaluating import evaluate
from .metrics import Metric
from .non_finite import refuse_non_finite
from .steps import Steps
from .training import Training


def fit(
    model: Any,
    optimizer: Any,
    loss_fn: Callable[[Any, Any], Any],
    loader: Any,
    *,
    epochs: int,
    validation: Iterable[Any] | None = None,
    metric: Metric | None = None,
    scheduler: Any = None,
    schedule_by: str = "epoch",
    scaler: GradScaler | None = None,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    resume: dict[str, Any] | None = None,
    compile: bool = True,
    say: Callable[[str], None] | None = None,
) -> Training:
    """Train `model` until `epochs` passes over `loader` are done, or a callback stops it; returns the `Training`.

    loader yields batches (x, y); validation does too, for a measurement after each epoch in evaluation mode.
    loss_fn(outputs, y) gives the batch's mean loss.  metric counts beside it (`Accuracy()`, `R2()`).
    scheduler steps after each "epoch" or "batch" (schedule_by); a ReduceLROnPlateau, which goes by the epoch, gets the
    validation loss, or the training loss without validation.
    scaler is a GradScaler for float16.  clip_norm bounds the norm of all gradients together.
    resume is the state of a checkpoint (`load_checkpoint(path)`): goes on from there, on the CPU bit for bit where the
    steps are run as they were before it.

    compile runs the step as programs (`gpugrad.compile`).  On the CPU the results are those of the step as written: bit
    for bit by the executor "numpy", to rounding by "fast", which is taken where llvmlite is installed.  A forward or
    loss that asks for values, draws random numbers by NumPy, or counts its calls cannot be compiled: it runs as it is
    written, with a warning.  say is given one line that tells how the step is run; without it nothing is printed.

    Raises NonFiniteError for a loss or gradient that is not finite, naming the step and the operation that made it;
    ArgumentError for epochs below 1, a wrong schedule_by, or a loader that runs dry; CheckpointError for a state that
    does not fit.
    """
    if epochs < 1:
        raise ArgumentError(f"fit: epochs is {epochs}; expected 1 or more")
    _check_schedule(scheduler, schedule_by)
    training = Training(
        model=model,
        optimizer=optimizer,
        loss_fn=loss_fn,
        loader=loader,
        epochs=epochs,
        validation=validation,
        metric=metric,
        scheduler=scheduler,
        schedule_by=schedule_by,
        scaler=scaler or GradScaler(enabled=False),
        clip_norm=clip_norm,
        callbacks=tuple(callbacks),
    )
    if resume is not None:
        training.load_state_dict(resume)
    training.steps = Steps(training, compile)
    try:
        training.tell("on_train_begin")
        with np.errstate(all="ignore"):  # what is not finite is looked for, and refused with its origin
            while training.epoch < epochs and not training.stopped:
                train_one_epoch(training, say)
        training.tell("on_train_end")
    finally:
        training.tell("close")
    return training


def train_one_epoch(training: Training, say: Callable[[str], None] | None = None) -> None:
    """One pass over the data, and a measurement on the validation part."""
    model, steps, scaler = training.model, training.steps, training.scaler
    training.begin_epoch()
    training.tell("on_epoch_begin")
    model.train()
    steps.begin()
    for x, y in training.loader:
        outputs, loss, norm = steps.gradients(x, y)
        refuse_non_finite(training, x, y, "loss", loss)
        clip_gradients(training, x, y, norm)
        steps.update()
        scaler.update()
        step_schedule(training, "batch")
        training.count(outputs, raw(y), loss)
        steps.tell_once(say)
        training.tell("on_batch_end")
        if training.stopped:
            return
    if not training.batch:
        raise ArgumentError(
            f"fit: the loader gave no batch in epoch {training.epoch + 1}; expected one that can be iterated in every "
            "epoch, such as gpugrad.data.Loader"
        )
    measured = {}
    if training.validation is not None:
        measured = evaluate(model, training.loss_fn, training.validation, training.metric, steps.measure)
    training.end_epoch(measured)
    step_schedule(training, "epoch")
    training.tell("on_epoch_end")


def clip_gradients(training: Training, x: Any, y: Any, norm: Any) -> None:
    """Scale all gradients down together where their norm is above `clip_norm`; refuse those that are not finite."""
    if training.clip_norm is None or norm is None:
        return
    value = float(norm)
    if not value + 1e-6 <= training.clip_norm:  # one that is not finite comes here too
        clip_by_known_norm_(training.parameters(), training.clip_norm, norm)
    if training.scaler.get_scale() <= 1:  # above, the step is skipped and the scale falls
        refuse_non_finite(training, x, y, "gradients' norm", value)


def step_schedule(training: Training, after: str) -> None:
    """Let the schedule set the next learning rate, if it moves by `after`, "batch" or "epoch"."""
    scheduler = training.scheduler
    if scheduler is None or after != training.schedule_by:
        return
    if isinstance(scheduler, ReduceLROnPlateau):
        record = training.history[-1]
        scheduler.step(record.get("val_loss", record["train_loss"]))
    else:
        scheduler.step()


def _check_schedule(scheduler: Any, schedule_by: str) -> None:
    if schedule_by not in ("epoch", "batch"):
        raise ArgumentError(f"fit: schedule_by is {schedule_by!r}; expected 'epoch' or 'batch'")
    if schedule_by == "batch" and isinstance(scheduler, ReduceLROnPlateau):
        raise ArgumentError("fit: ReduceLROnPlateau goes by the epoch's loss; expected schedule_by='epoch'")
