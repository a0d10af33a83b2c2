"""Merging and splitting: C12's merge (concatenate, backward split) and branch (copy, backward sum), and the errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, ShapeError


def test_c12_merge_and_branch_by_hand():
    """x = (1, 2) branches into a = 2x and b = x^2; they merge into m = (a, b), and L = sum of (1, 2, 3, 4) * m.

    dL/dm = (1, 2, 3, 4) splits into (1, 2) for a and (3, 4) for b.  The branch adds 2 (1, 2) and 2x (3, 4):
    (2, 4) + (2, 4) (3, 4) = (2 + 6, 4 + 16) = (8, 20).
    """
    x = Tensor([1.0, 2.0], requires_grad=True)
    a, b = x * 2.0, x * x
    a.retain_grad()
    b.retain_grad()
    (ops.concatenate([a, b]) * np.array([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert a.grad.tolist() == [1.0, 2.0]
    assert b.grad.tolist() == [3.0, 4.0]
    assert x.grad.tolist() == [8.0, 20.0]


def test_one_array_merged_with_itself_gets_the_sum():
    x = Tensor([1.0, 2.0], requires_grad=True)
    ops.concatenate([x, x, x]).backward(np.array([1.0, 2.0, 10.0, 20.0, 100.0, 200.0]))
    assert x.grad.tolist() == [111.0, 222.0]


@given(data=st.data())
def test_merge_of_any_number_and_shapes(data):
    """Values as NumPy; the gradient of a part is its own slice of the cotangent; dtypes promote, gradients do not."""
    ndim = data.draw(st.integers(1, 3))
    axis = data.draw(st.integers(-ndim, ndim - 1))
    shape = data.draw(st.lists(st.integers(0, 3), min_size=ndim, max_size=ndim))
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6))
    rng = np.random.default_rng(0)
    parts = []
    for n in lengths:
        full = [*shape[: axis % ndim], n, *shape[axis % ndim + 1 :]]
        parts.append(rng.standard_normal(full).astype(data.draw(st.sampled_from(["float32", "float64"]))))
    tracked = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    xs = [Tensor(p, requires_grad=on) for p, on in zip(parts, tracked, strict=True)]
    y = ops.concatenate(xs, axis=axis)
    want = np.concatenate(parts, axis=axis)
    np.testing.assert_array_equal(y.detach(), want)
    assert y.dtype == want.dtype
    if not any(tracked):
        assert not y.requires_grad
        return
    g = rng.standard_normal(want.shape).astype(want.dtype)
    y.backward(g)
    for x, on, piece in zip(xs, tracked, np.split(g, np.cumsum(lengths)[:-1], axis=axis), strict=True):
        assert (x.grad is not None) == on
        if on:
            assert x.grad.dtype == x.dtype
            np.testing.assert_array_equal(x.grad, piece.astype(x.dtype))


@given(data=st.data())
def test_split_is_undone_by_concatenate(data):
    n, axis = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, 9), max_size=4)))
    x = np.arange(n * 3.0).reshape((n, 3) if axis == 0 else (3, n))
    parts = ops.split(Tensor(x), cuts, axis=axis)
    for part, want in zip(parts, np.split(x, cuts, axis=axis), strict=True):
        np.testing.assert_array_equal(part, want)
    np.testing.assert_array_equal(ops.concatenate(parts, axis=axis), x)


@given(data=st.data())
def test_stack_and_unstack(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    n = data.draw(st.integers(1, 4))
    xs = [Tensor(np.random.default_rng(i).standard_normal(shape), requires_grad=True) for i in range(n)]
    y = ops.stack(xs, axis=axis)
    np.testing.assert_array_equal(y.detach(), np.stack([x.detach().numpy() for x in xs], axis=axis))
    g = np.random.default_rng(9).standard_normal(y.shape)
    y.backward(g)
    for i, x in enumerate(xs):
        np.testing.assert_array_equal(x.grad, np.take(g, i, axis=axis))
    for back, x in zip(ops.unstack(y.detach(), axis=axis), xs, strict=True):
        np.testing.assert_array_equal(back, x.detach())


def test_unused_parts_count_as_zero():
    x = Tensor(np.arange(6.0), requires_grad=True)
    _, middle, _ = x.split([1, 3])
    (middle * np.array([5.0, 7.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 5.0, 7.0, 0.0, 0.0, 0.0]
    t = Tensor(np.ones((3, 2)), requires_grad=True)
    _, _, last = t.unbind()
    last.sum().backward()
    assert t.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]


def test_second_derivative_through_some_of_the_parts():
    """f = (a b) with (a, _, b) = split(x): the Hessian has ones at (0, 2) and (2, 0) alone."""

    def f(x):
        a, _, b = ops.split(x, 3)
        return (a * b).sum()

    hessian = [gg.jvp(gg.grad(f), (np.array([2.0, 3.0, 5.0]),), (e,))[1] for e in np.eye(3)]
    np.testing.assert_array_equal(np.stack(hessian), [[0, 0, 1], [0, 0, 0], [1, 0, 0]])


def test_arrays_and_numbers_among_tensors():
    x = Tensor([1.0], requires_grad=True)
    assert ops.concatenate([x, np.array([2.0]), [3.0]]).tolist() == [1.0, 2.0, 3.0]
    assert ops.stack([x[0], 2.0]).tolist() == [1.0, 2.0]
    assert ops.concatenate(y for y in (x, x)).shape == (2,)
    assert isinstance(ops.concatenate([np.ones(2), np.ones(1)]), np.ndarray)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.concatenate([]), ShapeError, "got no arrays"),
        (lambda: ops.concatenate(np.ones((2, 2))), ArgumentTypeError, "got a ndarray; expected a list or tuple"),
        (lambda: ops.concatenate([1.0, 2.0]), ShapeError, "array 0 is 0-d .* use stack"),
        (
            lambda: ops.concatenate([np.ones((2, 3)), np.ones((2, 2))]),
            ShapeError,
            r"array 1 has shape \(2, 2\) but .*axis 0",
        ),
        (lambda: ops.concatenate([np.ones((2, 3)), np.ones(3)]), ShapeError, r"array 1 has shape \(3,\)"),
        (lambda: ops.concatenate([np.ones(2)], axis=1), ShapeError, "axis 1 is out of range for 1 axes"),
        (
            lambda: ops.stack([np.ones(2), np.ones(3)]),
            ShapeError,
            r"stack: array 1 has shape \(3,\) but array 0 has \(2,\)",
        ),
        (lambda: ops.split(np.ones(5), 2), ShapeError, "axis 0 of length 5 does not part into 2 equal parts"),
        (lambda: ops.split(np.ones(5), 0), ShapeError, "into 0 equal parts"),
        (lambda: ops.split(np.ones(5), [3, 1]), ArgumentError, "indices .3, 1. decrease"),
        (lambda: ops.split(np.ones(5), 1.5), ArgumentTypeError, "expected an int"),
        (lambda: ops.split(2.0, 1), ShapeError, "0-d"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
