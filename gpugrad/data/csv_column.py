"""One column of a CSV file while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from .table import MISSING, Array, Texts

MOSTLY = 0.8  # a text column with this share of numbers is a number column with a typing error


class Column:
    """One column while it is read: floats as long as all cells are numbers or missing, codes of texts from then on."""

    def __init__(self, name: str, text: bool) -> None:
        self.name, self.integer, self.late = name, not text, False
        self.parts: list[Array] = []
        self.index: dict[str, int] | None = {} if text else None

    def add(self, cells: Sequence[str]) -> None:
        if self.late:
            return
        if self.index is None:
            numbers = parse_numbers(cells)
            if numbers is not None:
                self.parts.append(numbers[0])
                self.integer &= numbers[1]
                return
            self.late, self.integer = bool(self.parts), False
            self.index = {}
        index = self.index
        self.parts.append(np.array([index.setdefault(cell, len(index)) for cell in cells], dtype=np.int64))

    def finish(self) -> Array | Texts:
        values = np.concatenate(self.parts)
        return values if self.index is None else Texts.build(values, list(self.index))

    def refuse_typing_error(self, path: str | Path) -> None:
        """DataError if nearly all of a text column's cells are numbers, or would be with a point for the comma."""
        if self.index is None:
            return
        texts = self.finish()
        assert isinstance(texts, Texts)
        numeric = np.array([parse_numbers([level]) is not None for level in texts.levels] + [False])[texts.codes]
        commas = np.array([has_decimal_comma(level) for level in texts.levels] + [False])[texts.codes]
        present = texts.codes >= 0
        if commas.any() and (numeric | commas).sum() >= MOSTLY * present.sum():
            row = int(np.argmax(commas))
            raise DataError(
                f"{path}: row {row + 1}, column {self.name!r}: {texts[row]!r} is no number; expected a decimal point: "
                f"replace the commas in the numbers, or keep the column as text with text=[{self.name!r}] "
                f"(--text {self.name})"
            )
        if numeric.sum() >= MOSTLY * present.sum():
            row = int(np.argmax(present & ~numeric))
            raise DataError(
                f"{path}: row {row + 1}, column {self.name!r}: {texts[row]!r} is no number, but {numeric.sum()} of the "
                f"column's {present.sum()} values are; correct it, leave it empty, or keep the column as text with "
                f"text=[{self.name!r}] (--text {self.name})"
            )


def has_decimal_comma(text: str) -> bool:
    """Whether a text is a number but for a comma where the point belongs, such as 0,002."""
    return text.count(",") == 1 and parse_numbers([text.replace(",", ".")]) is not None


def parse_numbers(cells: Sequence[str]) -> tuple[Array, bool] | None:
    """Values (NaN where missing) and whether all were written as whole numbers; None if a cell is no number."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        cells = ["nan" if cell.strip() in MISSING else cell for cell in cells]
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            return None
    written = "".join(cells)
    # float() takes 1_000, which in a table is a name; nan has none of the letters below, inf has.
    return None if "_" in written else (values, not any(mark in written for mark in ".eEiI"))
