"""Writing files so that a crash leaves the old one or the new one, never half of either."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import StorageError


def write_atomically(path: str | Path, content: bytes) -> None:
    """`write_whole`.  Raises StorageError, which says what to do, in place of OSError."""
    try:
        write_whole(Path(path), content)
    except OSError as error:
        raise not_written(Path(path), error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to the disk, then rename it to `path`.

    Where a link leads is written, and the link stays; a file keeps its mode and, where that is allowed, its owner.  A
    pipe or a device is written into as it is.
    Raises OSError where the folder cannot be written, `path` is a folder, or the disk is full; a file is then as it
    was before.
    """
    old = None
    with suppress(FileNotFoundError):
        old = path.stat()
    if old is None or stat.S_ISREG(old.st_mode):
        _replace(Path(os.path.realpath(path)), content, old)
    else:
        with open(path, "wb") as file:
            file.write(content)


def not_written(path: Path, error: OSError) -> StorageError:
    """What to say, and to do, of a file that the system did not let us write."""
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
    fix = "free some space or choose another folder" if full else "name a file in a folder that is there and writable"
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); {fix}")


def _replace(path: Path, content: bytes, old: os.stat_result | None) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if old is not None:
                _give(temporary, old)  # before the content: nobody may read it who could not read the old one
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _give(path: Path, old: os.stat_result) -> None:
    """Owner, group and mode of another file, as far as the system allows."""
    with suppress(OSError, AttributeError):  # not every system has owners
        os.chown(path, old.st_uid, old.st_gid)
    with suppress(OSError):
        os.chmod(path, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut, on systems where a folder can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in `folder`."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def strict_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON that every reader takes: NaN and infinities, which JSON does not have, become null.

    >>> strict_json({"loss": float("nan"), "epoch": 1})
    '{"loss": null, "epoch": 1}'
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
