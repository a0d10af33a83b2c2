import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpugrad.data.categories import OneHot
from gpugrad.data.table import Texts


def applied(column, cells):
    out = np.zeros((len(cells), len(column.categories)), dtype=np.float32)
    return out, column.apply(Texts.encode(cells), out)


@given(
    st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from(["a", "b", "c", "d", "e", ""]), min_size=1)
)
def test_a_one_in_the_place_of_the_text_or_none(training, cells):
    column = OneHot.fit("k", Texts.encode(training))
    assert column.categories == tuple(sorted(set(training)))
    out, notes = applied(column, cells)
    expected = [[float(cell == category) for category in column.categories] for cell in cells]
    assert out.tolist() == expected
    n_unseen = sum(cell not in training and cell != "" for cell in cells)
    assert len(notes) == (n_unseen > 0)
    assert not notes or f"column 'k': {n_unseen} of {len(cells)} rows" in notes[0]


def test_scikit_learn_agrees():
    encoder = pytest.importorskip("sklearn.preprocessing").OneHotEncoder(handle_unknown="ignore")
    training, cells = ["u", "w", "v", "u"], ["w", "new", "u"]
    theirs = encoder.fit(np.array(training)[:, None]).transform(np.array(cells)[:, None]).toarray()
    np.testing.assert_array_equal(applied(OneHot.fit("k", Texts.encode(training)), cells)[0], theirs)


def test_levels_that_training_rows_lack_get_no_place():
    texts = Texts.encode(["a", "b", "c", "a"]).rows(np.array([0, 2]))
    assert OneHot.fit("k", texts).categories == ("a", "c")


@pytest.mark.parametrize(
    ("n_texts", "n_rows", "kept"), [(20, 20, True), (21, 21, False), (256, 600, True), (257, 600, False)]
)
def test_too_many_texts_are_left_out_with_a_note(n_texts, n_rows, kept):
    cells = [f"name {i % n_texts:03}" for i in range(n_rows)]
    found = OneHot.fit("k", Texts.encode(cells))
    assert isinstance(found, OneHot) is kept
    if not kept:
        assert f"column 'k' left out: {n_texts} different texts in {n_rows} training rows" in found
        assert "'name 000', 'name 001'" in found


def test_no_text_at_all_is_left_out_with_a_note():
    assert "column 'k' left out: it holds no text" in OneHot.fit("k", Texts.encode(["", "?"]))


def test_unseen_texts_are_named():
    _, notes = applied(OneHot.fit("k", Texts.encode(["a"])), ["z", "a", "y", "z", ""])
    assert notes == ["column 'k': 3 of 5 rows hold a text not seen in training ('y', 'z'): all zeros"]
