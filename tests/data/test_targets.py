import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data import from_arrays
from gpugrad.data.targets import encode_target, fit_target, target_from_dict
from gpugrad.errors import DataError, ShapeError


def target_of(y, **options):
    return from_arrays(np.zeros((len(y), 1)), y, name="d.csv", **options).target


def fitted(y, rows=None):
    dataset = from_arrays(np.zeros((len(y), 1)), y).resolve()
    return fit_target(dataset.target, dataset.task, rows)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=2).filter(lambda y: len(set(y)) > 1))
def test_classes_there_and_back(y):
    encoder = fitted(y)
    labels = encode_target(encoder, target_of(y), np.float32)
    assert labels.dtype == np.int64 and encoder.n_outputs == len(set(y)) and encoder.task == "classification"
    assert encoder.decode(np.eye(encoder.n_outputs)[labels]).tolist() == y


@given(st.lists(st.floats(-1e9, 1e9), min_size=2).filter(lambda y: len(set(y)) > 1))
def test_amounts_there_and_back(y):
    encoder = fitted(y)
    z = encode_target(encoder, target_of(y), np.float64)
    assert z.shape == (len(y), 1) and encoder.task == "regression" and encoder.classes == ()
    np.testing.assert_allclose(encoder.decode(z)[:, 0], y, rtol=1e-9, atol=1e-9 * max(map(abs, y)))


def test_amounts_are_standardised_by_the_training_rows():
    y = np.array([[0.0, 10.0], [2.0, 30.0], [9.0, 99.0]])
    encoder = fitted(y, np.array([0, 1]))
    z = encode_target(encoder, target_of(y), np.float32)
    assert z.dtype == np.float32 and z.tolist() == [[-1, -1], [1, 1], [8, pytest.approx(7.9)]]


@pytest.mark.parametrize("y", [["b", "a"], [0.1, 1 / 3], [[0.1, 2.0], [1 / 3, 5.0]]])
def test_json_and_back_is_exact(y):
    encoder = fitted(y)
    again = target_from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert again.to_dict() == encoder.to_dict() and again.names == encoder.names and again.classes == encoder.classes
    np.testing.assert_array_equal(
        encode_target(again, target_of(y), np.float64), encode_target(encoder, target_of(y), np.float64)
    )


def test_classes_are_matched_by_name_however_they_were_written():
    encoder = fitted([3, 7, 3])
    for y in ([7, 7, 3], [7.0, 7.0, 3.0], ["7", "7", "3"]):
        assert encode_target(encoder, target_of(y), np.float32).tolist() == [1, 1, 0]


def test_wrong_targets(refused):
    classes, amounts = fitted(["a", "b"]), fitted([0.5, 1.5])
    with refused(DataError, "d.csv: row 2, target 'y': class 'c' was not in the training data", "'a', 'b'"):
        encode_target(classes, target_of(["a", "c"]), np.float32)
    with refused(DataError, "d.csv: row 1, target 'y': 'a'; expected numbers"):
        encode_target(amounts, target_of(["a", "b"]), np.float32)
    with refused(DataError, "d.csv: row 2, target 'y': missing"):
        encode_target(amounts, target_of([1.0, np.nan]), np.float32)
    with refused(DataError, "row 2, column 'y': 1e+300", "overflows float32"):
        encode_target(amounts, target_of([1.0, 1e300]), np.float32)
    with refused(ShapeError, "2 target columns; expected 1"):
        encode_target(amounts, target_of([[1.0, 2.0]]), np.float32)


def test_wrong_outputs(refused):
    with refused(ShapeError, "decode: outputs have shape (4, 3)", "(rows, 2)"):
        fitted(["a", "b"]).decode(np.zeros((4, 3)))
    with refused(ShapeError, "decode: outputs have shape (4,)", "(rows, 1)"):
        fitted([0.5, 1.5]).decode(np.zeros(4))


@pytest.mark.parametrize(
    "state", [{"task": "cluster", "classes": ["a", "b"]}, {"task": "classification", "classes": ["a"]}]
)
def test_damaged_dicts(state):
    with pytest.raises(ValueError, match="two classes or more"):
        target_from_dict(state)
