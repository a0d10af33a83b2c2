"""A data set: features, target, task, and the split into parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from .csv_column import parse_numbers
from .files import listing
from .splitting import checked_shares, split
from .table import Array, Table
from .tasks import check_classes, check_task, check_values, class_target, infer_task


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table of features, with or without a target.

    Readers return it as found in the file; `resolve` chooses the target and the task and checks both.  `target` is a
    table of the target columns: after `resolve` one text column for classification, numbers for regression.
    `sample_shape` is the shape of one sample before it was flattened, (28, 28) for an image; `test` the part that the
    source itself holds out; `notes` lines worth telling the user; `target_fix` says what to do if there is no target.
    """

    name: str
    features: Table
    target: Table | None = None
    task: str | None = None
    notes: tuple[str, ...] = ()
    sample_shape: tuple[int, ...] | None = None
    test: Dataset | None = None
    target_fix: str = "pass y"

    def __post_init__(self) -> None:
        if self.target is not None and len(self.target) != len(self.features):
            raise ShapeError(
                f"{self.source}: {len(self.features)} samples but {len(self.target)} targets; expected one for each"
            )

    def __repr__(self) -> str:
        task = "no target" if self.target is None else self.task or "no task yet"
        of = f" of {len(self.classes)} classes" if self.classes and self.task else ""
        return f"Dataset({self.name!r}, {len(self)} rows, {len(self.features.names)} features, {task}{of})"

    def __len__(self) -> int:
        return len(self.features)

    @property
    def source(self) -> str:
        """The file or name that messages cite."""
        return self.features.source

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the labels; empty for regression."""
        return next(iter(self.target.texts.values())).levels if self.target and self.target.texts else ()

    @property
    def labels(self) -> Array | None:
        """Class numbers (N,) int64 into `classes`; None for regression."""
        return next(iter(self.target.texts.values())).codes if self.target and self.target.texts else None

    def resolve(self, target: str | Sequence[str] | None = None, task: str | None = None) -> Dataset:
        """Choose target and task, check every value, and name the classes.

        Without `task`, text is classification, and so are whole numbers with at most 20 different values that occur
        twice on average; other numbers are regression.  A note says so where it could have been the other.
        Raises ArgumentError for an unknown task or column or none chosen, DataError for a target with a gap or a single
        value, text in regression, and an infinity anywhere.
        """
        check_task(task)
        chosen = self.with_target(target)
        assert chosen.target is not None
        chosen.features.refuse_infinite()
        check_values(chosen.target)
        found, notes = infer_task(chosen.target, task or chosen.task)
        table = class_target(chosen.target) if found == "classification" else chosen.target
        check_classes(table, found)
        return replace(chosen, target=table, task=found, notes=chosen.notes + notes)

    def with_target(self, target: str | Sequence[str] | None = None) -> Dataset:
        """The same data with the target columns apart from the features; nothing else is checked.

        Raises ArgumentError for a table whose target was not chosen and for a column that does not exist, DataError
        for arrays without a target and if no feature is left beside it.
        """
        names = (target,) if isinstance(target, str) else tuple(target or ())
        if self.target is not None and names in ((), self.target.names):
            return self
        if not names:
            kind = ArgumentError if self.features.named else DataError  # a table has columns to choose from
            raise kind(f"{self.source}: no target; {self.target_fix}")
        self.features.check_names(names, "target")
        features = self.features.without(names)
        if not features.names:
            raise DataError(f"{self.source}: no column is left beside the target {listing(names)}; expected features")
        note = (f"target {listing(self.target.names)} gave way to {listing(names)}",) if self.target else ()
        picked = self.features.select(names)
        return replace(
            self, features=features, target=picked, task=None, notes=self.notes + note, sample_shape=None, test=None
        )

    def split(self, fractions: Sequence[float], seed: int = 0) -> tuple[Array, ...]:
        """Row indices of each part, by `split`: stratified for classification, so call `resolve` first.

        Raises what `split` raises, naming the class that has too few members.
        """
        if self.task is None:
            raise ArgumentError("split: this data set has no task yet; call resolve() first, or use load()")
        if self.labels is not None:
            self._refuse_rare(len(checked_shares(fractions)))
        return split(len(self), fractions, seed, stratify=self.labels, names=self.classes)

    def _refuse_rare(self, n_parts: int) -> None:
        """DataError for a class that has fewer rows than there are parts, saying what it may be instead."""
        assert self.target is not None and self.labels is not None
        counts = np.bincount(self.labels, minlength=len(self.classes))
        rare = np.flatnonzero(counts < n_parts)
        if not len(rare):
            return
        name, n = self.classes[rare[0]], int(counts[rare[0]])
        more = f", and {len(rare) - 1} more of its {len(counts)} classes are as rare" if len(rare) > 1 else ""
        if parse_numbers(self.classes) is not None and 2 * len(rare) > len(counts):
            fix = "if the target is an amount, pass task='regression' (--task regression), else add rows"
        else:
            fix = f"add rows, or remove or merge the class (the data has {len(self)} rows)"
        raise DataError(
            f"{self.source}: target {self.target.names[0]!r}: class {name!r} has {n} row{'s' * (n != 1)}{more}; "
            f"expected at least {n_parts}, one for each part: {fix}"
        )

    def rows(self, index: Array) -> Dataset:
        """The given rows, without the held-out part."""
        index = np.asarray(index)
        target = None if self.target is None else self.target.rows(index)
        return replace(self, features=self.features.rows(index), target=target, test=None)
