import json

import numpy as np
import pytest

from gpugrad.data import Loader, Preprocessor, from_arrays, list_datasets, load, read
from gpugrad.errors import ArgumentError, CheckpointError, DataError

# A string target, missing values, a constant column, an identifier and a text column.
ROWS = [
    f"{i},{'' if i == 3 else i * 1.5},7,name {i},{'north' if i % 3 else 'south'},{'yes' if i % 2 else 'no'}"
    for i in range(60)
]
TABLE = "\n".join(["id,size,same,name,side,sold", *ROWS]) + "\n"


@pytest.fixture
def houses(write):
    return load(write("houses.csv", TABLE), "sold", drop=["id"])


def test_a_table_with_everything(houses):
    training, _ = houses.split((0.75, 0.25), seed=1)
    prepare = Preprocessor.fit(houses, training)
    assert prepare.feature_names == ("size", "same", "side=north", "side=south")
    assert (prepare.n_features, prepare.n_outputs, prepare.classes) == (4, 2, ("no", "yes"))
    assert prepare.text_columns == ("side",) and prepare.target_names == ("sold",) and prepare.task == "classification"
    first, second = sorted(f"name {row}" for row in training)[:2]
    assert prepare.notes == (
        f"column 'name' left out: 45 different texts in 45 training rows (such as {first!r}, {second!r})",
        "column 'same' constant in the training part, so of no use",
    )
    X, notes = prepare.transform(houses)
    assert X.dtype == np.float32 and X.flags.c_contiguous and X.shape == (60, 4)
    assert notes == ("1 missing value in 'size' filled with the training median",)
    sizes = houses.features.numbers[:, 0]
    median = np.median(sizes[training][~np.isnan(sizes[training])])
    filled = np.where(np.isnan(sizes), median, sizes)
    expected = (filled - filled[training].mean()) / filled[training].std()
    np.testing.assert_allclose(X[:, 0], expected, rtol=1e-6, atol=1e-7)
    assert (X[:, 1] == 0).all() and X[:, 2].tolist() == [float(i % 3 > 0) for i in range(60)]
    np.testing.assert_array_equal(X[:, 3], 1 - X[:, 2])
    assert prepare.encode_target(houses).tolist() == [i % 2 for i in range(60)]


@pytest.mark.parametrize("name", [info.name for info in list_datasets()])
def test_real_data_all_the_way_to_batches(name):
    dataset = load(name)
    training, held_out = dataset.split((0.8, 0.2), seed=0)
    prepare = Preprocessor.fit(dataset, training)
    X, notes = prepare.transform(dataset)
    y = prepare.encode_target(dataset)
    assert notes == () and X.shape == (len(dataset), prepare.n_features) and np.isfinite(X).all()
    assert X[training].mean() == pytest.approx(0, abs=1e-5) and X[training].std() == pytest.approx(1, abs=2e-2)
    n_seen = sum(len(x) for x, _ in Loader(X[training], y[training], batch_size=32))
    assert n_seen == len(training) == len(dataset) - len(held_out)
    if prepare.task == "regression":
        np.testing.assert_allclose(prepare.decode(y), dataset.target.numbers, rtol=1e-6)
        assert y.shape == (len(dataset), 1)
    else:
        assert prepare.decode(np.eye(prepare.n_outputs)[y]).tolist() == [dataset.classes[c] for c in dataset.labels]


def test_the_held_out_part_has_no_say():
    X = np.random.default_rng(0).normal(size=(30, 3))
    y = np.arange(30) / 7
    training = np.arange(20)
    first = Preprocessor.fit(from_arrays(X, y).resolve(), training)
    X[20:] *= 1000
    second = Preprocessor.fit(from_arrays(X, np.where(np.arange(30) < 20, y, 99.0)).resolve(), training)
    assert first.to_dict() == second.to_dict()


def test_pictures_are_scaled_as_a_whole_and_tables_by_column():
    digits, wine = load("digits"), load("wine")
    assert len(set(Preprocessor.fit(digits).numbers.std)) == 1 and len(set(Preprocessor.fit(wine).numbers.std)) == 13
    assert len(set(Preprocessor.fit(digits, scale="column").numbers.std)) > 13


def test_json_and_back_transforms_alike(houses):
    prepare = Preprocessor.fit(houses)
    again = Preprocessor.from_dict(json.loads(json.dumps(prepare.to_dict(), allow_nan=False, sort_keys=True)))
    assert again.to_dict() == prepare.to_dict() and again.notes == prepare.notes
    np.testing.assert_array_equal(again.transform(houses)[0], prepare.transform(houses)[0])
    assert again.classes == prepare.classes and again.feature_names == prepare.feature_names


def test_a_file_to_predict(houses, write):
    prepare = Preprocessor.fit(houses)
    path = write("new.csv", "side,same,other,size\neast,7,a,3\nsouth,7,b,\n")
    new = read(path, text=prepare.text_columns)
    X, notes = prepare.transform(new, np.float64)
    assert (
        X[:, 2:].tolist() == [[0, 0], [0, 1]]
        and X[1, 0] == (prepare.numbers.fill - prepare.numbers.mean)[0] / prepare.numbers.std[0]
    )
    assert notes == (
        "1 missing value in 'size' filled with the training median",
        "column 'side': 1 of 2 rows hold a text not seen in training ('east'): all zeros",
    )
    with pytest.raises(ArgumentError, match=r"new\.csv: target: no column 'sold'"):
        prepare.encode_target(new)


def test_a_text_column_that_is_empty_in_the_file_to_predict(houses, write):
    prepare = Preprocessor.fit(houses)
    path = write("new.csv", "side,same,size\n,7,3\n?,7,4\n")
    for text in ((), prepare.text_columns):
        X, notes = prepare.transform(read(path, text=text))
        assert (X[:, 2:] == 0).all() and notes == ()


def test_evaluating_a_file_finds_the_target_by_name(houses, write):
    prepare = Preprocessor.fit(houses)
    more = read(write("more.csv", "sold,side,same,size\nyes,south,7,3\nyes,north,7,4\n"), text=prepare.text_columns)
    assert prepare.encode_target(more).tolist() == [1, 1]
    assert prepare.transform(more)[0].shape == (2, 4)


def test_arrays_without_names_are_taken_by_position():
    digits = load("digits")
    prepare = Preprocessor.fit(digits)
    np.testing.assert_array_equal(
        prepare.transform(from_arrays(digits.features.numbers))[0], prepare.transform(digits)[0]
    )


def test_the_parts_that_a_source_holds_out(tmp_path):
    digits = load("digits")
    X, y = digits.features.numbers, digits.labels
    np.savez(tmp_path / "d.npz", x_train=X[:1500], y_train=y[:1500], x_test=X[1500:], y_test=y[1500:])
    dataset = load(tmp_path / "d.npz")
    prepare = Preprocessor.fit(dataset)
    assert prepare.transform(dataset.test)[0].shape == (297, 64)
    assert prepare.encode_target(dataset.test).tolist() == y[1500:].tolist()


def test_wrong_inputs(houses, write, refused):
    prepare = Preprocessor.fit(houses)
    for text, parts in (
        ("same,side\n7,north\n", ["no column 'size'", "add or rename"]),
        ("size,same,side\n1,7,north\nx,7,south\n", ["row 2, column 'size': 'x'", "expected a number"]),
        ("size,same,side\n1,7,north\n2,7,south\n-inf,7,south\n", ["row 3, column 'size': -inf", "finite number"]),
    ):
        with refused(DataError, "new.csv", *parts):
            prepare.transform(read(write("new.csv", text), text=prepare.text_columns))
    with refused(ArgumentError, "no task yet", "resolve()"):
        Preprocessor.fit(read(write("new.csv", TABLE)))
    with refused(ArgumentError, "scale is 'max'"):
        Preprocessor.fit(houses, scale="max")
    with refused(DataError, "ids.csv: no column to learn from", "column 'name' left out: 60 different texts"):
        Preprocessor.fit(load(write("ids.csv", TABLE), "sold", drop=["id", "size", "same", "side"]))


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_version(houses, refused, version):
    state = {**Preprocessor.fit(houses).to_dict(), "version": version}
    with refused(CheckpointError, f"version {version!r}; expected 1", "another version of gpugrad"):
        Preprocessor.from_dict(state)


def test_damaged_states(houses, refused):
    state = Preprocessor.fit(houses).to_dict()
    for key in ("numbers", "texts", "target", "notes"):
        with refused(CheckpointError, "damaged state", key, "restore the file"):
            Preprocessor.from_dict({name: value for name, value in state.items() if name != key})
        with refused(CheckpointError, "damaged state"):
            Preprocessor.from_dict({**state, key: 3})
    with refused(CheckpointError, "version None"):
        Preprocessor.from_dict([])
