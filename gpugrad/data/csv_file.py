"""CSV: one header line, then rows; numbers stay numbers and everything else becomes text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .csv_column import Column, parse_numbers
from .dataset import Dataset
from .files import listing, opened
from .table import Table

CELLS_AT_ONCE = 1 << 18  # a chunk's strings cost some 60 bytes each


def read_csv(path: str | Path, *, text: Sequence[str] = (), drop: Sequence[str] = ()) -> Dataset:
    """Read a CSV file (UTF-8, a byte order mark and gzip allowed; `,` `;` tab or `|` found from the header).

    A column is numeric if every cell is a number or missing (empty, NA, NaN, null, None, ?), else text.  `text` names
    columns to keep as text whatever they hold, `drop` those to leave out.  The result has no target yet: `resolve` it.
    Raises StorageError for a file that cannot be read and DataError for one that is no CSV table: no header, names
    that are empty or occur twice, no rows, a row of another length, a number column with a cell that is no number.
    """
    with _parsed(path) as (header, _):
        names = Table(np.empty((0, len(header))), tuple(header), source=str(path))
        names.check_names(text, "text")
        names.check_names(drop, "drop")
    as_text = frozenset(text)
    columns = _read_columns(path, as_text, frozenset(drop))
    late = frozenset(column.name for column in columns if column.late)
    if late:  # text appeared after rows that were all numbers: read once more
        columns = _read_columns(path, as_text | late, frozenset(drop))
    for column in columns:
        if column.name not in as_text:
            column.refuse_typing_error(path)
    integers = frozenset(column.name for column in columns if column.integer)
    table = Table.from_columns({column.name: column.finish() for column in columns}, integers, str(path))
    fix = f"pass target= (--target), one of {listing(header)}"
    return Dataset(name=Path(path).name.partition(".")[0], features=table, target_fix=fix)


def _read_columns(path: str | Path, text: frozenset[str], drop: frozenset[str]) -> list[Column]:
    with _parsed(path) as (header, rows):
        columns = [Column(name, name in text) for name in header]
        chunk_rows = max(1, CELLS_AT_ONCE // len(header))
        while chunk := list(islice(rows, chunk_rows)):
            for column, cells in zip(columns, zip(*chunk, strict=True), strict=True):
                if column.name not in drop:
                    column.add(cells)
    kept = [column for column in columns if column.name not in drop]
    if not kept:
        raise DataError(f"{path}: no column is left after drop; drop fewer")
    if not kept[0].parts:
        raise DataError(f"{path}: there is no row below the header; expected at least one")
    return kept


@contextmanager
def _parsed(path: str | Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """The checked header and an iterator of the rows, with every fault of the format as a DataError."""
    with opened(path) as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        try:
            first = lines.readline()
            if "\0" in first:
                raise DataError(f"{path}: holds zero bytes; expected a CSV text file, saved as UTF-8")
            delimiter = _delimiter(first)
            header = [name.strip() for name in next(_cells([first], delimiter), [])]
            _check_header(path, header)
            yield header, _rows(path, _cells(lines, delimiter), len(header))
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise DataError(
                f"{path}: byte 0x{byte:02x} is not UTF-8; expected a CSV text file: save it as UTF-8"
            ) from error
        except csv.Error as error:
            raise DataError(f"{path}: not a CSV file ({error}); expected rows of cells, quotes closed") from error
        finally:
            lines.detach()


def _rows(path: str | Path, reader: Any, width: int) -> Iterator[list[str]]:
    """Rows of `width` cells; empty lines are skipped."""
    for number, row in enumerate(filter(None, reader), start=1):
        if len(row) != width:
            raise DataError(
                f"{path}: row {number} (line {reader.line_num + 1}) has {len(row)} cells; expected {width} as in "
                "the header: add or remove cells, or quote those that hold the separator"
            )
        yield row


def _cells(lines: Iterable[str], delimiter: str) -> Any:
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _delimiter(header: str) -> str:
    outside = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=outside.count)


def _check_header(path: str | Path, header: list[str]) -> None:
    if not any(header):
        raise DataError(f"{path}: there is no header; expected a first line that names the columns")
    if "" in header:
        raise DataError(
            f"{path}: column {header.index('') + 1} has no name in the header; name it, or remove the column "
            "(pandas writes one unless index=False)"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the header names {listing(twice)} twice; rename one of them")
    if all(parse_numbers([name]) is not None for name in header):
        raise DataError(
            f"{path}: the first line holds values ({listing(header, 3)}); add a header that names the columns"
        )
