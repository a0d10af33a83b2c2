"""A trained model with all that it needs: measuring it on data, and predicting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device, resolve_device
from ..backend.device import to_numpy
from ..core.tape import no_grad
from ..core.tensor import as_dtype, raw
from ..data import Dataset, Preprocessor, read
from ..errors import ArgumentError, CheckpointError
from .building import build_model, loss_for, metric_for
from .checkpoint import load_checkpoint
from .config import Config
from .evaluating import evaluate
from .folder import FACTS, find_checkpoint
from .preparing import Part, batches, current, prepare, transform
from .saving import BEST


@dataclass(frozen=True, eq=False)
class Predictions:
    """values: class names (N,), or amounts (N, n_outputs); probabilities (N, n_classes), None for regression."""

    values: np.ndarray
    probabilities: np.ndarray | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """loss (without label smoothing), accuracy or r2, and for one amount rmse in the data's own units, over n_rows."""

    values: dict[str, float]
    n_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Trained:
    """The best model of a run with its preprocessing and settings; `load_run` reads one."""

    model: Any
    preprocessor: Preprocessor
    config: Config
    device: Device
    fingerprint: str

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Outputs (N, n_outputs) for X (N, n_features): logits, or standardised amounts."""
        self.model.eval()
        with current(self.device), no_grad():
            return np.concatenate([to_numpy(raw(self.model(x))) for x, _ in batches((X, X), self.device)])

    def evaluate(self, source: str | Path | None = None) -> Evaluation:
        """Measure on a data set, a name or a file that has the target; on the run's held-out part if None.

        Raises DataError for columns or classes that do not fit, CheckpointError where the run's own data has changed
        since, and what `gpugrad.data.read` raises.
        """
        if source is not None:
            part, notes = transform(self.preprocessor, self._read(source), self.config.dtype)
            return self.measure(part, notes)
        prepared = prepare(self.config, self.preprocessor)
        if prepared.fingerprint() != self.fingerprint:
            raise CheckpointError(
                f"{self.config.source}: has changed since training, so what was held out is not known; name the data "
                "to measure on"
            )
        return self.measure(prepared.held_out)

    def measure(self, part: Part, notes: tuple[str, ...] = ()) -> Evaluation:
        """Measure on prepared arrays (X, y)."""
        task = self.preprocessor.task
        with current(self.device):
            found = evaluate(self.model, loss_for(task), batches(part, self.device), metric_for(task))
        if self.preprocessor.n_outputs == 1:
            y, y_hat = self.preprocessor.decode(part[1]), self.preprocessor.decode(self.outputs(part[0]))
            found["rmse"] = float(np.sqrt(np.mean((y - y_hat) ** 2)))
        return Evaluation(found, len(part[0]), notes)

    def predict(self, data: Dataset | str | Path) -> Predictions:
        """Predictions for every row of a data set, a name or a file; a target in it is not looked at.

        Raises DataError for columns that do not fit, and what `gpugrad.data.read` raises.
        """
        dataset = data if isinstance(data, Dataset) else self._read(data)
        X, notes = self.preprocessor.transform(dataset, dtype=as_dtype(self.config.dtype))
        outputs = self.outputs(X).astype(np.float64)
        probabilities = softmax(outputs) if self.preprocessor.task == "classification" else None
        return Predictions(self.preprocessor.decode(outputs), probabilities, notes)

    def _read(self, source: str | Path) -> Dataset:
        """The data, with training's text columns as text; where they are not there, the preprocessor says it better."""
        try:
            return read(source, text=self.preprocessor.text_columns)
        except ArgumentError:
            return read(source)


def softmax(logits: np.ndarray) -> np.ndarray:
    """exp(z) / sum exp(z) along the last axis, shifted by the largest z.  Shapes: (N, K) -> (N, K)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def load_run(run: str | Path, device: str = "auto") -> Trained:
    """The best model of a run's folder, or of a checkpoint file of one.

    Raises StorageError or CheckpointError for a folder or checkpoint that is missing, damaged, or of no run.
    """
    path = find_checkpoint(run, BEST)
    state = load_checkpoint(path)
    about = run_facts(path, state)
    config, preprocessor = Config.from_dict(about["config"]), Preprocessor.from_dict(about["preprocessor"])
    place, _ = resolve_device(device)
    model = build_model(config, preprocessor, place)
    model.load_state_dict(state["model"])
    return Trained(model, preprocessor, config, place, about["fingerprint"])


def run_facts(path: Path, state: dict[str, Any]) -> dict[str, Any]:
    """What a run keeps about itself in its checkpoints.  Raises CheckpointError where it is not there."""
    about = state.get("about")
    if not isinstance(about, dict) or not set(about) >= FACTS:
        raise CheckpointError(f"{path}: says nothing of its data and settings; expected a checkpoint of gpugrad train")
    return about
