import gzip
from functools import partial

import numpy as np
import pytest

from gpugrad.data import list_datasets, load, read
from gpugrad.errors import ArgumentError, ArgumentTypeError, DataError, StorageError


@pytest.fixture(scope="module")
def digits():
    return pytest.importorskip("sklearn.datasets").load_digits()


def write_csv(path, digits, separator=",", zipped=False):
    lines = [separator.join([*digits.feature_names, "digit"])]
    rows = np.column_stack([digits.data, digits.target])
    lines += [separator.join(f"{value:g}" for value in row) for row in rows.tolist()]
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if zipped else content)


def write_parquet(path, digits):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = dict(zip(digits.feature_names, digits.data.T, strict=True))
    pq.write_table(pa.table({**columns, "digit": digits.target}), path)


def write_npz(path, digits):
    np.savez_compressed(path, X=digits.images, y=digits.target)


@pytest.mark.parametrize(
    ("name", "save", "target"),
    [
        ("d.csv", write_csv, "digit"),
        ("d.CSV", write_csv, "digit"),
        ("d.csv.gz", partial(write_csv, zipped=True), "digit"),
        ("d.tsv", partial(write_csv, separator="\t"), "digit"),
        ("d.parquet", write_parquet, "digit"),
        ("d.pq", write_parquet, "digit"),
        ("d.npz", write_npz, None),
    ],
)
def test_digits_by_every_extension(tmp_path, digits, name, save, target):
    save(tmp_path / name, digits)
    dataset = load(tmp_path / name, target)
    assert dataset.task == "classification" and dataset.classes == tuple("0123456789")
    np.testing.assert_array_equal(dataset.features.numbers, digits.data)
    np.testing.assert_array_equal(dataset.labels, digits.target)


def test_a_name_wins_over_a_file_and_a_path_over_a_name(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").write_text("not me")
    assert len(load("iris")) == 150
    with refused(DataError, "./iris", "format is not known", ".csv"):
        load("./iris")


def test_unknown_names(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    with refused(DataError, "digts: no data set or file", "did you mean 'digits'?", *(d.name for d in list_datasets())):
        load("digts")
    with refused(DataError, "zzz: no data set", "known: 'digits'", ".parquet"):
        load("zzz")
    with refused(StorageError, "nowhere/zzz: there is no such file", str(tmp_path)):
        load("nowhere/zzz")
    with refused(StorageError, "data.xlsx: there is no such file"):
        load("data.xlsx")


def test_a_format_that_is_not_known(write, refused):
    with refused(DataError, "data.xlsx: its format is not known", ".csv, .tsv, .npz, .parquet"):
        load(write("data.xlsx", "a"))


def test_drop_and_text_of_sets_without_text(refused):
    assert read("iris", drop=["sepal width (cm)"]).features.names[1] == "petal length (cm)"
    with refused(ArgumentError, "iris: drop: no column 'petals'", "'sepal length (cm)'"):
        read("iris", drop=["petals"])
    with refused(ArgumentError, "iris: text:", "CSV or Parquet"):
        read("iris", text=["petals"])


def test_options_reach_the_reader(write):
    dataset = load(write("d.csv", "id,zip,y\n1,01,0.5\n2,02,1.5\n3,03,2.5\n"), "y", text=["zip"], drop=["id"])
    assert dataset.features.names == ("zip",) and dataset.features.texts["zip"].levels == ("01", "02", "03")


def test_task_reaches_the_target():
    assert load("iris", task="classification").task == "classification"
    assert load("diabetes", task="classification").classes[:2] == ("25", "31")


@pytest.mark.parametrize("source", [None, 3, ["digits"], np.ones(2)], ids=str)
def test_what_is_no_source(source, refused):
    with refused(ArgumentTypeError, "load: source is", "expected a data set's name or a file's path"):
        load(source)
