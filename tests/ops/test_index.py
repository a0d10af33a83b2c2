"""Indexing against NumPy over random keys, adjoints by <v, J u> = <J^T v, u>, and repeated places by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.errors import ArgumentTypeError, DTypeError, IndexingError, ShapeError
from gpugrad.ops import scatter
from gpugrad.ops.keys import ARRAY, parse

many = settings(max_examples=6 * settings().max_examples)  # each is fast, and there are many kinds of keys


@st.composite
def arrays_and_keys(draw, masks=True):
    """(shape, key): ints, slices, new axes, an ellipsis, integer arrays that broadcast, and masks, in any order."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    result = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    key, axis = [], 0
    n_indexed = len(shape) - draw(st.integers(0, len(shape)))
    while axis < n_indexed:
        n = shape[axis]
        kind = draw(st.sampled_from(["array", "int", "slice", "full", "new", "mask", "array"]))
        if kind == "int":
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            key.append(draw(st.slices(n)))
        elif kind == "full":
            key.append(slice(None))
        elif kind == "array":
            own = tuple(draw(st.sampled_from([m, 1])) for m in result[draw(st.integers(0, len(result))) :])
            key.append(draw(hnp.arrays(np.int64, own, elements=st.integers(-n, n - 1))))
        elif kind == "mask" and masks and not any(isinstance(k, np.ndarray) for k in key):
            wide = min(draw(st.integers(1, 2)), n_indexed - axis)
            key.append(draw(hnp.arrays(np.bool_, shape[axis : axis + wide])))
            axis += wide - 1
        else:
            key.append(None)
            continue
        axis += 1
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), Ellipsis)
        if len([k for k in key if k is not None and k is not Ellipsis]) < n_indexed:
            key.append(slice(None))
    return shape, tuple(key)


def valid(x, key):
    try:
        return x[key]
    except IndexError:
        return None  # an ellipsis before the last indices moved them to axes they do not fit


@many
@given(arrays_and_keys())
def test_any_key_gives_what_numpy_gives_and_its_adjoint(case):
    shape, key = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    want = valid(x, key)
    if want is None:
        with pytest.raises(IndexError):
            Tensor(x)[key]
        return
    np.testing.assert_array_equal(Tensor(x)[key], want)
    u, v = rng.standard_normal(shape), rng.standard_normal(np.shape(want))
    _, pull = gg.vjp(lambda x: x[key], x)
    (adjoint,) = pull(v)
    np.testing.assert_allclose(np.vdot(v, u[key]), np.vdot(adjoint, u), rtol=1e-12, atol=1e-12)
    _, back = gg.vjp(lambda v: pull_again(x, key, v), v)
    np.testing.assert_array_equal(back(u)[0], u[key])
    np.testing.assert_array_equal(gg.jvp(lambda x: x[key], (x,), (u,))[1], u[key])


def pull_again(x, key, v):
    """J^T v, as a function of v."""
    return gg.vjp(lambda x: x[key], x)[1](v)[0]


@many
@given(arrays_and_keys())
def test_writing_at_any_key_as_numpy_and_its_adjoint(case):
    """Also where places repeat: the last value stands, and the others have no gradient."""
    shape, key = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    if valid(x, key) is None:
        return
    v = rng.standard_normal(x[key].shape)

    def written(x, v):
        y = np.array(x)
        y[key] = v
        return y

    t = Tensor(x.copy(), requires_grad=True) * 1.0
    value = Tensor(v, requires_grad=True)
    t[key] = value
    np.testing.assert_array_equal(t.detach(), written(x, v))
    ux, uv, g = rng.standard_normal(shape), rng.standard_normal(v.shape), rng.standard_normal(shape)
    _, pull = gg.vjp(lambda x, v: ops.index_set(x, key, v), x, v)
    gx, gv = pull(g)
    slope = written(ux, uv)
    np.testing.assert_allclose(np.vdot(g, slope), np.vdot(gx, ux) + np.vdot(gv, uv), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(gg.jvp(lambda x, v: ops.index_set(x, key, v), (x, v), (ux, uv))[1], slope)


def test_repeated_index_adds_up_by_hand():
    """y = x[(0, 2, 0, 0)] with cotangent (1, 2, 3, 4): x_0 is taken three times, 1 + 3 + 4 = 8, x_1 never, x_2 once."""
    x = Tensor([5.0, 6.0, 7.0], requires_grad=True)
    x[[0, 2, 0, 0]].backward(np.array([1.0, 2.0, 3.0, 4.0]))
    assert x.grad.tolist() == [8.0, 0.0, 2.0]
    rows = Tensor(np.zeros((3, 2)), requires_grad=True)
    rows[np.array([2, 2])].backward(np.array([[1.0, 10.0], [2.0, 20.0]]))
    assert rows.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [3.0, 30.0]]


def test_repeated_index_of_a_write_by_hand():
    """y[(1, 1)] = (a, b): b stands, so a has gradient 0."""
    v = Tensor([3.0, 4.0], requires_grad=True)
    y = ops.index_set(np.zeros(3), [1, 1], v)
    assert y.tolist() == [0.0, 4.0, 0.0]
    y.backward(np.array([10.0, 20.0, 30.0]))
    assert v.grad.tolist() == [0.0, 20.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_many_narrow_numbers_add_up_in_float32(dtype):
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.float16
    x = Tensor(np.zeros(2, dtype=dtype), requires_grad=True)
    y = x[np.zeros(4096, dtype=int)]
    y.backward(np.ones(4096, dtype=dtype))
    assert x.grad.dtype == dtype
    assert x.grad.tolist() == [4096.0, 0.0]  # adding ones one by one stays at 2048 and 256


def test_index_tensors_are_operands_and_not_copies():
    index = Tensor(np.array([0, 1]))
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[index]
    index[0] = 2
    with pytest.raises(gg.errors.GradientError, match=r"getitem saved a value of shape \(2,\) that was overwritten"):
        y.sum().backward()


def test_index_from_inside_a_transform():
    """The largest element squared, chosen by a comparison inside grad."""
    g = gg.grad(lambda x: (x[x > 1.0] ** 2).sum())(np.array([0.5, 2.0, 3.0]))
    np.testing.assert_array_equal(g, [0.0, 4.0, 6.0])


def test_only_the_skeleton_is_static():
    """Ints count from 0, the ellipsis is spelled out, full slices at the end are left out, and arrays are operands."""
    x, index, mask = np.zeros((2, 3, 4, 5)), np.array([0, 1]), Tensor(np.ones(3, dtype=bool))
    assert parse("getitem", -1, x) == ((1,), ())
    assert parse("getitem", (..., np.int8(-2)), x) == ((slice(None), slice(None), slice(None), 3), ())
    assert parse("getitem", (0, ..., slice(None)), x) == ((0,), ())
    key, arrays = parse("getitem", (index, mask, None, slice(1, 3)), x)
    assert key == (ARRAY, ARRAY, None, slice(1, 3))
    assert arrays[0] is index and arrays[1] is mask


def test_the_input_is_not_kept_alive():
    x = Tensor(np.zeros((100, 100)), requires_grad=True) * 1.0
    kept = x[3:5].node[2]
    assert not any(isinstance(value, np.ndarray) for value in kept)


@pytest.mark.parametrize(("n_columns", "n_rows", "n_places"), list(itertools.product((1, 3), (0, 1, 50), (1, 7))))
def test_sums_over_sorted_places_are_the_same(n_columns, n_rows, n_places):
    """What a GPU runs, run here on NumPy."""
    rng = np.random.default_rng(0)
    rows, at = rng.standard_normal((n_rows, n_columns)), rng.integers(0, n_places, n_rows)
    want = np.zeros((n_places, n_columns))
    for row, place in zip(rows, at, strict=True):
        want[place] += row
    np.testing.assert_allclose(scatter._add_sorted_rows(np, rows, at, n_places), want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scatter.add_rows(np, rows, at, n_places), want, rtol=1e-12, atol=1e-12)


def test_take_and_iteration():
    x = np.arange(12.0).reshape(3, 4)
    t = Tensor(x)
    np.testing.assert_array_equal(t.take([[0, 2]], axis=1), np.take(x, [[0, 2]], axis=1))
    np.testing.assert_array_equal(ops.take(x, 5), 5.0)
    assert [row.tolist() for row in t] == x.tolist()
    first, *_ = leaf = Tensor(x, requires_grad=True)
    first.backward(np.ones(4))
    assert leaf.grad.tolist() == [[1.0] * 4, [0.0] * 4, [0.0] * 4]
    with pytest.raises(TypeError, match="0-d tensor has no length"):
        iter(Tensor(1.0))


def test_one_hot():
    y = ops.one_hot(Tensor(np.array([1, 0])), 3, dtype="float32")
    assert y.dtype == np.float32
    assert y.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert ops.one_hot([2], 3).tolist() == [[0.0, 0.0, 1.0]]


X = np.zeros((3, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Tensor(X)[3], IndexingError, "index 3 is out of range for axis 0 of length 3"),
        (lambda: Tensor(X)[0, -5], IndexingError, "index -5 is out of range for axis 1 of length 4"),
        (lambda: Tensor(X)[0, 0, 0], IndexingError, r"3 axes are indexed but the array has 2, shape \(3, 4\)"),
        (lambda: Tensor(1.0)[0], IndexingError, "1 axes are indexed but the array has 0"),
        (lambda: Tensor(X)[..., 0, ...], IndexingError, "2 ellipses; expected at most one"),
        (lambda: Tensor(X)[1.0], IndexingError, "an index is a float"),
        (lambda: Tensor(X)["a"], IndexingError, "an index is a str"),
        (lambda: Tensor(X)[1.5:2], IndexingError, "an index is a float"),
        (lambda: Tensor(X)[np.array([0.0])], IndexingError, "an index is an array of dtype float64"),
        (lambda: Tensor(X)[[0, 3]], IndexingError, "holds 0 to 3, out of range for axis 0 of length 3"),
        (lambda: Tensor(X)[:, np.array([-5])], IndexingError, "holds -5 to -5, out of range for axis 1 of length 4"),
        (lambda: Tensor(X)[np.array([True, False])], IndexingError, r"mask has shape \(2,\); expected \(3,\)"),
        (lambda: Tensor(X)[[0, 1], [0, 1, 2]], IndexingError, r"\(2,\), \(3,\). do not broadcast against each other"),
        (lambda: ops.index_set(X, (slice(None), [4]), 1.0), IndexingError, "out of range for axis 1 of length 4"),
        (lambda: ops.take(X, 4, axis=1), IndexingError, "take: index 4 is out of range"),
        (lambda: ops.take(X, 0, axis=2), ShapeError, "axis 2 is out of range"),
        (lambda: ops.take_along_axis(X, [[0.0]], 1), DTypeError, "indices have dtype float64"),
        (lambda: ops.take_along_axis(X, [0], 1), ShapeError, "indices have 1 axes but x has 2"),
        (lambda: ops.take_along_axis(X, [[4]] * 3, 1), IndexingError, "reach from 4 to 4; expected -4 to 3"),
        (lambda: ops.one_hot([0, 3], 3), IndexingError, "expected 0 to 2"),
        (lambda: ops.one_hot([0.5], 3), DTypeError, "expected integers"),
        (lambda: ops.one_hot([0], 2.5), ArgumentTypeError, "n_classes is 2.5; expected an int"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), 0, Ellipsis, np.array([False])),
        (slice(None), np.array([0, 0]), Ellipsis, np.array([1, 0])),
        (np.array([0, 0]), Ellipsis, slice(None), np.array([1, 0])),
    ],
)
def test_an_ellipsis_for_no_axis_still_parts_index_arrays(key):
    x = np.arange(8.0).reshape(2, 2, 2)[..., : 1 if type(key[1]) is int else 2]
    want = x[key]
    assert Tensor(x)[key].shape == want.shape
    np.testing.assert_array_equal(Tensor(x)[key], want)
    batch = np.stack([x, -x])
    np.testing.assert_array_equal(gg.vmap(lambda v: v[key])(batch), np.stack([want, -want]))
    y = Tensor(x.copy())
    y[key] = np.ones(want.shape)
    expected = x.copy()
    expected[key] = 1.0
    np.testing.assert_array_equal(y, expected)


def test_index_arrays_that_do_not_broadcast_are_an_index_error():
    with pytest.raises(IndexError, match=r"do not broadcast"):
        Tensor(np.ones((1, 1, 1)))[np.array([[False]]), np.array([0, 0])]
