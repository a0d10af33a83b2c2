"""scikit-learn's bundled data sets by name; nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    bunch = getattr(require("sklearn.datasets", INSTALL), f"load_{name}")()
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
