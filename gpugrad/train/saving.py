"""Callbacks that write into a folder: checkpoints and the log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, Any

from .callback import Callback
from .checkpoint import save_checkpoint
from .early_stopping import EarlyStopping
from .files import not_written, strict_json, write_atomically
from .training import Training

LAST, BEST = "last.safetensors", "best.safetensors"


class Checkpoint(Callback):
    """Keep `folder`/last.safetensors to go on from, and best.safetensors with the weights that EarlyStopping holds.

    They are written after an epoch if the last writing was `every_s` seconds ago or more, and when training ends or is
    interrupted.  last.safetensors has the best weights too, so that it alone is the state of the run.  `about` is kept
    in both under "about": whatever a reader of the weights needs to know, as JSON types.
    """

    def __init__(self, folder: str | Path, about: dict[str, Any] | None = None, every_s: float = 10.0) -> None:
        self.folder, self.about, self.every_s = Path(folder), about or {}, every_s
        self.saved_at = time.perf_counter()

    def on_train_begin(self, training: Training) -> None:
        """Start the clock."""
        self.saved_at = time.perf_counter()

    def on_epoch_end(self, training: Training) -> None:
        """Save, if it is time."""
        if time.perf_counter() - self.saved_at >= self.every_s:
            self.save(training)

    def on_train_end(self, training: Training) -> None:
        """Save the last state."""
        self.save(training)

    def save(self, training: Training) -> None:
        """Write both files now."""
        save_checkpoint(self.folder / LAST, {**training.state_dict(), "about": self.about})
        stopping = next((callback for callback in training.callbacks if isinstance(callback, EarlyStopping)), None)
        if stopping is not None and stopping.weights:
            best = {"model": stopping.weights, "epoch": stopping.best_epoch, stopping.monitor: stopping.best}
            save_checkpoint(self.folder / BEST, {**best, "about": self.about})
        self.saved_at = time.perf_counter()


class MetricsLog(Callback):
    """One line of JSON an epoch in `path`, flushed, so that it can be followed while training runs.

    At the beginning the file is written anew from the history: none, or that of the checkpoint a run is resumed from.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.file: IO[str] | None = None

    def on_train_begin(self, training: Training) -> None:
        """Write what is known and open the file."""
        write_atomically(self.path, "".join(map(_line, training.history)).encode())
        self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 closed by close()

    def on_epoch_end(self, training: Training) -> None:
        """Add the epoch's record."""
        assert self.file is not None
        try:
            self.file.write(_line(training.history[-1]))
            self.file.flush()
        except OSError as error:
            raise not_written(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


def _line(record: dict[str, Any]) -> str:
    return strict_json(record) + "\n"
