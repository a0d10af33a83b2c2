import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gpugrad.data import Scaler, load, scaling
from gpugrad.errors import ArgumentError, DataError


def names(n):
    return tuple(f"c{j}" for j in range(n))


def applied(scaler, numbers, dtype=np.float64):
    out = np.empty(numbers.shape, dtype=dtype)
    gaps = scaler.apply(numbers, out, "d.csv")
    return out, gaps


matrices = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.nan)),
)


@given(matrices)
def test_statistics_are_numpys_after_the_median_is_filled_in(X):
    assume(not np.isnan(X).all(axis=0).any())
    scaler = Scaler.fit(X, names(X.shape[1]))
    fill = np.nanmedian(X, axis=0)
    filled = np.where(np.isnan(X), fill, X)
    constant = (filled == filled[:1]).all(axis=0)
    np.testing.assert_array_equal(scaler.fill, fill)
    np.testing.assert_allclose(scaler.mean, filled.mean(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(scaler.std[~constant], filled.std(axis=0)[~constant], rtol=1e-9, atol=1e-12)
    assert (scaler.std[constant] == 1).all()
    z, gaps = applied(scaler, X)
    assert gaps.tolist() == np.isnan(X).sum(axis=0).tolist() and (z[:, constant] == 0).all()


def test_real_data_gets_mean_0_and_deviation_1():
    X = load("breast_cancer").features.numbers
    z, _ = applied(Scaler.fit(X, names(30)), X)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)


def test_only_the_given_rows_count():
    X = np.array([[0.0], [2.0], [1000.0]])
    scaler = Scaler.fit(X, ("a",), np.array([0, 1]))
    assert (scaler.mean.item(), scaler.std.item(), scaler.fill.item()) == (1, 1, 1)
    assert applied(scaler, X)[0][:, 0].tolist() == [-1, 1, 999]


def test_a_constant_column_is_exactly_zero():
    X = np.full((7, 2), 0.1)
    X[3, 1] = 0.2
    scaler = Scaler.fit(X, ("same", "other"))
    assert scaler.constant == ("same",) and scaler.std[0] == 1
    assert (applied(scaler, X)[0][:, 0] == 0).all()


def test_a_column_without_any_value_becomes_zero():
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    z, gaps = applied(Scaler.fit(X, names(2)), X)
    assert (z[:, 0] == 0).all() and gaps.tolist() == [2, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32])
def test_narrow_dtypes_are_summed_in_float64(dtype):
    X = np.random.default_rng(0).integers(0, 256 if dtype == np.uint8 else 2000, (3000, 3)).astype(dtype)
    scaler = Scaler.fit(X, names(3))
    np.testing.assert_allclose(scaler.mean, X.astype(np.float64).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(scaler.std, X.astype(np.float64).std(axis=0), rtol=1e-13)


def test_whole_uses_one_mean_and_deviation_and_none_nothing():
    X = load("digits").features.numbers
    whole = Scaler.fit(X, names(64), scale="whole")
    np.testing.assert_allclose(whole.mean, X.mean(), rtol=1e-13)
    np.testing.assert_allclose(whole.std, X.std(), rtol=1e-13)
    np.testing.assert_array_equal(applied(Scaler.fit(X, names(64), scale="none"), X)[0], X)


def test_blocks_change_nothing(monkeypatch):
    X = load("digits").features.numbers
    expected = Scaler.fit(X, names(64))
    z, _ = applied(expected, X)
    monkeypatch.setattr(scaling, "COLUMNS_AT_ONCE", 7)
    monkeypatch.setattr(scaling, "CELLS_AT_ONCE", 640)
    scaler = Scaler.fit(X, names(64))
    np.testing.assert_array_equal(scaler.std, expected.std)
    np.testing.assert_array_equal(applied(scaler, X)[0], z)


@given(matrices)
def test_json_and_back_is_exact(X):
    scaler = Scaler.fit(X, names(X.shape[1]))
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False)))
    assert again.names == scaler.names
    for key in ("fill", "mean", "std"):
        np.testing.assert_array_equal(getattr(again, key), getattr(scaler, key))


@given(matrices)
def test_invert_undoes_apply(X):
    scaler = Scaler.fit(X, names(X.shape[1]))
    z, _ = applied(scaler, X)
    np.testing.assert_allclose(scaler.invert(z), np.where(np.isnan(X), scaler.fill, X), rtol=1e-9, atol=1e-6)


def test_no_columns():
    scaler = Scaler.fit(np.empty((3, 0)), ())
    assert applied(scaler, np.empty((3, 0)))[0].shape == (3, 0)


def test_wrong_values(refused, monkeypatch):
    monkeypatch.setattr(scaling, "CELLS_AT_ONCE", 4)
    X = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 9.0]])
    scaler = Scaler.fit(X, ("a", "b"))
    for bad, dtype, said in ((np.inf, np.float64, "finite number"), (1e300, np.float32, "overflows float32")):
        X[2, 1] = bad
        with refused(DataError, f"d.csv: row 3, column 'b': {bad}", said, "correct it, or leave it empty"):
            applied(scaler, X, dtype)
    with refused(DataError, "column 'b': values too large", "rescale"):
        Scaler.fit(X, ("a", "b"), np.array([0, 2]))
    with refused(ArgumentError, "scale is 'max'", "column, whole, none"):
        Scaler.fit(X, ("a", "b"), scale="max")


@pytest.mark.parametrize("wrong", [{"std": [1.0]}, {"mean": [float("nan")] * 2}, {"fill": ["x", "y"]}])
def test_damaged_dicts(wrong):
    state = Scaler.fit(np.eye(2), ("a", "b")).to_dict()
    with pytest.raises(ValueError):
        Scaler.from_dict({**state, **wrong})
