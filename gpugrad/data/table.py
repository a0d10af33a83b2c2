"""A table: one matrix of the numeric columns beside coded text columns.

Keeping the numbers in one (N, F) array is what lets a CSV of 12 columns and 60,000 images of 784 pixels share every
line of code that follows.  Messages count rows from 1, the first one below the header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError, ShapeError
from .files import listing

Array = npt.NDArray[Any]
# Texts that mean "no value here", compared after stripping blanks.
MISSING = frozenset(["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"])


@dataclass(frozen=True, eq=False)
class Texts:
    """A text column: `levels[codes[i]]` is the text of row i, code -1 is missing.  Shapes: codes (N,) int64."""

    codes: Array
    levels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str | None:
        code = self.codes[row]
        return None if code < 0 else self.levels[code]

    @staticmethod
    def encode(values: Sequence[str]) -> Texts:
        """Code a sequence of texts.

        >>> Texts.encode(["b", "a", "?"]).codes.tolist()
        [1, 0, -1]
        """
        index: dict[str, int] = {}
        codes = np.array([index.setdefault(value, len(index)) for value in values], dtype=np.int64)
        return Texts.build(codes, list(index))

    @staticmethod
    def build(codes: Array, raw: Sequence[str]) -> Texts:
        """From codes into raw texts: strip blanks, mark the missing, merge equals, sort, drop levels without a row."""
        used = np.unique(codes[codes >= 0]).tolist()
        stripped = {code: raw[code].strip() for code in used}
        levels = sorted(set(stripped.values()) - MISSING)
        place = {level: i for i, level in enumerate(levels)}
        table = np.full(len(raw) + 1, -1, dtype=np.int64)  # the last entry serves code -1
        for code, level in stripped.items():
            table[code] = place.get(level, -1)
        return Texts(table[codes], tuple(levels))

    def compact(self) -> Texts:
        """The same texts without the levels that no row has, in the same order."""
        used, codes = np.unique(self.codes, return_inverse=True)
        kept = used[used >= 0].tolist()
        shift = len(used) - len(kept)  # 1 where some are missing
        return Texts(codes.reshape(-1).astype(np.int64) - shift, tuple(self.levels[code] for code in kept))

    def rows(self, index: Array) -> Texts:
        """The given rows, with all levels kept."""
        return Texts(self.codes[index], self.levels)


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Named columns of N rows.

    Shapes: `numbers` (N, F), a real dtype, NaN where missing; `texts` holds columns of N rows.  `integers` names the
    numeric columns that were written as whole numbers; `source` is the file or name that messages cite; `named` is
    False where the names were made up by position.  Raises ShapeError for columns that do not fit together.
    """

    numbers: Array
    number_names: tuple[str, ...]
    texts: Mapping[str, Texts] = field(default_factory=dict)
    integers: frozenset[str] = frozenset()
    source: str = "table"
    named: bool = True

    def __post_init__(self) -> None:
        if self.numbers.ndim != 2 or self.numbers.shape[1] != len(self.number_names):
            expected = f"(rows, {len(self.number_names)})"
            raise ShapeError(
                f"{self.source}: numbers have shape {self.numbers.shape}; expected {expected}, one name each"
            )
        for name, text in self.texts.items():
            if len(text) != len(self):
                raise ShapeError(f"{self.source}: column {name!r} has {len(text)} rows; expected {len(self)}")
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DataError(f"{self.source}: two columns are named {listing(twice)}; rename one")

    def __repr__(self) -> str:
        return f"Table({self.source!r}, {len(self)} rows, columns {listing(self.names, 4)})"

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """Numeric columns, then text columns, each in the order of the file."""
        return self.number_names + tuple(self.texts)

    @staticmethod
    def from_columns(columns: Mapping[str, Array | Texts], integers: frozenset[str], source: str) -> Table:
        """Gather numeric (N,) arrays into the matrix and text columns beside it."""
        numbers = {name: column for name, column in columns.items() if not isinstance(column, Texts)}
        texts = {name: column for name, column in columns.items() if isinstance(column, Texts)}
        matrix = np.empty((len(next(iter(columns.values()))), len(numbers)))
        for j, column in enumerate(numbers.values()):
            matrix[:, j] = column
        return Table(matrix, tuple(numbers), texts, integers & set(numbers), source)

    def check_names(self, names: Sequence[str], argument: str) -> None:
        """ArgumentError for a name that is no column here."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ArgumentError(
                f"{self.source}: {argument}: no column {listing(unknown)}; the columns are {listing(self.names)}"
            )

    def select(self, names: Sequence[str]) -> Table:
        """The columns named, in that order.  Raises ArgumentError for an unknown name."""
        self.check_names(names, "select")
        place = {name: j for j, name in enumerate(self.number_names)}
        kept = tuple(name for name in names if name in place)
        numbers = self.numbers if kept == self.number_names else self.numbers[:, [place[name] for name in kept]]
        texts = {name: self.texts[name] for name in names if name in self.texts}
        return replace(self, numbers=numbers, number_names=kept, texts=texts, integers=self.integers & set(kept))

    def without(self, names: Sequence[str]) -> Table:
        """All columns but those named.  Raises ArgumentError for an unknown name."""
        self.check_names(names, "drop")
        return self.select([name for name in self.names if name not in set(names)]) if names else self

    def rows(self, index: Array) -> Table:
        """The given rows of every column."""
        texts = {name: text.rows(index) for name, text in self.texts.items()}
        return replace(self, numbers=self.numbers[index], texts=texts)

    def refuse_infinite(self) -> None:
        """DataError naming the first row and column that hold an infinity."""
        if self.numbers.dtype.kind != "f":
            return
        bad = np.isinf(self.numbers)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            where = f"row {row + 1}, column {self.number_names[column]!r}"
            raise DataError(
                f"{self.source}: {where}: {self.numbers[row, column]}; expected a finite number: correct it, or leave "
                "it empty to have the column's median filled in"
            )
