"""The folder of a run: where it lies and what is in it."""

from __future__ import annotations

import itertools
from pathlib import Path

from ..errors import CheckpointError, StorageError
from .saving import BEST, LAST

CONFIG, METRICS, CURVE, RESULT = "config.json", "metrics.jsonl", "curve.png", "result.json"
NAMES = (CONFIG, METRICS, CURVE, RESULT, LAST, BEST)
RUNS = "runs"


def create_folder(out: str | Path | None, name: str) -> Path:
    """A new run's folder: `out`, which may exist but hold no run, else the next free runs/<name>-<n>.

    Raises StorageError for a folder that holds a run, is a file, or cannot be made or written.
    """
    try:
        if out is None:
            return _next_free(Path(RUNS), name)
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(f"{out or RUNS}: is a file, or lies below one; name a folder with --out") from error
    except OSError as error:
        raise StorageError(
            f"{out or RUNS}: cannot be created ({error.strerror}); name a folder that can be written with --out"
        ) from error
    found = [name for name in NAMES if (folder / name).exists()]
    if found:
        raise StorageError(
            f"{folder}: holds a run already ({', '.join(found)}); go on with it by --resume {folder}, or name another "
            "folder with --out"
        )
    return folder


def _next_free(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for n in itertools.count(1):
        folder = parent / f"{name}-{n}"
        try:
            folder.mkdir()  # fails if another process was faster
            return folder
        except FileExistsError:
            continue
    raise AssertionError("unreachable")


def find_checkpoint(run: str | Path, name: str) -> Path:
    """The checkpoint `name` of a run's folder; a path to a checkpoint file is taken as it is.

    Raises StorageError where there is no such folder, CheckpointError where it holds no such checkpoint.
    """
    path = Path(run)
    if path.is_file():
        return path
    if not path.is_dir():
        raise StorageError(f"{run}: there is no such run; name a folder that gpugrad train made, such as runs/digits-1")
    if not (path / name).is_file():
        raise CheckpointError(
            f"{run}: holds no {name}; expected the folder of a run that saved a checkpoint: train it again"
        )
    return path / name
