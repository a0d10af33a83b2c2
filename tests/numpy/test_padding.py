"""np.pad in every mode: widths of every spelling, integers, single elements, infinities, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
import gpugrad.numpy as gnp
from gpugrad.errors import ArgumentError, DTypeError, ShapeError
from gpugrad.testing import gradcheck

X = np.random.default_rng(0).normal(size=(3, 4))
MODES = [
    ("constant", {}),
    ("constant", {"constant_values": (1.0, -2.0)}),
    ("edge", {}),
    ("linear_ramp", {}),
    ("linear_ramp", {"end_values": ((1.0, 2.0), (3.0, 4.0))}),
    *((name, k) for name in ("maximum", "mean", "median", "minimum") for k in ({}, {"stat_length": 2})),
    *((name, k) for name in ("reflect", "symmetric") for k in ({}, {"reflect_type": "odd"})),
    ("wrap", {}),
]
every_mode = pytest.mark.parametrize(("mode", "keywords"), MODES)


def same(x, width, mode, keywords):
    got, want = gnp.pad(gg.Tensor(x), width, mode, **keywords), np.pad(x, width, mode, **keywords)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-13)


@every_mode
@pytest.mark.parametrize("width", [0, 1, 9, (1, 2), ((0, 2), (7, 0)), ((1,),), ((3,), (0,)), np.array([2, 1])])
def test_widths_of_every_spelling(mode, keywords, width):
    same(X, width, mode, keywords)


@every_mode
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8"])
def test_dtypes(mode, keywords, dtype):
    x = np.arange(12).reshape(3, 4) ** 2 % 7
    keywords = {k: np.asarray(v).astype(int).tolist() if "values" in k else v for k, v in keywords.items()}
    if dtype == "float32":
        got = gnp.pad(gg.Tensor(x.astype(dtype)), ((3, 2), (1, 4)), mode, **keywords)
        want = np.pad(x.astype(dtype), ((3, 2), (1, 4)), mode, **keywords)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5)
        assert got.dtype == dtype
    else:
        same(x.astype(dtype), ((3, 2), (1, 4)), mode, keywords)


@every_mode
def test_gradients_and_batches(mode, keywords):
    def padded(x):
        return gnp.pad(x, ((2, 1), (5, 3)), mode, **keywords)

    assert gradcheck(padded, X)
    batch = np.stack([X, -X])
    np.testing.assert_allclose(gg.vmap(padded)(batch), np.stack([padded(x) for x in batch]), rtol=1e-12)


@every_mode
def test_a_single_element(mode, keywords):
    same(np.array([[2.5]]), ((2, 1), (0, 3)), mode, keywords)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_an_infinity_stays_where_it_is(mode):
    x = np.array([1.0, 2.0, 3.0, np.inf])
    got = gnp.pad(gg.Tensor(x), (2, 0), mode, reflect_type="odd")
    np.testing.assert_array_equal(got.numpy(), np.pad(x, (2, 0), mode, reflect_type="odd"))


def test_a_dictionary_of_axes():
    got = gnp.pad(gg.Tensor(X), {0: (1, 2), -1: 3})  # NumPy's own from 2.4 on
    np.testing.assert_array_equal(got.numpy(), np.pad(X, ((1, 2), (3, 3))))


def test_empty_is_zeros():
    assert gnp.pad(gg.Tensor(np.ones(2)), 1, "empty").tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("args", "keywords", "kind", "said"),
    [
        ((1, "nope"), {}, ArgumentError, "mode is 'nope'; expected one of"),
        ((1, lambda *_: None), {}, ArgumentError, "mode is <function"),
        ((1, "edge"), {"constant_values": 1}, ArgumentError, r"got \['constant_values'\] with mode 'edge'"),
        ((1, "reflect"), {"reflect_type": "strange"}, ArgumentError, "reflect_type is 'strange'; expected 'even'"),
        ((1, "mean"), {"stat_length": 0}, ArgumentError, "stat_length .*; expected at least one element"),
        ((((1, 2, 3),),), {}, ShapeError, "pad_width is .*; expected a number, or"),
        (({5: 1},), {}, ShapeError, "pad_width has axis 5; expected -2 to 1"),
        ((-1, "mean"), {}, ArgumentError, "no negative width"),
        ((1.5, "mean"), {}, TypeError, "a width is 1.5; expected an int"),
    ],
)
def test_what_is_refused(args, keywords, kind, said):
    with pytest.raises(kind, match=said):
        gnp.pad(gg.Tensor(X), *args, **keywords)


@pytest.mark.parametrize("mode", ["linear_ramp", "maximum", "mean", "reflect"])
def test_an_empty_axis_has_nothing_to_go_by(mode):
    with pytest.raises((ShapeError, ArgumentError), match="pad: axis 0"):
        gnp.pad(gg.Tensor(np.zeros((0, 2))), 1, mode)


@pytest.mark.parametrize(
    "f",
    [
        lambda: gnp.pad(gg.Tensor(X), 1, constant_values=1j),
        lambda: gnp.pad(gg.Tensor(X), 1, constant_values=(1j, 0)),
        lambda: gnp.full_like(gg.Tensor(X), 1j),
        lambda: gg.Tensor(X).astype(complex),
    ],
)
def test_complex_fillings_are_refused(f):
    with pytest.raises(DTypeError, match="complex is not supported"):
        f()
