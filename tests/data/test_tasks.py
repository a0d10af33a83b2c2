import numpy as np
import pytest

from gpugrad.data.table import Table, Texts
from gpugrad.data.tasks import check_classes, check_task, check_values, class_target, infer_task
from gpugrad.errors import ArgumentError, DataError


def numbers(values, whole=False):
    column = np.array(values, dtype=float)
    columns = column.reshape(len(column), -1)
    names = tuple("yz"[: columns.shape[1]])
    return Table(columns, names, integers=frozenset(names if whole else ()), source="d.csv")


def texts(*values):
    return Table(np.empty((len(values), 0)), (), {"y": Texts.encode(values)}, source="d.csv")


@pytest.mark.parametrize(
    ("target", "task", "noted"),
    [
        (texts("a", "b"), "classification", False),
        (numbers([0, 1, 0, 1], whole=True), "classification", False),
        (numbers(list(range(20)) * 2, whole=True), "classification", False),
        (numbers(list(range(21)) * 9, whole=True), "regression", True),
        (numbers([100, 250, 310], whole=True), "regression", True),
        (numbers([0, 1], whole=True), "classification", False),
        (numbers([0.0, 1.0, 0.0, 1.0]), "regression", True),
        (numbers(np.linspace(0, 1, 30)), "regression", False),
        (numbers([[0, 1], [1, 0]], whole=True), "regression", False),
    ],
)
def test_the_task_follows_from_the_target(target, task, noted):
    found, notes = infer_task(target, None)
    assert found == task and bool(notes) is noted
    assert all("pass task='classification'" in note and "'y'" in note for note in notes)


def test_the_task_can_be_overridden():
    assert infer_task(numbers([0, 1, 0, 1], whole=True), "regression") == ("regression", ())
    assert infer_task(numbers([0.5, 1.5]), "classification") == ("classification", ())


def test_tasks_that_cannot_be(refused):
    with refused(ArgumentError, "task is 'cluster'", "'classification' or 'regression'"):
        check_task("cluster")
    with refused(DataError, "d.csv: row 1, target 'y': 'a' is text", "task='classification'"):
        infer_task(texts("a", "b"), "regression")
    with refused(DataError, "2 target columns", "classification takes one"):
        infer_task(numbers([[0, 1], [1, 0]]), "classification")


def test_class_names_sort_as_what_they_are():
    found = class_target(numbers([10, 9, 10, -1]))
    assert found.texts["y"].levels == ("-1", "9", "10") and found.texts["y"].codes.tolist() == [2, 1, 2, 0]
    assert class_target(numbers([0.5, 2.0])).texts["y"].levels == ("0.5", "2")
    assert class_target(texts("10", "9")).texts["y"].levels == ("10", "9")


def test_a_gap_in_the_target(refused):
    check_values(numbers([1, 2]))
    check_values(texts("a", "b"))
    with refused(DataError, "d.csv: row 2, target 'y': missing;", "fill it in or remove the row"):
        check_values(numbers([1, np.nan, 3]))
    with refused(DataError, "row 2, target 'z': inf"):
        check_values(numbers([[1, 2], [3, np.inf]]))
    with refused(DataError, "row 1, target 'y': missing (2 such rows)"):
        check_values(texts("?", "a", ""))


@pytest.mark.parametrize(
    ("target", "task", "said"),
    [
        (texts("a", "a"), "classification", "one class only, a"),
        (class_target(numbers([3, 3])), "classification", "one class only, 3"),
        (numbers([2.5, 2.5]), "regression", "one value only, 2.5"),
    ],
)
def test_a_single_class_or_value(refused, target, task, said):
    with refused(DataError, "d.csv", "target 'y'", said, "choose another"):
        check_classes(target, task)


def test_two_values_are_enough():
    check_classes(texts("a", "b"), "classification")
    check_classes(numbers([2.5, 2.5, 3]), "regression")
