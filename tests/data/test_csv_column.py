import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data.csv_column import Column, parse_numbers
from gpugrad.data.table import Texts
from gpugrad.errors import DataError


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1))
def test_numbers_come_back_bit_for_bit(values):
    parsed, _ = parse_numbers([repr(value) for value in values])
    np.testing.assert_array_equal(parsed, values)


@pytest.mark.parametrize(
    ("cells", "whole"),
    [
        (["1", " -2 ", "+3"], True),
        (["1", "", "NA", "nan"], True),
        (["1", "2.0"], False),
        (["1", "2e3"], False),
        (["1", "inf"], False),
    ],
)
def test_whole_numbers_are_known_by_how_they_are_written(cells, whole):
    assert parse_numbers(cells)[1] is whole


@pytest.mark.parametrize("cell", ["x", "1_000", "1,5", "12a", "0x1f", "--1"])
def test_no_number(cell):
    assert parse_numbers(["1", cell]) is None


@pytest.mark.parametrize("cell", ["", "  ", "?", "NA", "N/A", "NaN", "null", "None", "<NA>"])
def test_missing_is_nan(cell):
    values, _ = parse_numbers(["1", cell])
    assert values[0] == 1 and math.isnan(values[1])


def test_a_column_turns_to_text_in_its_first_chunk_only():
    column = Column("c", text=False)
    column.add(["1", "x"])
    column.add(["2", "x"])
    texts = column.finish()
    assert isinstance(texts, Texts) and [texts[i] for i in range(4)] == ["1", "x", "2", "x"] and not column.late
    column = Column("c", text=False)
    column.add(["1", "2"])
    column.add(["x"])
    assert column.late and not column.integer


def test_a_typing_error_is_named_with_its_row(refused):
    column = Column("age", text=False)
    column.add(["31", "", "4l", "18", "77", "25"])
    with refused(DataError, "d.csv: row 3, column 'age': '4l' is no number, but 4 of the column's 5", "text=['age']"):
        column.refuse_typing_error("d.csv")


@pytest.mark.parametrize("cells", [["1", "2", "3", "x"], ["x", "y"], ["1", "2"]])
def test_text_and_numbers_are_no_typing_error(cells):
    column = Column("c", text=False)
    column.add(cells)
    column.refuse_typing_error("d.csv")
    assert len(column.finish()) == len(cells)


@pytest.mark.parametrize("cells", [["0,002", "1,5", "-3,25e2"], ["1", "2,5", "3", ""], ["7", "8", "9", "10", "11,5"]])
def test_decimal_commas_are_told(cells):
    column = Column("price", text=False)
    column.add(cells)
    with pytest.raises(
        DataError, match=r"d\.csv: row \d, column 'price': '[\d,]+' is no number; expected a decimal point"
    ):
        column.refuse_typing_error("d.csv")


def test_texts_with_commas_are_texts():
    column = Column("place", text=False)
    column.add(["Oslo, Norway", "1,2,3", "5,x", "Rome, Italy"])
    column.refuse_typing_error("d.csv")
