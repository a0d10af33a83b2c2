import numpy as np
import pytest

from gpugrad.data import from_arrays
from gpugrad.errors import DTypeError, ShapeError


def test_real_arrays_are_not_copied():
    X = np.zeros((3, 4), dtype=np.float32)
    assert np.shares_memory(from_arrays(X).features.numbers, X)
    pictures = np.zeros((3, 2, 2), dtype=np.uint8)
    dataset = from_arrays(pictures)
    assert np.shares_memory(dataset.features.numbers, pictures) and dataset.sample_shape == (2, 2)
    assert dataset.features.names == ("x0", "x1", "x2", "x3") and not dataset.features.named


@pytest.mark.parametrize(
    ("y", "classes", "labels"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (np.array(["b", "a", "b"], dtype=object), ("a", "b"), [1, 0, 1]),
        (np.array([True, False, True]), ("False", "True"), [1, 0, 1]),
        (np.array([[3], [2], [3]]), ("2", "3"), [1, 0, 1]),
        ([-1, 1, 1], ("-1", "1"), [0, 1, 1]),
    ],
)
def test_targets_of_classes(y, classes, labels):
    dataset = from_arrays(np.zeros((3, 1)), y).resolve()
    assert dataset.classes == classes and dataset.labels.tolist() == labels


def test_targets_of_amounts():
    one = from_arrays(np.zeros((3, 1)), [0.5, 1.5, 2.5]).resolve()
    assert one.task == "regression" and one.target.names == ("y",)
    two = from_arrays(np.zeros((3, 1)), np.arange(6).reshape(3, 2), target_name="t").resolve()
    assert two.task == "regression" and two.target.names == ("t_0", "t_1")


def test_class_names_number_the_classes(refused):
    dataset = from_arrays(np.zeros((3, 1)), [2, 0, 2], class_names=["z", "y", "x"]).resolve()
    assert dataset.classes == ("z", "x") and dataset.labels.tolist() == [1, 0, 1]  # nobody is in class y
    with refused(ShapeError, "row 2, target 'y': class 3", "expected 0 to 1", "2 class names"):
        from_arrays(np.zeros((2, 1)), [0, 3], class_names=["a", "b"])


@pytest.mark.parametrize(
    ("X", "kind", "parts"),
    [
        (np.zeros(3), ShapeError, ["X has shape (3,)", "(samples, features)"]),
        (np.zeros((0, 3)), ShapeError, ["X has shape (0, 3)", "at least one"]),
        (np.zeros((3, 0)), ShapeError, ["X has shape (3, 0)"]),
        ([[1, 2], [3]], ShapeError, ["X has rows of different lengths"]),
        ([["a"]], DTypeError, ["X has dtype <U1", ".astype(float)", "CSV"]),
        (np.array([[None]]), DTypeError, ["X has dtype object"]),
        (np.zeros((1, 1), dtype="M8[s]"), DTypeError, ["X has dtype datetime64"]),
    ],
)
def test_wrong_features(refused, X, kind, parts):
    with refused(kind, "mine", *parts):
        from_arrays(X, name="mine")


def test_wrong_targets(refused):
    X = np.zeros((2, 1))
    with refused(ShapeError, "2 samples but 3 targets"):
        from_arrays(X, [1, 2, 3])
    with refused(ShapeError, "y has shape (2, 1, 1)", "(samples, outputs)"):
        from_arrays(X, np.zeros((2, 1, 1)))
    with refused(DTypeError, "y has dtype complex128"):
        from_arrays(X, [1j, 2])
    with refused(DTypeError, "y has dtype object"):
        from_arrays(X, [None, "a"])
    with refused(ShapeError, "numbers have shape (2, 1)", "one name each"):
        from_arrays(X, feature_names=["a", "b"])
