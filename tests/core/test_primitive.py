"""What a primitive may declare: several outputs, inputs without a gradient, rules of its own."""

import inspect

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import OPS, forget_bindings
from gpugrad.core.primitive import elementwise, primitive
from gpugrad.core.tape import SAVED
from gpugrad.errors import GradientError, ShapeError
from gpugrad.testing import gradcheck


@pytest.fixture
def sin_cos(planted):
    @primitive(saves="y", several=True)
    def sin_cos(xp, x):
        """(sin x, cos x)."""
        return xp.sin(x), xp.cos(x)

    @sin_cos.vjp_all
    def _(F, g, y, x):
        sine, cosine = y
        first = 0.0 if g[0] is None else g[0] * cosine
        return (first if g[1] is None else first - g[1] * sine,)

    @sin_cos.jvp
    def _(F, t, y, x):
        sine, cosine = y
        return t * cosine, -t * sine

    return sin_cos


@pytest.fixture
def take_rows(planted):
    @primitive(jvp="linear", saves={"x": "x.shape rows"}, nondiff="rows")
    def take_rows(xp, x, rows):
        """x where rows is not zero, else 0."""
        return xp.where(rows != 0, x, 0.0)

    take_rows.vjp(lambda F, g, y, x, rows: F.take_rows(g, rows))
    return take_rows


def test_several_outputs_used_together_and_alone(sin_cos):
    x = np.array([0.3, -1.2])
    assert gradcheck(lambda x: sin_cos(x)[0] * sin_cos(x)[1], x, order=2)
    assert gradcheck(lambda x: sin_cos(x)[1], x, order=2)
    assert gradcheck(lambda x: sin_cos(x), x, order=2)


def test_several_outputs_come_as_tensors_and_stay_plain_untracked(sin_cos):
    x = np.array([0.3, -1.2])
    assert all(type(y) is np.ndarray for y in sin_cos(x))
    assert all(isinstance(y, gg.Tensor) and not y.requires_grad for y in sin_cos(gg.Tensor(x)))
    sine, cosine = sin_cos(gg.Tensor(x, requires_grad=True))
    assert sine.requires_grad and cosine.requires_grad


def test_both_cotangents_arrive_when_a_sweep_is_differentiated(sin_cos):
    # y = sin x cos x = (sin 2x) / 2, so y' = cos 2x, y'' = -2 sin 2x, y''' = -4 cos 2x
    x = gg.Tensor(np.array(0.3), requires_grad=True)
    sine, cosine = sin_cos(x)
    y = sine * cosine
    for expected in (np.cos(0.6), -2 * np.sin(0.6), -4 * np.cos(0.6)):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        np.testing.assert_allclose(float(y), expected, rtol=1e-12)


def test_an_input_without_a_gradient_is_a_constant_in_both_modes(take_rows):
    x, rows = np.array([1.0, 2.0]), np.array([0.0, 5.0])
    a, b = (gg.Tensor(v, requires_grad=True) for v in (x, rows))
    take_rows(a, b).backward(np.ones(2))
    assert a.grad.tolist() == [0.0, 1.0] and b.grad is None
    assert not take_rows(gg.Tensor(x), b).requires_grad
    y, t = gg.jvp(take_rows, (x, rows), (np.array([3.0, 4.0]), np.array([1.0, 1.0])))
    assert y.tolist() == [0.0, 2.0] and t.tolist() == [0.0, 4.0]
    _, t = gg.jvp(lambda r: take_rows(x, r), (rows,), (np.ones(2),))
    assert t.tolist() == [0.0, 0.0]


def test_only_what_a_tracked_input_needs_is_kept():
    a, b = gg.Tensor([1.0], requires_grad=True), gg.Tensor([2.0], requires_grad=True)
    kept = {}
    for name, y in {"both": a * b, "a": a * b.detach(), "b": a.detach() * b, "sum": a + b, "tanh": ops.tanh(a)}.items():
        kept[name] = [None if v is None else float(v[0]) for v in y.node[SAVED]]
    # (y, a, b): the gradient of a needs b and the other way round; a sum needs nothing; tanh its output
    assert kept["both"] == [None, 1.0, 2.0] and kept["a"] == [None, None, 2.0] and kept["b"] == [None, 1.0, None]
    assert kept["sum"] == [None, None, None] and kept["tanh"] == [np.tanh(1.0), None]


def test_a_shape_is_kept_without_its_values():
    x = gg.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    _, ghost = ops.broadcast_to(x, shape=(4, 2, 3)).node[SAVED]
    assert ghost.shape == (2, 3) and ghost.ndim == 2 and ghost.dtype == np.float32 and not hasattr(ghost, "data")


def test_saves_of_an_unknown_name_is_refused(planted):
    with pytest.raises(TypeError, match=r"saves names \['z'\].*inputs \('x',\)"):

        @primitive(saves="z")
        def wrong(xp, x):
            """Nothing."""
            return x


def test_a_missing_rule_is_named_where_it_is_needed(planted):
    @primitive()
    def unruly(xp, x):
        """2x."""
        return 2 * x

    x = gg.Tensor([1.0], requires_grad=True)
    assert unruly(np.ones(1)).tolist() == [2.0]
    with pytest.raises(GradientError, match=r"unruly has no reverse rule"):
        unruly(x).backward()
    with pytest.raises(GradientError, match=r"unruly has no forward rule; use reverse mode"):
        gg.jvp(unruly, (1.0,), (1.0,))
    with pytest.raises(AttributeError, match=r"F\.no_such_thing is not a registered primitive"):
        _ = OPS.no_such_thing


def test_an_operation_without_derivative_is_never_tracked(planted):
    @elementwise(differentiable=False, direct="sign")
    def planted_sign(x):
        """-1, 0 or 1."""

    x = gg.Tensor([-2.0, 3.0], requires_grad=True)
    assert not planted_sign(x).requires_grad
    (planted_sign(x) * x).sum().backward()
    assert x.grad.tolist() == [-1.0, 1.0]
    _, t = gg.jvp(lambda v: planted_sign(v) * v, (np.array([-2.0, 3.0]),), (np.ones(2),))
    assert t.tolist() == [-1.0, 1.0]


def test_names_and_signatures_are_those_of_the_forward():
    assert ops.tanh.__name__ == ops.tanh.__qualname__ == "tanh" and ops.tanh.__doc__ == ops.tanh.primitive.doc
    assert ops.tanh.__module__.startswith("gpugrad.ops.")
    assert list(inspect.signature(ops.sum_to).parameters) == ["x", "shape"]  # no xp


def test_the_first_array_of_a_type_binds_the_forward_once(planted):
    bound = []

    @elementwise()
    def planted_twice(xp, x):
        """2x."""
        return 2 * x

    @elementwise()
    def planted_sum(xp, a, b):
        """a + b."""
        return a + b

    for op in (planted_twice, planted_sum):
        p = op.primitive
        p.raw.bind = lambda backend, p=p, bind=p.bind: bound.append(p.name) or bind(backend)
    x = gg.Tensor([1.0], requires_grad=True)
    for _ in range(2):
        assert planted_twice(x).tolist() == [2.0] and planted_sum(x, x).tolist() == [2.0]
        assert gg.vjp(lambda v: planted_sum(planted_twice(v), v), np.ones(1))[0].tolist() == [3.0]
    assert bound == ["planted_twice", "planted_sum"]
    forget_bindings()
    assert planted_twice(x).tolist() == [2.0] and planted_sum(x, 1.0).tolist() == [2.0]
    assert bound == ["planted_twice", "planted_sum"] * 2


def test_a_forward_that_fails_on_a_key_is_not_tried_again(planted):
    calls = []

    @elementwise()
    def planted_lookup(xp, x):
        """Fails."""
        calls.append(x)
        raise KeyError("no such thing")

    with pytest.raises(ShapeError, match="planted_lookup: cannot be computed"):
        planted_lookup(gg.Tensor([1.0]))
    assert len(calls) == 1
