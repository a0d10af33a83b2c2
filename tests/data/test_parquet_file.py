import sys
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from gpugrad.data import load, read_csv, read_parquet
from gpugrad.errors import ArgumentError, DataError, MissingDependencyError, StorageError

COLUMNS = {
    "age": [31, None, 18, 40],
    "price": [1.5, 2.0, float("nan"), 4.0],
    "cost": [Decimal("0.5"), None, Decimal("2.5"), Decimal("1.0")],
    "city": ["Oslo", " Bergen", None, "NA"],
    "open": [True, None, False, True],
    "empty": [None] * 4,
}


@pytest.fixture
def parquet(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def write(columns, name="t.parquet", types=None):
        arrays = {key: pa.array(values, type=(types or {}).get(key)) for key, values in columns.items()}
        pq.write_table(pa.table(arrays), tmp_path / name, row_group_size=3)
        return tmp_path / name

    return write


def cells(features, name):
    return [features.texts[name][row] for row in range(len(features))]


def test_every_kind_of_column(parquet):
    features = read_parquet(parquet(COLUMNS)).features
    assert features.number_names == ("age", "price", "cost", "empty") and features.integers == {"age"}
    nan = np.nan
    expected = [[31, 1.5, 0.5, nan], [nan, 2, nan, nan], [18, nan, 2.5, nan], [40, 4, 1, nan]]
    np.testing.assert_array_equal(features.numbers, expected)
    assert cells(features, "city") == ["Oslo", "Bergen", None, None]
    assert cells(features, "open") == ["True", None, "False", "True"]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
def test_kinds_of_text(parquet, kind):
    pa = pytest.importorskip("pyarrow")
    path = parquet({"c": ["b", "a", None, "b"]}, types={"c": getattr(pa, kind)()})
    assert cells(read_parquet(path).features, "c") == ["b", "a", None, "b"]


def test_dictionaries_are_texts_or_numbers(parquet):
    pa = pytest.importorskip("pyarrow")
    types = {"c": pa.dictionary(pa.int8(), pa.string()), "n": pa.dictionary(pa.int8(), pa.int64())}
    features = read_parquet(parquet({"c": ["b", None, "a"], "n": [7, 8, 7]}, types=types)).features
    assert cells(features, "c") == ["b", None, "a"] and features.numbers[:, 0].tolist() == [7, 8, 7]


def test_whole_numbers_beyond_float64_are_rounded(parquet):
    assert read_parquet(parquet({"n": [2**53 + 1, -(2**60) - 1]})).features.numbers[:, 0].tolist() == [
        2.0**53,
        -(2.0**60),
    ]


def test_text_and_drop(parquet):
    path = parquet({"zip": [1234, None], "when": [date(2020, 1, 1)] * 2, "y": [0, 1]})
    features = read_parquet(path, text=["zip"], drop=["when"]).features
    assert features.names == ("y", "zip") and cells(features, "zip") == ["1234", None]


def test_the_same_table_from_csv(parquet, write):
    path = write("t.csv", "a,city,open\n1,x,True\n,y,False\n3,,True\n")
    columns = {"a": [1, None, 3], "city": ["x", "y", None], "open": [True, False, True]}
    ours, theirs = read_csv(path).features, read_parquet(parquet(columns)).features
    np.testing.assert_array_equal(ours.numbers, theirs.numbers)
    assert ours.integers == theirs.integers and ours.names == theirs.names
    assert {name: cells(ours, name) for name in ours.texts} == {name: cells(theirs, name) for name in theirs.texts}


def test_load_chooses_the_target(parquet):
    dataset = load(parquet({"a": [1.5, 2.5, 3.5], "kind": ["u", "v", "u"], "__index_level_0__": [0, 1, 2]}), "kind")
    assert dataset.features.names == ("a",) and dataset.classes == ("u", "v")


def test_wrong_files(tmp_path, parquet, write, refused):
    with refused(DataError, "text.parquet", "not a Parquet file"):
        read_parquet(write("text.parquet", "a,b\n1,2\n"))
    whole = parquet(COLUMNS).read_bytes()
    with refused(DataError, "cut.parquet", "not a Parquet file", "copy it again"):
        read_parquet(write("cut.parquet", whole[: len(whole) // 2]))
    with refused(StorageError, "gone.parquet", "no such file"):
        read_parquet(tmp_path / "gone.parquet")
    with refused(DataError, "none.parquet", "no row to read"):
        read_parquet(parquet({"a": []}, "none.parquet", types={"a": pytest.importorskip("pyarrow").int64()}))


def test_names_with_dots_and_names_twice(parquet, tmp_path, refused):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    assert read_parquet(parquet({"a.b": [1.5], "a": [2.5]})).features.numbers.tolist() == [[1.5, 2.5]]
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "twice.parquet")
    with refused(DataError, "twice.parquet: two columns are named 'a'", "rename"):
        read_parquet(tmp_path / "twice.parquet")


def test_text_that_is_no_text(parquet, refused):
    pa = pytest.importorskip("pyarrow")
    bad = pa.array([b"\xff", b"a"]).view(pa.string())
    with refused(DataError, "t.parquet", "damaged one", "0xff"):
        read_parquet(parquet({"a": bad}, types={"a": pa.string()}))


def test_wrong_columns(parquet, refused):
    path = parquet({"a": [1], "when": [date(2020, 1, 1)]})
    with refused(DataError, "t.parquet", "column 'when': type date32", "drop the column"):
        read_parquet(path)
    with refused(ArgumentError, "drop: no column 'b'", "'a', 'when'"):
        read_parquet(path, drop=["b"])
    with refused(ArgumentError, "text: no column 'b'"):
        read_parquet(path, text=["b"])
    with refused(DataError, "no column to read"):
        read_parquet(path, drop=["a", "when"])


def test_without_pyarrow(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refused(MissingDependencyError, "pyarrow is not installed", "pip install 'gpugrad[parquet]'"):
        read_parquet("t.parquet")
