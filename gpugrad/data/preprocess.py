"""From a table to the arrays a network trains on, by statistics of the training part; and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, CheckpointError, DataError
from .aligning import aligned
from .categories import OneHot
from .dataset import Dataset
from .files import listing
from .scaling import Scaler
from .table import Array
from .targets import Target, encode_target, fit_target, target_from_dict

VERSION = 1


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """Everything that turns a data set into X and y, and outputs into predictions.

    X (N, n_features) holds the standardised numeric columns, then the one-hot places of each text column.  A missing
    number becomes the training median; a missing or unseen text all zeros.  Columns are found by name, so a file to
    predict may have more of them, in any order; arrays without names are taken by position.
    """

    numbers: Scaler
    texts: tuple[OneHot, ...]
    target: Target
    notes: tuple[str, ...] = ()

    @staticmethod
    def fit(dataset: Dataset, rows: Array | None = None, *, scale: str = "auto") -> Preprocessor:
        """Learn from the given rows (all, if None) of a resolved data set.

        `scale` is "column", "whole" or "none" as in `Scaler.fit`; "auto" takes "whole" for pictures, else "column".
        `notes` names constant columns and text columns left out for having too many different texts.
        Raises ArgumentError for a data set that was not resolved, DataError if no column is left.
        """
        if dataset.task is None or dataset.target is None:
            raise ArgumentError("Preprocessor.fit: this data set has no task yet; call resolve() first, or use load()")
        table = dataset.features
        if scale == "auto":
            scale = "whole" if dataset.sample_shape and not table.texts else "column"
        numbers = Scaler.fit(table.numbers, table.number_names, rows, scale)
        fitted = [OneHot.fit(name, text if rows is None else text.rows(rows)) for name, text in table.texts.items()]
        texts = tuple(column for column in fitted if isinstance(column, OneHot))
        notes = tuple(note for note in fitted if isinstance(note, str)) + _constant(numbers.constant)
        if not numbers.names and not texts:
            raise DataError(f"{table.source}: no column to learn from; {'; '.join(notes)}")
        return Preprocessor(numbers, texts, fit_target(dataset.target, dataset.task, rows), notes)

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return self.target.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the outputs; empty for regression."""
        return self.target.classes

    @property
    def target_names(self) -> tuple[str, ...]:
        """The target's columns."""
        return self.target.names

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns to read as text: pass them to `read` for data to predict."""
        return tuple(column.name for column in self.texts)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each column of X; category c of column t is "t=c"."""
        places = [f"{column.name}={category}" for column in self.texts for category in column.categories]
        return self.numbers.names + tuple(places)

    @property
    def n_features(self) -> int:
        """Columns of X: the network's inputs."""
        return len(self.numbers.names) + sum(len(column.categories) for column in self.texts)

    @property
    def n_outputs(self) -> int:
        """Classes, or target columns: the network's outputs."""
        return self.target.n_outputs

    def transform(self, dataset: Dataset, dtype: Any = np.float32) -> tuple[Array, tuple[str, ...]]:
        """X (N, n_features) of `dtype`, and notes that count filled gaps and unseen texts.

        Raises DataError for a column that is missing, of the wrong kind, or holds an infinity (with its row).
        """
        table = aligned(dataset.features, self.numbers.names, self.text_columns)
        X = np.zeros((len(table), self.n_features), dtype=dtype)
        stop = len(self.numbers.names)
        notes = _gaps(self.numbers.names, self.numbers.apply(table.numbers, X[:, :stop], table.source))
        for column in self.texts:
            start, stop = stop, stop + len(column.categories)
            if column.name in table.texts:  # else a column without a single value
                notes += column.apply(table.texts[column.name], X[:, start:stop])
        return X, tuple(notes)

    def encode_target(self, dataset: Dataset, dtype: Any = np.float32) -> Array:
        """y for training or evaluation: class numbers (N,) int64, or standardised amounts (N, n_outputs) of `dtype`.

        Raises DataError for a gap, an infinity or an unknown class (with its row), ArgumentError if the target's column
        does not exist.
        """
        found = dataset if dataset.target is not None else dataset.with_target(self.target_names)
        assert found.target is not None
        return encode_target(self.target, found.target, dtype)

    def decode(self, outputs: Array) -> Array:
        """Predictions from outputs (N, n_outputs): class names (N,), or amounts (N, n_outputs) in the data's units."""
        return self.target.decode(np.asarray(outputs))

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types; floats come back bit for bit."""
        texts = [{"name": column.name, "categories": list(column.categories)} for column in self.texts]
        state = {"numbers": self.numbers.to_dict(), "texts": texts, "target": self.target.to_dict()}
        return {"version": VERSION, **state, "notes": list(self.notes)}

    @staticmethod
    def from_dict(state: dict[str, Any]) -> Preprocessor:
        """The inverse of `to_dict`.  Raises CheckpointError for another version or a damaged state."""
        version = state.get("version") if isinstance(state, dict) else None
        if version != VERSION:
            raise CheckpointError(
                f"Preprocessor.from_dict: version {version!r}; expected {VERSION}: it is damaged, or was written by "
                "another version of gpugrad"
            )
        try:
            texts = tuple(OneHot(str(s["name"]), tuple(map(str, s["categories"]))) for s in state["texts"])
            target = target_from_dict(state["target"])
            return Preprocessor(Scaler.from_dict(state["numbers"]), texts, target, tuple(map(str, state["notes"])))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"Preprocessor.from_dict: damaged state ({type(error).__name__}: {error}); expected what to_dict "
                "wrote: train again or restore the file"
            ) from error


def _constant(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    columns = "column" if len(names) == 1 else f"{len(names)} columns"
    return (f"{columns} {listing(names, 4)} constant in the training part, so of no use",)


def _gaps(names: tuple[str, ...], gaps: Array) -> list[str]:
    """One line for all filled gaps."""
    columns = [name for name, count in zip(names, gaps.tolist(), strict=True) if count]
    if not columns:
        return []
    total = int(gaps.sum())
    values = "1 missing value" if total == 1 else f"{total} missing values"
    return [f"{values} in {listing(columns, 4)} filled with the training median"]
