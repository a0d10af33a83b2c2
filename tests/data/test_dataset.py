import numpy as np
import pytest

from gpugrad.data import from_arrays, load, read_csv
from gpugrad.errors import ArgumentError, DataError

TABLE = "age,city,price,kind\n31,Oslo,1.5,b\n,Bergen,2.25,a\n18,,30.5,b\n40,Oslo,4,a\n"


@pytest.fixture
def raw(write):
    return read_csv(write("d.csv", TABLE))


def test_resolve_sets_the_target_apart(raw):
    dataset = raw.resolve("kind")
    assert dataset.task == "classification" and dataset.classes == ("a", "b")
    assert dataset.labels.tolist() == [1, 0, 1, 0] and dataset.features.names == ("age", "price", "city")
    amounts = raw.resolve("price")
    assert amounts.task == "regression" and amounts.labels is None and amounts.classes == ()
    assert amounts.target.numbers[:, 0].tolist() == [1.5, 2.25, 30.5, 4] and amounts.features.names == (
        "age",
        "city",
        "kind",
    )
    assert raw.target is None and raw.features.names == ("age", "price", "city", "kind")


def test_several_targets(write):
    dataset = read_csv(write("d.csv", "a,b,c\n1,2,3.5\n4,5,6.5\n")).resolve(["c", "a"])
    assert dataset.target.names == ("c", "a") and dataset.target.numbers.tolist() == [[3.5, 1], [6.5, 4]]


def test_a_feature_can_take_the_targets_place():
    dataset = load("iris", target="petal length (cm)")
    assert dataset.task == "regression" and len(dataset.features.names) == 3
    assert any("'target' gave way to 'petal length (cm)'" in note for note in dataset.notes)


def test_notes_tell_of_a_task_that_was_guessed(write):
    dataset = read_csv(write("d.csv", "a,y\n1,10\n2,20\n3,30\n")).resolve("y")
    assert dataset.task == "regression"
    assert dataset.notes == (
        "target 'y' has 3 different whole numbers: taken as regression; pass task='classification' if they are classes",
    )


def test_wrong_targets(raw, write, refused):
    with refused(ArgumentError, "d.csv: no target", "pass target= (--target), one of 'age', 'city', 'price', 'kind'"):
        raw.resolve()
    with refused(ArgumentError, "d.csv: target: no column 'cost'", "'age', 'price', 'city', 'kind'"):
        raw.resolve("cost")
    with refused(DataError, "d.csv: row 2, target 'age': missing"):
        raw.resolve("age", "regression")
    with refused(DataError, "d.csv: row 3, target 'city': missing"):
        raw.resolve("city")
    with refused(ArgumentError, "task is 'guess'"):
        raw.resolve("kind", "guess")
    with refused(DataError, "no column is left beside the target 'a'"):
        read_csv(write("one.csv", "a\n1\n2\n")).resolve("a")
    with refused(DataError, "target 'k' has one class only, x"):
        read_csv(write("one.csv", "a,k\n1,x\n2,x\n")).resolve("k")


def test_an_infinite_feature_is_refused_before_training(write, refused):
    with refused(DataError, "i.csv: row 2, column 'b': inf"):
        read_csv(write("i.csv", "a,b,y\n1,2,u\n3,inf,v\n")).resolve("y")


def test_split_is_stratified_by_class():
    dataset = load("iris")
    training, held_out = dataset.split((0.8, 0.2), seed=3)
    assert np.bincount(dataset.labels[training]).tolist() == [40] * 3
    assert np.bincount(dataset.labels[held_out]).tolist() == [10] * 3


def test_split_names_the_class_that_is_too_small(write, refused):
    dataset = read_csv(write("d.csv", "a,k\n" + "1,usual\n" * 9 + "2,rare\n")).resolve("k")
    with refused(DataError, "class 'rare' has 1 row", "at least 2", "merge the class"):
        dataset.split((0.5, 0.5))


def test_split_needs_a_task(raw, refused):
    with refused(ArgumentError, "no task yet", "resolve()"):
        raw.split((0.5, 0.5))


def test_rows(raw):
    part = raw.resolve("kind").rows(np.array([3, 0]))
    assert len(part) == 2 and part.labels.tolist() == [0, 1] and part.classes == ("a", "b")
    np.testing.assert_array_equal(part.features.numbers[:, 0], [40, 31])


def test_boolean_rows():
    dataset = from_arrays(np.arange(6.0).reshape(3, 2), [0.5, 1.5, 2.5])
    assert dataset.rows(np.array([True, False, True])).target.numbers[:, 0].tolist() == [0.5, 2.5]


def test_a_data_set_is_one_line(raw):
    dataset = raw.resolve("kind")
    assert repr(raw) == "Dataset('d', 4 rows, 4 features, no target)"
    assert repr(dataset) == "Dataset('d', 4 rows, 3 features, classification of 2 classes)"
    assert repr(raw.resolve("price")) == "Dataset('d', 4 rows, 3 features, regression)"
    assert "\n" not in repr(raw.features) and "4 rows, columns 'age', 'price', 'city'" in repr(raw.features)


def test_rare_classes_are_told_with_their_column(write, refused):
    dataset = load(write("d.csv", "x,kind\n1,a\n2,a\n3,b\n4,a\n"), "kind")
    with refused(DataError, "d.csv: target 'kind': class 'b' has 1 row;", "at least 2", "the data has 4 rows"):
        dataset.split((0.5, 0.5))
    amounts = load(write("d.csv", "x,y\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n"), "y", "classification")
    with refused(DataError, "target 'y': class '0.5' has 1 row, and 3 more of its 4 classes", "--task regression"):
        amounts.split((0.5, 0.5))
