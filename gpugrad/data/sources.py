"""From what a user types, a name or a path, to a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import ArgumentError, ArgumentTypeError, DataError, StorageError
from .bundled import BUNDLED, read_bundled
from .csv_file import read_csv
from .dataset import Dataset
from .files import current_folder, listing
from .idx_file import is_idx_name, read_idx
from .npz_file import read_npz
from .parquet_file import read_parquet

TABLES = {".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet, ".pq": read_parquet}
FORMATS = ".csv, .tsv, .npz, .parquet, .pq, *-idx3-ubyte, or a folder of IDX files; .gz where gzipped"


def load(
    source: str | Path,
    target: str | Sequence[str] | None = None,
    task: str | None = None,
    *,
    text: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> Dataset:
    """Read a data set by name or path, choose target and task, and check every value: `read(...).resolve(...)`.

    Raises StorageError, DataError, ArgumentError or MissingDependencyError, each one line with the fix.

    >>> load("iris").classes
    ('setosa', 'versicolor', 'virginica')
    """
    return read(source, text=text, drop=drop).resolve(target, task)


def read(source: str | Path, *, text: Sequence[str] = (), drop: Sequence[str] = ()) -> Dataset:
    """Read a data set by name or path as it is, with or without a target.

    A name of `list_datasets()` wins over a file of that name: write ./digits for the file.  The format follows from the
    extension.  `text` names columns to keep as text (CSV, Parquet), `drop` columns to leave out.
    Raises DataError for an unknown name or format, ArgumentTypeError for what is neither name nor path, and what the
    reader raises.
    """
    if not isinstance(source, str | Path):
        raise ArgumentTypeError(f"load: source is {source!r:.60}; expected a data set's name or a file's path")
    if str(source) in BUNDLED:
        return _dropped(read_bundled(str(source)), text, drop)
    path = Path(source)
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() in TABLES:
        return TABLES[suffix.lower()](path, text=text, drop=drop)
    if suffix.lower() == ".npz":
        return _dropped(read_npz(path), text, drop)
    if path.is_dir() or is_idx_name(path.name):
        return _dropped(read_idx(path), text, drop)
    raise _unknown(source, path)


def _dropped(dataset: Dataset, text: Sequence[str], drop: Sequence[str]) -> Dataset:
    if text:
        raise ArgumentError(f"{dataset.source}: text: its columns are numbers; text columns come from CSV or Parquet")
    if not drop:
        return dataset
    test = dataset.test and _dropped(dataset.test, text, drop)
    return replace(dataset, features=dataset.features.without(drop), sample_shape=None, test=test)


def _unknown(source: str | Path, path: Path) -> Exception:
    if path.exists():
        return DataError(f"{source}: its format is not known from the name; expected {FORMATS}")
    if path.suffix or len(path.parts) > 1:
        return StorageError(
            f"{source}: there is no such file; check the path (the current folder is {current_folder()})"
        )
    from difflib import get_close_matches

    close = get_close_matches(str(source), BUNDLED, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return DataError(
        f"{source}: no data set or file of this name; {guess}known: {listing(list(BUNDLED))}, or a path ({FORMATS})"
    )
