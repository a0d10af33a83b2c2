import sys

import numpy as np
import pytest

from gpugrad.data import list_datasets, load
from gpugrad.data.bundled import read_bundled
from gpugrad.errors import MissingDependencyError

NAMES = ["digits", "breast_cancer", "wine", "iris", "diabetes"]


def test_the_list():
    assert [info.name for info in list_datasets()] == NAMES


@pytest.mark.parametrize("info", list_datasets(), ids=NAMES)
def test_what_the_list_says_is_what_loads(info):
    bunch = getattr(pytest.importorskip("sklearn.datasets"), f"load_{info.name}")()
    dataset = load(info.name)
    assert (dataset.name, dataset.task, len(dataset)) == (info.name, info.task, info.n_samples)
    assert (len(dataset.features.names), len(dataset.classes)) == (info.n_features, info.n_classes)
    np.testing.assert_array_equal(dataset.features.numbers, bunch.data)
    target = dataset.target.numbers[:, 0] if dataset.labels is None else dataset.labels
    np.testing.assert_array_equal(target, bunch.target)
    assert dataset.features.names == tuple(bunch.feature_names)
    assert dataset.sample_shape == ((8, 8) if info.name == "digits" else None)


def test_class_names_keep_scikit_learns_order():
    assert load("breast_cancer").classes == ("malignant", "benign")


def test_without_scikit_learn(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with refused(MissingDependencyError, "sklearn is not installed", "pip install 'gpugrad[train]'"):
        read_bundled("iris")
