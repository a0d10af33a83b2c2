"""The call of a primitive: which way it takes, and that the short ways give what the general one gives."""

from contextlib import contextmanager

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core import calls, record
from gpugrad.core.namespace import registered
from gpugrad.core.primitive import primitive
from gpugrad.core.tape import SAVED
from gpugrad.errors import ArgumentTypeError


@contextmanager
def long_ways():
    """A scope that lists the calls which leave the short ways: gives [(primitive's name, ...)]."""
    taken, before = [], (calls.apply, calls.apply_one)

    def listing(real):
        return lambda p, *rest: taken.append(p.name) or real(p, *rest)

    calls.apply, calls.apply_one = map(listing, before)
    try:
        yield taken
    finally:
        calls.apply, calls.apply_one = before


def test_elementwise_operations_take_the_short_way():
    x, c = gg.Tensor([1.0], requires_grad=True), gg.Tensor([2.0])
    with long_ways() as taken:
        for y in (x + c, c + c, x * 2.0, 2.0 * x, ops.tanh(x), -x, x * np.ones(1), np.ones(1) * x):
            assert isinstance(y, gg.Tensor)
        gg.vjp(lambda v: gg.vjp(lambda u: u * v + c * u + v * np.ones(2) - 2.0 * u * 3.0, v)[0], np.ones(2))
        assert taken == []
        assert isinstance(x + np.ones(1, np.float32), gg.Tensor)
        assert taken == ["add"]


def forwards(x, w):
    """Operations with parameters, with several inputs, and with inputs that carry no gradient."""
    y = ops.linear(x.reshape(2, -1).T, w, w.sum(axis=1)) + ops.concatenate([x[1:], w[:1]])[np.array([0, 1, 1])]
    return ops.softmax(ops.where(y > 2.0, y, 0.5)).mean() + ops.softmax_cross_entropy(y, np.array([0, 1, 0])).sum()


def test_operations_with_parameters_and_several_inputs_take_the_short_way():
    x, w = np.arange(6.0).reshape(3, 2), np.eye(2)
    forwards(gg.Tensor(x, requires_grad=True), gg.Tensor(w, requires_grad=True)).backward()  # learns the type of array
    with long_ways() as taken:
        forwards(gg.Tensor(x, requires_grad=True), gg.Tensor(w)).backward()
        gg.grad(forwards, (0, 1))(x, w)
    assert taken == []


def test_the_short_ways_give_what_the_general_way_gives():
    x, w, b = (gg.Tensor(a, requires_grad=True) for a in (np.ones((3, 2)), np.eye(2), np.ones(2)))
    for name, args, params in (
        ("linear", (x, w, b), {}),
        ("linear", (x.detach(), w, None), {}),
        ("sum", (x,), {"axis": (0,), "keepdims": True}),
        ("concatenate", (x, w, np.ones((1, 2))), {"axis": 0}),
        ("split", (x,), {"indices": (1,), "axis": 0}),
        ("where", (np.array([True, False]), x, 0.5), {}),
        ("cross_entropy_index", (x, np.array([0, 1, 1])), {}),
    ):
        p = registered(name)
        for short, general in zip(
            as_tuple(p.call(*args, **params)), as_tuple(record.apply(p, args, params)), strict=True
        ):
            np.testing.assert_array_equal(short.data, general.data)
            node, other = ((y.node[1][0] if y.node[0] is record.PICK else y.node) for y in (short, general))
            assert [type(v) for v in node[SAVED]] == [type(v) for v in other[SAVED]]
            assert (node[0], node[1], node[3:6]) == (other[0], other[1], other[3:6])


def as_tuple(y):
    return y if isinstance(y, tuple) else (y,)


def test_an_input_that_may_be_none_may_be_left_out(planted):
    @primitive(saves={"a": "b", "b": "a"})
    def scaled_sum(xp, a, b, c=None):
        """a b + c."""
        return a * b if c is None else a * b + c

    scaled_sum.vjp(lambda F, g, y, a, b, c: g * b, lambda F, g, y, a, b, c: g * a, lambda F, g, y, a, b, c: g)
    a, b = gg.Tensor([1.0, 2.0], requires_grad=True), gg.Tensor([3.0, 4.0], requires_grad=True)
    scaled_sum(a, b).backward(np.ones(2))
    assert a.grad.tolist() == [3.0, 4.0] and b.grad.tolist() == [1.0, 2.0]
    with pytest.raises(ArgumentTypeError, match=r"scaled_sum.*cannot be computed"):
        scaled_sum(a)


@pytest.mark.parametrize("constant", [np.arange(3.0), 2.0, gg.Tensor(np.arange(3.0)), [0.0, 1.0, 2.0], np.float64(2.0)])
@pytest.mark.parametrize("transform", [gg.grad, lambda f: gg.grad(lambda x: gg.grad(f)(x).sum())])
def test_constants_of_every_kind_among_several_inputs(constant, transform):
    # where(x > 1, x^3, c): gradient 3 x^2 and second derivative 6 x where x > 1, whatever the constant is
    x = np.array([0.5, 1.5, 2.0])
    got = transform(lambda x: ops.where(x > 1.0, x**3, constant).sum())(x)
    expected = 3 * x**2 if transform is gg.grad else 6 * x
    np.testing.assert_allclose(np.asarray(got), np.where(x > 1, expected, 0))
    t = gg.Tensor(x, requires_grad=True)
    ops.where(t > 1.0, t**3, constant).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), np.where(x > 1, 3 * x**2, 0))
    assert ops.where(gg.Tensor(x) > 1.0, gg.Tensor(x), constant).shape == (3,)


def test_what_a_node_keeps_of_inputs_that_are_not_tracked(planted):
    @primitive(saves={"a": "b y", "b": "a.shape", "c": "a"})
    def middle(xp, a, b, c):
        """a b c."""
        return a * b * c

    middle.vjp(*[lambda F, g, y, a, b, c: g] * 3)
    x, c = np.ones(2), gg.Tensor(np.ones(2), requires_grad=True)
    whole, none, ghost = np.ndarray, type(None), record.Ghost
    for tracked, kept in (("abc", (whole, whole, whole, none)), ("a", (whole, none, whole, none)),
                          ("b", (none, ghost, none, none)), ("c", (none, whole, none, none)),
                          ("bc", (none, whole, none, none))):  # fmt: skip
        y = middle(*(c if name in tracked else x for name in "abc"))
        assert tuple(map(type, y.node[SAVED])) == kept
