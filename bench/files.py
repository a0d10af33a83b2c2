"""Files that a run leaves behind: looked at before anything is measured, and written whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


class BenchError(Exception):
    """What was asked for cannot be done: an unknown name, a file that is none, two files that do not compare."""


def check_file(path: Path, option: str) -> None:
    """Raise BenchError where `path`, which `option` names, could not be written once all is measured."""
    if os.path.isdir(path):
        raise BenchError(f"{option}: {path} is a folder; name a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise BenchError(f"{option}: {path} is no regular file; name one")
    with _in_one_line(path, option):
        _try(_target(path))


def check_folder(path: Path, option: str) -> None:
    """Raise BenchError where no file could be written in the folder `path`, which is made where it is missing."""
    if os.path.exists(path) and not os.path.isdir(path):
        raise BenchError(f"{option}: {path} is a file; name a folder")
    with _in_one_line(path, option):
        _try(_target(path) / "index.html")


def write(path: Path, content: bytes) -> None:
    """Write beside `path` and rename, so that the old file stays until the new one is whole.

    Folders are made; a link's target is replaced, and an existing file's mode stays.  Raises BenchError.
    """
    from gpugrad.train.files import write_whole  # here, as files are read without NumPy

    with _in_one_line(path):
        _target(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def _try(path: Path) -> None:
    """Make the file, or where there is one another beside it, and the folders that it wants; leave nothing of them."""
    made = [folder for folder in path.parents if not folder.exists()]
    new = _beside(path) if path.exists() else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.open("xb").close()
        _remove(new)
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError("it is read-only")
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def _in_one_line(path: Path, option: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{option}: {path}" if option else str(path)
        why = error.strerror or error
        raise BenchError(f"{where} cannot be written ({why}); free it, or name another place") from error


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _beside(path: Path) -> Path:
    return path.parent / f".{secrets.token_hex(8)}.tmp"


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
