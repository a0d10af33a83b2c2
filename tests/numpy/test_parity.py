"""Every function of gpugrad.numpy against NumPy's: value, dtype and shape of Tensors, arrays and numbers; gradients."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpugrad as gg
import gpugrad.numpy as gnp
from gpugrad.errors import ArgumentTypeError
from gpugrad.numpy.left_out import LEFT_OUT
from gpugrad.numpy.table import TABLE
from gpugrad.testing import gradcheck
from tests.numpy.cases import CASES, FUNCTIONS, Of

CASES = [case for case in CASES if hasattr(np, case.name)]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
SMOOTH = [case for case in CASES if TABLE[case.name].modes != "no derivative"]


def mapped(f, x):
    """f of every Of in a nest of lists, tuples and dictionaries."""
    if isinstance(x, Of):
        return f(x)
    if isinstance(x, dict):
        return {k: mapped(f, v) for k, v in x.items()}
    return type(x)(mapped(f, v) for v in x) if type(x) in (list, tuple) else x


def drawn(case):
    """(args, kwargs) with every Of as its array."""
    rng = np.random.default_rng(3)
    return mapped(lambda of: of.draw(rng), (case.args, case.kwargs))


def parts(y):
    return [p for v in y for p in parts(v)] if isinstance(y, tuple | list) else [y]


def plain(y):
    return y.detach().numpy() if isinstance(y, gg.Tensor) else y


def assert_same(got, want, name):
    for g, w in zip(parts(got), parts(want), strict=True):
        if not isinstance(w, np.ndarray | np.generic | int | float):  # a dtype, or text
            assert g == w
            continue
        g = np.asarray(plain(g))
        w = np.asarray(w)
        assert g.shape == w.shape and g.dtype == w.dtype, (g.dtype, w.dtype)
        if name == "empty_like":
            return
        np.testing.assert_allclose(g, w, rtol=1e-6 if w.dtype == np.float32 else 1e-11, atol=1e-12)


@each_case
def test_of_tensors_and_by_numpys_own_function(case):
    args, kwargs = drawn(case)
    want = getattr(np, case.name)(*args, **kwargs)
    rng = np.random.default_rng(3)
    t_args, t_kwargs = mapped(lambda of: gg.Tensor(of.draw(rng)), (case.args, case.kwargs))
    got = getattr(gnp, case.name)(*t_args, **t_kwargs)
    assert_same(got, want, case.name)
    assert type(got) is type(want) or isinstance(got, gg.Tensor) or isinstance(want, np.ndarray | np.generic)
    if TABLE[case.name].group != "creation":  # np.array and the like do not ask the protocols
        assert_same(getattr(np, case.name)(*t_args, **t_kwargs), want, case.name)


@each_case
@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "bool"])
def test_dtypes_are_numpys(case, dtype):
    """Of numbers that are not float64, wherever NumPy takes them."""

    def converted(of, rng, wrap):
        x = of.draw(rng)
        if of.moving and x.dtype.kind == "f" and not np.isnan(x).any():
            x = (3 * x if dtype[0] == "i" else x).astype(dtype)
        return gg.Tensor(x) if wrap else x

    results = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module, wrap in ((np, False), (gnp, True)):
            rng = np.random.default_rng(3)
            args, kwargs = mapped(lambda of: converted(of, rng, wrap), (case.args, case.kwargs))  # noqa: B023
            try:
                results.append(getattr(module, case.name)(*args, **kwargs))
            except (TypeError, ValueError, IndexError):
                if module is np:
                    return
                raise
    for got, want in zip(parts(results[1]), parts(results[0]), strict=True):
        if isinstance(want, np.ndarray | np.generic) and case.name != "empty_like":
            got = np.asarray(plain(got))
            assert got.dtype == want.dtype and got.shape == want.shape
            if want.dtype.kind == "f":
                np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
            else:
                np.testing.assert_array_equal(got, want)


@each_case
def test_of_arrays_it_is_numpys(case):
    args, kwargs = drawn(case)
    got, want = getattr(gnp, case.name)(*args, **kwargs), getattr(np, case.name)(*args, **kwargs)
    assert not any(isinstance(p, gg.Tensor) for p in parts(got))
    assert [type(p) for p in parts(got)] == [type(p) for p in parts(want)]
    assert_same(got, want, case.name)


def function_of_moving(case):
    """(f, xs): the case as a function of what moves in it, which gives its floating outputs; and the values there."""
    rng = np.random.default_rng(3)
    numbers = []
    mapped(lambda of: numbers.append((of.moving, of.draw(rng))), (case.args, case.kwargs))

    def f(*xs):
        moving = iter(xs)
        every = (next(moving) if moves else x for moves, x in numbers)
        args, kwargs = mapped(lambda of: next(every), (case.args, case.kwargs))
        y = getattr(gnp, case.name)(*args, **kwargs)
        return tuple(p for p in parts(y) if getattr(getattr(p, "dtype", None), "kind", "") == "f")

    return f, [x for moves, x in numbers if moves]


@pytest.mark.parametrize("case", [c for c in SMOOTH if function_of_moving(c)[1]], ids=lambda case: case.id)
def test_gradients_in_both_modes(case):
    f, xs = function_of_moving(case)
    if "float32" in map(str, (*case.args, *case.kwargs.values())):  # too coarse for differences: the dtype is the test
        leaves = [gg.Tensor(x, requires_grad=True) for x in xs]
        (y,) = f(*leaves)
        y.sum().backward()
        assert y.dtype == np.float32 and all(leaf.grad.dtype == np.float64 for leaf in leaves)
    else:
        assert gradcheck(f, *xs, n_directions=1)


@pytest.mark.parametrize("case", [c for c in CASES if function_of_moving(c)[1]], ids=lambda case: case.id)
def test_inside_vmap_each_example_is_computed_alone(case):
    """For its gradient too.  What cannot be had for many at once says so."""
    f, xs = function_of_moving(case)
    examples = [[x * factor for x in xs] for factor in (1.0, 0.9)]
    batch = [np.stack(column) for column in zip(*examples, strict=True)]

    def value_and_gradient(*xs):
        ys = f(*xs)
        g = gg.grad(lambda *xs: sum((gnp.sum(y) for y in f(*xs)), gnp.sum(xs[0] * 0.0)))(*xs)
        return (*ys, g)

    try:
        got = gg.vmap(value_and_gradient)(*batch)
    except ArgumentTypeError as error:
        assert "vmap" in TABLE[case.name].limits and "inside vmap" in str(error)
        return
    for i, example in enumerate(examples):
        for g, w in zip(got, value_and_gradient(*example), strict=True):
            np.testing.assert_allclose(plain(g)[i], plain(w), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_functions(name):
    x = np.random.default_rng(0).uniform(-2, 2, (4, 3))
    want = FUNCTIONS[name](np)(x)
    assert_same(FUNCTIONS[name](gnp)(gg.Tensor(x)), want, name)
    assert_same(FUNCTIONS[name](gnp)(x), want, name)
    assert gradcheck(FUNCTIONS[name](gnp), x)


UFUNCS = [n for n in TABLE if isinstance(getattr(np, n), np.ufunc) and not getattr(np, n).signature]


@pytest.mark.parametrize("name", UFUNCS)
def test_of_numbers(name):
    f, plain_f = getattr(gnp, name), getattr(np, name)
    numbers = (3, 2)[: plain_f.nin] if any(c in plain_f.types[0] for c in "?b") else (0.5, 0.25)[: plain_f.nin]
    with np.errstate(all="ignore"):
        try:
            want = plain_f(*numbers)
        except TypeError:
            numbers = (3, 2)[: plain_f.nin]
            want = plain_f(*numbers)
        got = f(*numbers)
        assert [type(p) for p in parts(got)] == [type(p) for p in parts(want)]
        np.testing.assert_array_equal(got, want)
        if plain_f.nin == 2 and TABLE[name].group == "elementwise":  # a number beside a Tensor is weak
            x = np.asarray(numbers[0], np.float32 if isinstance(numbers[0], float) else np.int32)
            assert_same(f(gg.Tensor(x), numbers[1]), plain_f(x, numbers[1]), name)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "var"])
@given(st.data())
def test_reductions_of_any_shape(name, data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    axes = data.draw(st.none() | hnp.valid_tuple_axes(len(shape), min_size=1))
    x = data.draw(hnp.arrays(data.draw(st.sampled_from(["float64", "float32", "int64", "bool"])), shape))
    x = np.nan_to_num(np.clip(x, -9, 9)) if x.dtype != bool else x
    kwargs = {"axis": axes, "keepdims": data.draw(st.booleans())}
    got, want = getattr(gnp, name)(gg.Tensor(x), **kwargs), getattr(np, name)(x, **kwargs)
    got = got.numpy()
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-4)


# --- nothing forgotten


def test_every_name_of_numpy_is_offered_or_left_out_with_a_reason():
    public = {n for n in dir(np) if not n.startswith("_") and callable(getattr(np, n))}
    assert sorted(public - set(gnp.__all__) - set(LEFT_OUT)) == []
    assert sorted(set(LEFT_OUT) & set(gnp.__all__)) == []
    assert all(hasattr(gnp, name) for name in gnp.__all__)


def test_every_function_has_a_case_and_a_docstring():
    with_tensors = {name for name, entry in TABLE.items() if entry.tensor is not None}
    assert sorted(with_tensors - {case.name for case in CASES} - set(FUNCTIONS)) == []
    assert [name for name in with_tensors if not inspect.getdoc(getattr(gnp, name))] == []
