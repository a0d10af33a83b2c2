"""NPZ archives of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .arrays import from_arrays
from .dataset import Dataset
from .files import listing, opened
from .table import Array

FEATURES = ("X", "x", "data", "features", "images", "X_train", "x_train")
TARGETS = ("y", "Y", "target", "targets", "label", "labels", "y_train")
TEST_FEATURES, TEST_TARGETS = ("X_test", "x_test"), ("y_test",)


def read_npz(path: str | Path) -> Dataset:
    """Read arrays written by `np.savez(path, X=X, y=y)`.  Shapes: X (N, F) or (N, ...); y (N,) or (N, k).

    X may also be called x, data, features, images, X_train or x_train; y may be Y, target(s), label(s) or y_train.
    X_test and y_test become the held-out part; feature_names (F,) and target_names (classes) are used where present.
    Pickled objects are never loaded.  Raises StorageError, DataError, and what `from_arrays` raises.
    """
    path = Path(path)
    with opened(path) as file:
        members = _members(path, file)
    features, target = _first(members, FEATURES), _first(members, TARGETS)
    if features is None:
        raise DataError(
            f"{path}: no array X among {listing(list(members))}; write it with np.savez(path, X=X, y=y) "
            f"(also read as X: {', '.join(FEATURES[1:])})"
        )
    names = {"feature_names": members.get("feature_names"), "class_names": members.get("target_names")}
    found = _dataset(path, features, target, names)
    test_features, test_target = _first(members, TEST_FEATURES), _first(members, TEST_TARGETS)
    if test_features is None or test_target is None:
        return found
    return replace(found, test=_dataset(path, test_features, test_target, names))


def _dataset(path: Path, features: Array, target: Array | None, names: dict[str, Any]) -> Dataset:
    found = from_arrays(features, target, name=str(path), **names)
    return replace(found, name=path.stem, target_fix="add an array y: np.savez(path, X=X, y=y)")


def _members(path: Path, file: Any) -> dict[str, Array]:
    """Every array of the archive that a name above asks for."""
    wanted = {*FEATURES, *TARGETS, *TEST_FEATURES, *TEST_TARGETS, "feature_names", "target_names"}
    try:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise DataError(f"{path}: holds a single array; expected an archive: np.savez(path, X=X, y=y)")
        with archive:
            return {name: archive[name] if name in wanted else np.empty(0) for name in archive.files}
    except DataError:
        raise
    except Exception as error:  # a damaged archive fails in many ways, down to NotImplementedError
        if isinstance(error, ValueError) and "pickle" in str(error):
            raise DataError(
                f"{path}: not an NPZ archive, or one with Python objects, which are never loaded; expected plain "
                "arrays: np.savez(path, X=X, y=y) with numbers or texts"
            ) from error
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: damaged or truncated NPZ archive ({reason}); write or copy it again") from error


def _first(members: dict[str, Array], names: Sequence[str]) -> Array | None:
    return next((members[name] for name in names if name in members), None)
