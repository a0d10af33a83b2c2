"""scikit-learn's bundled data sets by name; nothing is downloaded."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from .arrays import from_arrays
from .dataset import Dataset
from .files import require

INSTALL = "pip install 'gpugrad[train]' (or pip install scikit-learn)"


@dataclass(frozen=True)
class DatasetInfo:
    """What `gpugrad datasets` prints of one data set; `n_classes` is 0 for regression."""

    name: str
    task: str
    n_samples: int
    n_features: int
    n_classes: int
    about: str


BUNDLED = {
    info.name: info
    for info in (
        DatasetInfo("digits", "classification", 1797, 64, 10, "handwritten digits, 8 x 8 pixels"),
        DatasetInfo("breast_cancer", "classification", 569, 30, 2, "malignant or benign, from cell measurements"),
        DatasetInfo("wine", "classification", 178, 13, 3, "the grower, from chemical analysis"),
        DatasetInfo("iris", "classification", 150, 4, 3, "the species, from petals and sepals"),
        DatasetInfo("diabetes", "regression", 442, 10, 0, "disease progression after a year"),
    )
}


def list_datasets() -> list[DatasetInfo]:
    """The data sets that `load` knows by name.

    >>> [info.name for info in list_datasets()][:2]
    ['digits', 'breast_cancer']
    """
    return list(BUNDLED.values())


def read_bundled(name: str) -> Dataset:
    """One of `list_datasets()`, not yet resolved.  Raises MissingDependencyError without scikit-learn."""
    bunch = (_digits() if name == "digits" else None) or getattr(require("sklearn.datasets", INSTALL), f"load_{name}")()
    found = from_arrays(
        bunch.data,
        bunch.target,
        name=name,
        feature_names=list(bunch.feature_names),
        class_names=list(bunch.target_names) if BUNDLED[name].n_classes else None,
        target_name="target",
    )
    shape = (8, 8) if name == "digits" else None
    return replace(found, task=BUNDLED[name].task, sample_shape=shape)


def _digits() -> Any:
    """The digits from scikit-learn's own file, as importing scikit-learn takes a second; None if it is not there."""
    package = find_spec("sklearn")
    path = Path(package.origin if package and package.origin else "").parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        return None
    with gzip.open(path) as file:
        table = np.loadtxt(file, delimiter=",")
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    return SimpleNamespace(
        data=table[:, :-1], target=table[:, -1].astype(int), feature_names=names, target_names=np.arange(10)
    )
