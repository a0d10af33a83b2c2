"""NumPy's functions of values and of shapes: what they read of Tensors, and of arrays that are traced."""

import io

import numpy as np
import pytest

import gpugrad as gg
import gpugrad.numpy as gnp
from gpugrad.errors import TraceError

X = np.array([1.0, 2.0, 3.0])

OF_VALUES = {
    **{name: () for name in ("nonzero", "flatnonzero", "argwhere", "unique", "histogram", "packbits", "bitwise_count")},
    **{name: (X,) for name in ("digitize", "union1d", "setdiff1d", "gcd", "left_shift")},
    **{name: () for name in ("array_str", "array_repr", "array2string")},
}


@pytest.mark.parametrize("x", [X, gg.Tensor(X)], ids=["array", "Tensor"])
@pytest.mark.parametrize("name", OF_VALUES)
def test_a_function_of_values_is_refused_by_name_in_a_compiled_function(name, x):
    if not hasattr(np, name):
        pytest.skip(f"this NumPy has no {name}")
    for space in (np, gnp):
        f = getattr(space, name, None)
        if f is not None:
            with pytest.raises(TraceError, match=rf"np\.{name} asks for the value of an array of shape \(3,\).*at "):
                gg.compile(lambda x, f=f: f(x, *OF_VALUES[name]))(x)


@pytest.mark.parametrize(
    ("name", "save"),
    [("save", lambda file, x: np.save(file, x)), ("savez", lambda file, x: np.savez(file, a=x, b=x))],
)
def test_saving_is_refused_by_name_in_a_compiled_function(name, save):
    for x in (X, gg.Tensor(X)):
        with pytest.raises(TraceError, match=rf"np\.{name} asks for the value"):
            gg.compile(lambda x: save(io.BytesIO(), x))(x)


def test_tensors_are_saved_under_their_names():
    file = io.BytesIO()
    np.savez(file, gg.Tensor(X), twice=gg.Tensor(X * 2))
    file.seek(0)
    with np.load(file) as saved:
        np.testing.assert_array_equal(saved["arr_0"], X)
        np.testing.assert_array_equal(saved["twice"], X * 2)


@pytest.mark.parametrize("space", [np, gnp])
def test_functions_of_shape_and_dtype_are_constants_of_a_compiled_function(space):
    def f(x):
        assert space.result_type(x, np.float32) == np.float64 and space.isrealobj(x)
        return x * 2

    compiled = gg.compile(f)
    for x in (X, X + 1):
        np.testing.assert_array_equal(compiled(x), x * 2)
    assert compiled.n_traces == 1


def test_places_and_models_that_are_traced():
    compiled = gg.compile(lambda x: (np.full_like(x, 3), gnp.full_like(X, x[0]), np.full_like(x, x[1])))
    for x in (X, X * 2):
        for got, expected in zip(compiled(x), ([3.0] * 3, [x[0]] * 3, [x[1]] * 3), strict=True):
            np.testing.assert_array_equal(got, expected)
    with pytest.raises(TraceError, match="asks for the value"):
        gg.compile(lambda x: np.delete(X, x))(np.array([1]))
