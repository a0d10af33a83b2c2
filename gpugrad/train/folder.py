"""The folder of a run: where it lies and what is in it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from ..errors import CheckpointError, StorageError
from .saving import BEST, LAST

CONFIG, METRICS, CURVE, RESULT = "config.json", "metrics.jsonl", "curve.png", "result.json"
NAMES = (CONFIG, METRICS, CURVE, RESULT, LAST, BEST)
RUNS = "runs"
LASTING = {RESULT, LAST, BEST}  # what is worth keeping of a run
FACTS = {"config", "preprocessor", "fingerprint"}  # what config.json and each checkpoint say of it


def create_folder(out: str | Path | None, name: str) -> Path:
    """A new run's folder: `out`, which may exist but hold no run, else the next free runs/<name>-<n>.

    A run that ended before its first checkpoint left nothing to go on with: its folder is taken over.
    Raises StorageError for a folder that holds a run, is a file, or cannot be made or written.
    """
    try:
        if out is None:
            return _next_free(Path(RUNS), name)
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        found = {name for name in NAMES if (folder / name).exists()}
        if found and not found & LASTING and _is_of_a_run(folder / CONFIG):
            return _cleared(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(f"{out or RUNS}: is a file, or lies below one; name a folder with --out") from error
    except OSError as error:
        raise StorageError(
            f"{out or RUNS}: cannot be created ({error.strerror}); name a folder that can be written with --out"
        ) from error
    if found:
        names = ", ".join(name for name in NAMES if name in found)
        go_on = f"go on with it by --resume {folder}, or " if LAST in found else ""
        raise StorageError(f"{folder}: holds a run already ({names}); {go_on}name another folder with --out")
    return folder


def _is_of_a_run(config: Path) -> bool:
    """Whether a config.json is ours to write over, and not that of another program."""
    try:
        about = json.loads(config.read_bytes())
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return False
    return isinstance(about, dict) and set(about) >= FACTS


def _cleared(folder: Path) -> Path:
    for name in (METRICS, CURVE):
        (folder / name).unlink(missing_ok=True)
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
