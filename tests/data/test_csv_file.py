import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data import csv_file, read_csv
from gpugrad.data.table import MISSING
from gpugrad.errors import ArgumentError, DataError, StorageError

TABLE = "age,city,price\n31,Oslo,1.5\n,Bergen,2\n18,?,3e1\n"


def check_table(features):
    assert features.number_names == ("age", "price")
    np.testing.assert_array_equal(features.numbers, [[31, 1.5], [np.nan, 2], [18, 30]])
    assert [features.texts["city"][i] for i in range(3)] == ["Oslo", "Bergen", None]
    assert features.integers == {"age"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_byte_order_mark_line_ends_and_separators(write, separator, start, end):
    path = write("t.csv", start + TABLE.replace(",", separator).replace("\n", end))
    check_table(read_csv(path).features)


def test_gzip_blanks_quotes_and_empty_lines(write):
    text = 'age, "city",price\n\n 31 ,Oslo, 1.5\n,"Bergen",2\n\n18,?,3e1'
    dataset = read_csv(write("t.csv.gz", gzip.compress(text.encode())))
    check_table(dataset.features)
    assert dataset.name == "t" and dataset.target is None


def test_quoted_cells_may_hold_separators_and_line_ends(write):
    dataset = read_csv(write("t.csv", 'a,"b;c"\n"x, y","1\n2"\n"say ""hi""",z\n'))
    assert dataset.features.texts["a"].levels == ('say "hi"', "x, y")
    assert dataset.features.texts["b;c"].levels == ("1\n2", "z")


def test_text_and_drop(write):
    path = write("t.csv", "zip,age\n01234,1\n1234,2\n")
    assert read_csv(path).features.texts == {}
    features = read_csv(path, text=["zip"], drop=["age"]).features
    assert features.names == ("zip",) and features.texts["zip"].levels == ("01234", "1234")


def test_text_that_appears_late_is_read_from_the_start(write, monkeypatch):
    monkeypatch.setattr(csv_file, "CELLS_AT_ONCE", 4)
    path = write("t.csv", "a,b\n" + "01,1\n" * 5 + "x,2\n" * 5)
    features = read_csv(path).features
    assert features.texts["a"].levels == ("01", "x")
    assert features.numbers[:, 0].tolist() == [1.0] * 5 + [2.0] * 5


missing = st.sampled_from(sorted(MISSING))
numbers = st.one_of(st.floats().map(repr), st.integers(-(2**53), 2**53).map(str), missing)
texts = st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5).map("t{}".format), missing)


@given(st.data(), st.lists(st.booleans(), min_size=1, max_size=4), st.integers(1, 7), st.integers(1, 9))
def test_what_csv_writes_comes_back(tmp_path_factory, data, numeric, n_rows, at_once):
    columns = [
        data.draw(st.lists(numbers if is_number else texts, min_size=n_rows, max_size=n_rows)) for is_number in numeric
    ]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    names = [f"column {j}" for j in range(len(columns))]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *zip(*columns, strict=True)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "CELLS_AT_ONCE", at_once)
        features = read_csv(path).features
    for name, cells in zip(names, columns, strict=True):
        present = [None if cell.strip() in MISSING else cell.strip() for cell in cells]
        if name in features.texts:
            assert [features.texts[name][row] for row in range(n_rows)] == present
        else:  # every text starts with a t, so this one has numbers or nothing
            expected = [float("nan") if cell is None else float(cell) for cell in present]
            np.testing.assert_array_equal(features.select([name]).numbers[:, 0], expected)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["there is no header", "names the columns"]),
        ("\n1,2\n", ["there is no header"]),
        ("a,b\n", ["no row below the header"]),
        ("a,a,b\n1,2,3\n", ["names 'a' twice", "rename"]),
        ("a,,b\n1,2,3\n", ["column 2 has no name", "index=False"]),
        ("1,2.5\n3,4\n", ["the first line holds values ('1', '2.5')", "add a header"]),
        ("a,b\n1,2\n\n3,4,5\n", ["row 2 (line 4) has 3 cells", "expected 2", "quote"]),
        ("a,b\n1,2\n3\n", ["row 2 (line 3) has 1 cells"]),
        ('a,b\n1,"2\n3,4\n', ["not a CSV file", "quotes closed"]),
        ("a\n" + "1\n" * 9 + "l0\n", ["row 10, column 'a': 'l0' is no number", "leave it empty", "text=['a']"]),
        (b"a,b\n1,\xe9\n", ["byte 0xe9 is not UTF-8", "save it as UTF-8"]),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), ["byte 0x89 is not UTF-8"]),
        (b"PK\x03\x04\0\0\n1\n", ["zero bytes"]),
        ("a\n" + "x" * 200_000 + "\n", ["not a CSV file", "field larger"]),
    ],
)
def test_what_is_no_table_is_refused(write, refused, content, parts):
    path = write("bad.csv", content)
    with refused(DataError, str(path), *parts):
        read_csv(path)


def test_a_missing_file(tmp_path, refused):
    with refused(StorageError, "gone.csv", "no such file", "check the path"):
        read_csv(tmp_path / "gone.csv")


def test_unknown_columns(write, refused):
    path = write("t.csv", TABLE)
    with refused(ArgumentError, "t.csv", "text: no column 'town'", "'age', 'city', 'price'"):
        read_csv(path, text=["town"])
    with refused(ArgumentError, "drop: no column 'town'"):
        read_csv(path, drop=["town"])
    with refused(DataError, "no column is left after drop"):
        read_csv(path, drop=["age", "city", "price"])
