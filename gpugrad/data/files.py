"""Opening files so that what goes wrong is one line with the fix, and importing optional packages likewise."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ..errors import DataError, GpugradError, MissingDependencyError, StorageError

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def opened(path: str | Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The file's bytes, ungzipped if its content (not its name) is gzip.

    Raises StorageError for a file that cannot be read, DataError for a damaged gzip stream.
    """
    try:
        with open(path, "rb") as raw:
            zipped = raw.peek(2)[:2] == GZIP_MAGIC
            if not zipped:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as unzipped:
                yield unzipped
    except GpugradError:
        raise
    except FileNotFoundError as error:
        raise StorageError(
            f"{path}: there is no such file; check the path (the current folder is {current_folder()})"
        ) from error
    except IsADirectoryError as error:
        raise StorageError(f"{path}: is a folder; name a file in it") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file ({error}); download or copy it again") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error


def require(module: str, install: str) -> Any:
    """Import an optional module; MissingDependencyError names the command that brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(f"{package} is not installed; run: {install}") from error


def listing(names: Sequence[str], limit: int = 12) -> str:
    """Names quoted and joined for a message, cut after `limit`.

    >>> listing(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def current_folder() -> str:
    """The current folder, for a message."""
    try:
        return str(Path.cwd())
    except OSError:
        return "gone"
