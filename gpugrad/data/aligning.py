"""Finding training's columns in another table."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from .files import listing
from .table import Table


def aligned(table: Table, numbers: tuple[str, ...], texts: tuple[str, ...]) -> Table:
    """The columns of training, found by name, or by position where the table's names were made up.

    A text column that holds no value at all may have been read as numbers; it is absent from the result.
    Raises DataError for a missing column, text where training had numbers (with its row), or the reverse.
    """
    if table.number_names == numbers and tuple(table.texts) == texts:
        return table
    if not table.named and not texts:
        if len(table.number_names) == len(numbers):
            return table
        raise DataError(f"{table.source}: {len(table.number_names)} features; expected {len(numbers)} as in training")
    absent = [name for name in numbers + texts if name not in table.names]
    if absent:
        raise DataError(f"{table.source}: no column {listing(absent)}; expected as in training: add or rename columns")
    for name in numbers:
        if name in table.texts:
            _refuse_text(table, name)
    for name in texts:
        if name in table.number_names:
            _refuse_numbers(table, name)
    return table.select([name for name in numbers + texts if name in numbers or name in table.texts])


def _refuse_text(table: Table, name: str) -> None:
    texts = table.texts[name]
    bad = np.array([not _is_number(level) for level in texts.levels] + [False])[texts.codes]
    row = int(np.argmax(bad))
    raise DataError(
        f"{table.source}: row {row + 1}, column {name!r}: {texts[row]!r}; expected a number as in training: correct "
        "it or leave it empty"
    )


def _refuse_numbers(table: Table, name: str) -> None:
    values = table.numbers[:, table.number_names.index(name)]
    present = ~np.isnan(values)
    if present.any():
        row = int(np.argmax(present))
        raise DataError(
            f"{table.source}: row {row + 1}, column {name!r}: {values[row]:.6g} came as a number; expected text as in "
            f"training: read it with text=[{name!r}]"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
