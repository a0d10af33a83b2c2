"""What a target asks for: classification or regression, and the checks of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ArgumentError, DataError
from .table import Array, Table, Texts

TASKS = ("classification", "regression")
FEW = 20  # whole numbers with more different values than this are taken as amounts


def check_task(task: str | None) -> None:
    """ArgumentError unless `task` is None or one of the two."""
    if task is not None and task not in TASKS:
        raise ArgumentError(f"task is {task!r}; expected 'classification' or 'regression', or None to infer it")


def infer_task(target: Table, task: str | None) -> tuple[str, tuple[str, ...]]:
    """The task, and a note where the other one would have been possible too.

    Raises DataError for text in regression, or several columns in classification.
    """
    name = target.names[0]
    if task == "regression" or (task is None and len(target.names) > 1):
        return _regression(target), ()
    if len(target.names) > 1:
        raise DataError(
            f"{target.source}: {len(target.names)} target columns; classification takes one: name one column or pass "
            "task='regression'"
        )
    if task or target.texts:
        return "classification", ()
    n_values = len(np.unique(target.numbers))
    few = n_values <= 2 or (n_values <= FEW and 2 * n_values <= len(target))
    if few and name in target.integers:
        return "classification", ()
    if few or name in target.integers:
        written = "whole numbers" if name in target.integers else "values written as decimals"
        hint = (
            f"target {name!r} has {n_values} different {written}: taken as regression; pass task='classification' "
            "if they are classes"
        )
        return "regression", (hint,)
    return "regression", ()


def _regression(target: Table) -> str:
    for name, texts in target.texts.items():
        raise DataError(
            f"{target.source}: row 1, target {name!r}: {texts[0]!r} is text; regression expects numbers: pass "
            "task='classification' or correct the column"
        )
    return "regression"


def check_values(target: Table) -> None:
    """DataError naming the first row whose target is missing or infinite."""
    for name, texts in target.texts.items():
        _refuse(target, name, texts.codes < 0, "a class")
    if target.numbers.dtype.kind == "f":
        for name, values in zip(target.number_names, target.numbers.T, strict=True):
            _refuse(target, name, ~np.isfinite(values), "a finite value")


def _refuse(target: Table, name: str, bad: Array, expected: str) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    value = target.numbers[row, target.number_names.index(name)] if name in target.number_names else np.nan
    what = "missing" if np.isnan(value) else f"{value}"
    more = f" ({bad.sum()} such rows)" if bad.sum() > 1 else ""
    raise DataError(
        f"{target.source}: row {row + 1}, target {name!r}: {what}{more}; expected {expected} in every row: "
        f"{'fill it in' if np.isnan(value) else 'correct it'} or remove the row"
    )


def check_classes(target: Table, task: str) -> None:
    """DataError for a target that has a single value, from which nothing can be learnt."""
    if task == "classification":
        ((name, texts),) = target.texts.items()
        single = texts.levels[0] if len(texts.levels) == 1 else None
    else:
        name = target.names[0]
        same = (target.numbers == target.numbers[:1]).all()
        single = repr(float(target.numbers[0, 0])) if same else None
    if single is not None:
        kind = "class" if task == "classification" else "value"
        raise DataError(
            f"{target.source}: target {name!r} has one {kind} only, {single}; expected two or more: choose another"
        )


def class_target(target: Table) -> Table:
    """The target as one text column whose levels are the class names; numbers sort as numbers.

    >>> class_target(Table(np.array([[10.0], [9.0]]), ("y",))).texts["y"].levels
    ('9', '10')
    """
    if target.texts:
        ((name, texts),) = target.texts.items()
        return replace(target, texts={name: texts.compact()})
    values, codes = np.unique(target.numbers[:, 0], return_inverse=True)
    levels = tuple(str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values.tolist())
    named = {target.number_names[0]: Texts(codes.reshape(-1).astype(np.int64), levels)}
    return Table(np.empty((len(target), 0)), (), named, source=target.source, named=target.named)
