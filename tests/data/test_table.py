import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data.table import MISSING, Table, Texts
from gpugrad.errors import ArgumentError, DataError, ShapeError


@pytest.fixture
def table():
    texts = {"city": Texts.encode(["b", "", "a"])}
    return Table(np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]]), ("p", "q"), texts, frozenset("p"), source="t.csv")


@given(st.lists(st.text(alphabet="ab ?N/A", max_size=4), min_size=1, max_size=30))
def test_texts_give_back_every_cell_stripped_or_missing(cells):
    texts = Texts.encode(cells)
    expected = [None if cell.strip() in MISSING else cell.strip() for cell in cells]
    assert [texts[row] for row in range(len(texts))] == expected
    assert list(texts.levels) == sorted(set(texts.levels))
    assert set(np.unique(texts.codes)) - {-1} == set(range(len(texts.levels)))


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=20))
def test_compact_keeps_the_cells_and_drops_unused_levels_in_order(codes):
    texts = Texts(np.array(codes), ("e", "d", "c", "b", "a"))
    compact = texts.compact()
    assert [compact[row] for row in range(len(codes))] == [texts[row] for row in range(len(codes))]
    assert list(compact.levels) == [level for code, level in enumerate(texts.levels) if code in codes]


def test_select_without_and_rows(table):
    assert table.names == ("p", "q", "city")
    assert len(table) == 3
    chosen = table.select(["city", "q"])
    assert chosen.names == ("q", "city") and chosen.integers == frozenset()
    np.testing.assert_array_equal(chosen.numbers[:, 0], [2.0, np.nan, 6.0])
    assert table.without(["q"]).names == ("p", "city")
    assert table.without(["q"]).integers == {"p"}
    assert table.without([]) is table
    last = table.rows(np.array([2, 0]))
    assert last.numbers[:, 0].tolist() == [5.0, 1.0] and [last.texts["city"][i] for i in (0, 1)] == ["a", "b"]


def test_select_of_all_numbers_does_not_copy(table):
    assert table.select(["p", "q"]).numbers is table.numbers


def test_from_columns_keeps_the_order():
    columns = {"z": np.array([1.0, 2.0]), "t": Texts.encode(["u", "v"]), "a": np.array([3.0, 4.0])}
    table = Table.from_columns(columns, frozenset(["a", "t"]), "s")
    assert table.names == ("z", "a", "t") and table.numbers.tolist() == [[1, 3], [2, 4]] and table.integers == {"a"}


def test_an_unknown_column_lists_those_there_are(table, refused):
    with refused(ArgumentError, "t.csv", "drop: no column 'x'", "'p', 'q', 'city'"):
        table.without(["x"])


def test_the_first_infinity_is_named(table, refused):
    table.refuse_infinite()
    table.numbers[2, 1] = -np.inf
    with refused(DataError, "t.csv", "row 3, column 'q': -inf", "expected a finite number", "correct it"):
        table.refuse_infinite()


def test_columns_that_do_not_fit_are_refused(refused):
    with refused(ShapeError, "numbers have shape (2, 1)", "(rows, 2)"):
        Table(np.zeros((2, 1)), ("a", "b"))
    with refused(ShapeError, "column 't' has 1 rows", "expected 2"):
        Table(np.zeros((2, 0)), (), {"t": Texts.encode(["x"])})
    with refused(DataError, "two columns are named 'a';", "rename one"):
        Table(np.zeros((1, 2)), ("a", "b"), {"a": Texts.encode(["x"])})
