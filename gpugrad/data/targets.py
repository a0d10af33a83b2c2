"""Targets as numbers to train on, and outputs back as what the user knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError, ShapeError
from .files import listing
from .scaling import Scaler
from .table import Array, Table
from .tasks import check_values, class_target


@dataclass(frozen=True)
class ClassTarget:
    """A class as its number in `classes`."""

    name: str
    classes: tuple[str, ...]
    task = "classification"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def n_outputs(self) -> int:
        return len(self.classes)

    def encode(self, target: Table, dtype: Any) -> Array:
        """Class numbers (N,) int64, whatever `dtype`.  Raises DataError for a class that training did not have."""
        ((_, texts),) = class_target(target).texts.items()
        place = {name: c for c, name in enumerate(self.classes)}
        labels = np.array([place.get(level, -1) for level in texts.levels], dtype=np.int64)[texts.codes]
        if (labels < 0).any():
            row = int(np.argmax(labels < 0))
            raise DataError(
                f"{target.source}: row {row + 1}, target {self.name!r}: class {texts[row]!r} was not in the training "
                f"data; expected one of {listing(self.classes)}"
            )
        return labels

    def decode(self, outputs: Array) -> Array:
        """The name of the largest output of each row.  Shapes: (N, n_classes) -> (N,) of str."""
        names: Array = np.array(self.classes)
        best: Array = names[np.argmax(_checked(outputs, self.n_outputs), axis=1)]
        return best

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.task, "name": self.name, "classes": list(self.classes)}


@dataclass(frozen=True, eq=False)
class NumberTarget:
    """Amounts, standardised for training and brought back for predictions."""

    scaler: Scaler
    task = "regression"
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.scaler.names

    @property
    def n_outputs(self) -> int:
        return len(self.names)

    def encode(self, target: Table, dtype: Any) -> Array:
        """Standardised targets (N, n_outputs) of `dtype`.  Raises DataError for a value that overflows it."""
        if target.texts:
            ((name, texts), *_) = target.texts.items()
            raise DataError(f"{target.source}: row 1, target {name!r}: {texts[0]!r}; expected numbers, as in training")
        out = np.empty(target.numbers.shape, dtype=dtype)
        self.scaler.apply(target.numbers, out, target.source)
        return out

    def decode(self, outputs: Array) -> Array:
        """Outputs in the units of the data.  Shapes: (N, n_outputs) -> (N, n_outputs) float64."""
        return self.scaler.invert(_checked(outputs, self.n_outputs))

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.task, **self.scaler.to_dict()}


Target = ClassTarget | NumberTarget


def fit_target(target: Table, task: str, rows: Array | None) -> Target:
    """The target of a resolved data set; a regression's mean and deviation come from the given rows."""
    if task == "regression":
        return NumberTarget(Scaler.fit(target.numbers, target.number_names, rows))
    ((name, texts),) = target.texts.items()
    return ClassTarget(name, texts.levels)


def encode_target(encoder: Target, target: Table, dtype: Any) -> Array:
    """Check every value, then encode.  Raises DataError naming row and column, ShapeError for a wrong column count."""
    if len(target.names) != len(encoder.names):
        raise ShapeError(
            f"{target.source}: {len(target.names)} target columns; expected {len(encoder.names)} as in training"
        )
    check_values(target)
    return encoder.encode(target, dtype)


def target_from_dict(state: dict[str, Any]) -> Target:
    """The inverse of `to_dict`; KeyError, TypeError or ValueError for anything else."""
    if state["task"] == "regression":
        return NumberTarget(Scaler.from_dict(state))
    if state["task"] != "classification" or len(state["classes"]) < 2:
        raise ValueError("expected task regression, or classification with two classes or more")
    return ClassTarget(str(state["name"]), tuple(map(str, state["classes"])))


def _checked(outputs: Array, n_outputs: int) -> Array:
    if outputs.ndim != 2 or outputs.shape[1] != n_outputs:
        raise ShapeError(f"decode: outputs have shape {outputs.shape}; expected (rows, {n_outputs})")
    return outputs
