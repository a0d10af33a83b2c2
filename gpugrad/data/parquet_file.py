"""Parquet, through pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .dataset import Dataset
from .files import listing, opened, require
from .table import Array, Table, Texts

INSTALL = "pip install 'gpugrad[parquet]' (or pip install pyarrow)"
PANDAS_INDEX = "__index_level_0__"


def read_parquet(path: str | Path, *, text: Sequence[str] = (), drop: Sequence[str] = ()) -> Dataset:
    """Read a Parquet file: numbers and decimals as numbers, texts and booleans (True, False) as text.

    `text` names columns to read as text, `drop` those to leave out.  The result has no target yet: `resolve` it.
    Raises MissingDependencyError without pyarrow, StorageError for a file that cannot be read, DataError for one that
    is no Parquet, has no rows, or holds a column of another type.
    """
    pa, pq = require("pyarrow", INSTALL), require("pyarrow.parquet", INSTALL)
    with opened(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            header = [name for name in parquet.schema_arrow.names if name != PANDAS_INDEX]
            names = Table(np.empty((0, len(header))), tuple(header), source=str(path))
            names.check_names(text, "text")
            names.check_names(drop, "drop")
            kept = [name for name in header if name not in drop]
            read = parquet.read(columns=kept)
            columns = {name: _column(pa, f"{path}: column {name!r}", read[name], name in text) for name in kept}
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"{path}: not a Parquet file, or a damaged one ({reason}); write or copy it again"
            ) from error
    if not kept or read.num_rows == 0:
        raise DataError(f"{path}: no {'row' if kept else 'column'} to read; expected at least one")
    integers = frozenset(name for name in kept if pa.types.is_integer(read.schema.field(name).type))
    table = Table.from_columns(columns, integers, str(path))
    fix = f"pass target= (--target), one of {listing(header)}"
    return Dataset(name=Path(path).stem, features=table, target_fix=fix)


def _column(pa: Any, where: str, column: Any, as_text: bool) -> Array | Texts:
    """One Arrow column as (N,) float64 with NaN for null, or as texts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(pa, where, column.cast(kind.value_type), as_text)
    types = pa.types
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind)
    if numeric and not as_text:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())
    if types.is_boolean(kind):
        values = np.array([None, "False", "True"], dtype=object)
        codes = column.cast(pa.int8()).fill_null(-1).to_numpy() + 1
        return Texts.encode(["" if value is None else value for value in values[codes].tolist()])
    if numeric or types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        coded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return Texts.build(codes.astype(np.int64), coded.dictionary.to_pylist())
    raise DataError(
        f"{where}: type {kind}; expected numbers, texts or booleans: cast it before writing, or drop the column"
    )
