import numpy as np
import pytest

from gpugrad.data.aligning import aligned
from gpugrad.data.table import Table, Texts
from gpugrad.errors import DataError

NUMBERS, TEXTS = ("a", "b"), ("k",)


def table_of(columns, named=True):
    table = Table.from_columns(columns, frozenset(), "new.csv")
    return Table(table.numbers, table.number_names, table.texts, source="new.csv", named=named)


@pytest.fixture
def columns():
    return {
        "k": Texts.encode(["u", "v"]),
        "extra": Texts.encode(["p", "q"]),
        "b": np.array([3.0, 4.0]),
        "id": np.array([7.0, 8.0]),
        "a": np.array([1.0, 2.0]),
    }


def test_columns_are_found_by_name_in_any_order_among_others(columns):
    found = aligned(table_of(columns), NUMBERS, TEXTS)
    assert found.number_names == NUMBERS and tuple(found.texts) == TEXTS
    assert found.numbers.tolist() == [[1, 3], [2, 4]] and found.texts["k"] is columns["k"]


def test_the_same_columns_are_not_copied(columns):
    table = table_of({name: columns[name] for name in ("a", "b", "k")})
    assert aligned(table, NUMBERS, TEXTS) is table


def test_made_up_names_go_by_position(refused):
    table = table_of({"x0": np.array([1.0]), "x1": np.array([2.0])}, named=False)
    assert aligned(table, NUMBERS, ()) is table
    with refused(DataError, "new.csv: 2 features; expected 3 as in training"):
        aligned(table, ("a", "b", "c"), ())
    with refused(DataError, "no column 'a', 'b', 'k'"):
        aligned(table, NUMBERS, TEXTS)


def test_real_names_never_go_by_position(refused):
    with refused(DataError, "new.csv: no column 'x0', 'x1'", "add or rename"):
        aligned(table_of({"a": np.array([1.0]), "b": np.array([2.0])}), ("x0", "x1"), ())


def test_a_text_column_without_a_value_may_look_numeric(columns):
    columns["k"] = np.array([np.nan, np.nan])
    found = aligned(table_of(columns), NUMBERS, TEXTS)
    assert found.texts == {} and found.number_names == NUMBERS


def test_missing_columns_and_wrong_kinds(columns, refused):
    with refused(DataError, "new.csv: no column 'c', 'm'; expected as in training"):
        aligned(table_of(columns), ("a", "c"), ("m",))
    with refused(DataError, "new.csv: row 2, column 'b': 'x9'; expected a number"):
        aligned(table_of({**columns, "b": Texts.encode(["4", "x9"])}), NUMBERS, TEXTS)
    with refused(DataError, "new.csv: row 2, column 'k': 5 came as a number; expected text", "text=['k']"):
        aligned(table_of({**columns, "k": np.array([np.nan, 5.0])}), NUMBERS, TEXTS)
