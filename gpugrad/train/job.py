"""One job of training: everything built, trained, measured and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backend import Device
from ..data import Loader
from ..optim import GradScaler
from .building import build_optimizer, build_schedule, loss_for, metric_for
from .callback import Callback
from .config import LABEL_SMOOTHING, Config, default_batch_size
from .curve import LearningCurve
from .early_stopping import EarlyStopping
from .files import strict_json, write_atomically
from .folder import CURVE, METRICS, RESULT
from .interrupt import Interruptible
from .loop import fit
from .preparing import Prepared, batches, current
from .saving import Checkpoint, MetricsLog
from .threads import blas_threads_for
from .trained import Evaluation, Trained
from .training import INTERRUPTED, Training
from .versions import native_code_missing

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be trained, and where it is kept."""

    config: Config
    device: Device
    fallback: str | None  # why it is the CPU, where a GPU would have been taken
    prepared: Prepared
    model: Any
    folder: Path
    about: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What `run` ends with; `held_out` is None where training was interrupted."""

    folder: Path
    training: Training
    trained: Trained
    best_epoch: int
    held_out: Evaluation | None

    @property
    def interrupted(self) -> bool:
        """Whether training is to be gone on with."""
        return self.training.stopped == INTERRUPTED


def train(
    job: Job, callbacks: Sequence[Callback], say: Say | None = None, state: dict[str, Any] | None = None
) -> Outcome:
    """Train from the start or from `state`, measure the best weights on the held-out part, and write the result."""
    config, prepared = job.config, job.prepared
    for line in _announcement(job):
        (say or _nobody)(line)
    loader = _loader(job)
    with current(job.device), blas_threads_for(_sizes(job), loader.batch_size):
        stopping = EarlyStopping(patience=config.patience or None)
        training = _fit(job, loader, [stopping, *_keepers(job), Interruptible(), *callbacks], say, state)
        trained = Trained(job.model, prepared.preprocessor, config, job.device, job.about["fingerprint"])
        held_out = None if training.stopped == INTERRUPTED else trained.measure(prepared.held_out)
    outcome = Outcome(job.folder, training, trained, stopping.best_epoch, held_out)
    if held_out is not None and not (job.folder / RESULT).exists():  # that of a finished run stays
        _write_result(outcome)
    return outcome


def _fit(
    job: Job, loader: Loader, callbacks: Sequence[Callback], say: Say | None, state: dict[str, Any] | None
) -> Training:
    config, task = job.config, job.prepared.preprocessor.task
    optimizer = build_optimizer(config, job.model)
    scheduler, schedule_by = build_schedule(config, optimizer, len(loader))
    return fit(
        job.model,
        optimizer,
        loss_for(task, LABEL_SMOOTHING if config.label_smoothing is None else config.label_smoothing),
        loader,
        epochs=config.epochs,
        validation=batches(job.prepared.validation, job.device),
        metric=metric_for(task),
        scheduler=scheduler,
        schedule_by=schedule_by,
        scaler=GradScaler(enabled=config.dtype == "float16"),
        clip_norm=config.clip_norm or None,
        callbacks=callbacks,
        resume=state,
        compile=config.compile,
        say=say,
    )


def _keepers(job: Job) -> list[Callback]:
    """The callbacks that write into the run's folder."""
    title = f"{Path(job.config.source).name}, MLP {'-'.join(map(str, _sizes(job)))}"
    return [
        MetricsLog(job.folder / METRICS),
        LearningCurve(job.folder / CURVE, title=title),
        Checkpoint(job.folder, job.about),
    ]


def _sizes(job: Job) -> tuple[int, ...]:
    return (job.prepared.preprocessor.n_features, *job.config.hidden, job.prepared.preprocessor.n_outputs)


def _loader(job: Job) -> Loader:
    """Shuffled batches of the training part, on the device."""
    X, y = (job.device.asarray(array) for array in job.prepared.training)
    size = job.config.batch_size or default_batch_size(len(X))
    alone = job.config.norm == "batch" and len(X) > size and len(X) % size == 1  # a row has no statistics
    return Loader(X, y, batch_size=size, drop_last=alone, seed=job.config.seed)


def _nobody(line: str) -> None:
    pass


def _announcement(job: Job) -> list[str]:
    """What is worth knowing before training begins."""
    parts = (("training", "to train"), ("validation", "to validate"), ("held_out", "held out"))
    rows = ", ".join(f"{len(getattr(job.prepared, part)[0]):,} {label}" for part, label in parts)
    layers = " -> ".join(map(str, _sizes(job)))
    on_numpy = job.config.compile and job.device.kind == "cpu" and native_code_missing()
    hint = " by NumPy (for native code: pip install 'gpugrad[fast]')" if on_numpy else ""
    summary = f"{job.prepared.preprocessor.task}: {rows}; layers {layers}, {job.config.dtype} on {job.device}{hint}"
    return [*([f"on the CPU: {job.fallback}"] if job.fallback else []), *job.prepared.notes, summary]


def _write_result(outcome: Outcome) -> None:
    """What came out, for scripts; `seconds` are those of all epochs, over every interruption."""
    assert outcome.held_out is not None
    result = {
        "held_out": {**outcome.held_out.values, "rows": outcome.held_out.n_rows},
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.training.epoch,
        "stopped": outcome.training.stopped,
        "seconds": round(outcome.training.total_seconds(), 3),
    }
    write_atomically(outcome.folder / RESULT, (strict_json(result, indent=2) + "\n").encode())
