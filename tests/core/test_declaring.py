"""Primitives of a user's own: what a declaration may not say, defaults, and forwards for one array library alone."""

import functools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad.backend.registry import Backend, _backends
from gpugrad.core.namespace import OPS, RAW, registered
from gpugrad.errors import ArgumentError, ArgumentTypeError, NonFiniteError
from gpugrad.testing import gradcheck

pytestmark = pytest.mark.usefixtures("planted")


def declare_scaled():
    @gg.primitive(family="elementwise", jvp="elementwise", saves="x")
    def planted_scaled(xp, x, *, factor=3.0):
        """factor x^2, elementwise."""
        return factor * x * x

    planted_scaled.vjp(lambda F, g, y, x, *, factor: g * (2.0 * factor) * x)
    return planted_scaled


class OnAnotherDevice(np.ndarray):
    """Stands for CuPy's arrays."""


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setitem(_backends, OnAnotherDevice, Backend("cupy", np))
    yield np.array([1.0, 2.0]).view(OnAnotherDevice)
    RAW.pop(OnAnotherDevice, None)


def test_defaults_reach_the_rules():
    op = declare_scaled()
    x = np.array([1.0, -2.0])
    assert gradcheck(op, x, order=3)
    assert gradcheck(functools.partial(op, factor=0.5), x, order=2)
    assert gg.vmap(gg.grad(op))(x).tolist() == [6.0, -12.0]


def test_a_forward_for_one_library_serves_its_arrays_alone(elsewhere):
    op = declare_scaled()
    came = []

    @op.forward("cupy")
    def _(xp, x, *, factor):
        came.append((xp, type(x)))
        return NotImplemented if factor < 0 else 100.0 * factor * x * x

    assert op(gg.Tensor([1.0, 2.0])).tolist() == [3.0, 12.0] and came == []
    x = gg.Tensor(np.ones(2), requires_grad=True)
    x.data = elsewhere
    y = op(x)
    assert y.tolist() == [300.0, 1200.0] and came == [(np, OnAnotherDevice)]
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]  # the rules are the same
    assert op(x, factor=-1.0).tolist() == [-1.0, -4.0] and len(came) == 2  # it declined


def test_a_forward_declared_late_takes_the_place_of_what_was_bound():
    op = declare_scaled()
    x = gg.Tensor([2.0])
    assert op(x).tolist() == [12.0] and RAW[np.ndarray].planted_scaled(np.ones(1), factor=1.0).tolist() == [1.0]
    op.forward("numpy")(lambda np, x, *, factor: np.full_like(x, 7.0))
    assert op(x).tolist() == [7.0] and RAW[np.ndarray].planted_scaled(np.ones(1), factor=1.0).tolist() == [7.0]


def test_anomaly_mode_sees_a_forward_of_ones_own():
    op = declare_scaled()
    op.forward("numpy")(lambda np, x, *, factor: np.full_like(x, np.nan))
    with gg.detect_anomaly(), pytest.raises(NonFiniteError, match="planted_scaled: finite inputs"):
        op(gg.Tensor([1.0]))


def test_a_primitive_written_again_replaces_the_old_one():
    declare_scaled()
    assert RAW[np.ndarray].planted_scaled(np.ones(1), factor=1.0).tolist() == [1.0]

    @gg.primitive(family="elementwise", jvp="linear")
    def planted_scaled(xp, x):
        """-x."""
        return -x

    assert RAW[np.ndarray].planted_scaled(np.ones(1)).tolist() == [-1.0]


def test_an_unknown_library_is_refused():
    with pytest.raises(ArgumentError, match=r"planted_scaled\.forward: library is 'torch'; expected one of"):
        declare_scaled().forward("torch")


@pytest.mark.parametrize("name", ["tanh", "sum", "dropout"])  # dropout's module is imported only when asked for
def test_a_name_that_is_taken_is_refused(name):
    def taken(xp, x):
        """x."""
        return x

    taken.__name__, taken.__module__ = name, "elsewhere"
    with pytest.raises(ArgumentError, match=rf"{name} of elsewhere has the name of a primitive of gpugrad\.ops\."):
        gg.primitive()(taken)


@pytest.mark.parametrize(
    ("declared", "said"),
    [({"jvp": "liner"}, "jvp='liner'; expected one of"), ({"nondiff": "rows"}, r"nondiff=\['rows'\]; expected names")],
)
def test_words_that_mean_nothing_are_refused(declared, said):
    with pytest.raises(ArgumentError, match=rf"primitive: planted has {said}"):

        @gg.primitive(**declared)
        def planted(xp, x):
            """x."""
            return x


def test_a_forward_without_xp_or_code_is_refused():
    with pytest.raises(ArgumentError, match=r"planted has no first parameter xp; expected planted\(xp, \*arrays"):

        @gg.primitive()
        def planted(x):
            """x."""
            return x

    with pytest.raises(ArgumentTypeError, match="exp is a ufunc; expected a Python function"):
        gg.primitive()(np.exp)


def test_rules_find_operations_that_are_imported_late():
    assert registered("dropout").call is OPS.dropout is gg.ops.dropout
    for F in (OPS, RAW[np.ndarray]):
        with pytest.raises(AttributeError, match=r"F\.no_such_thing is not a registered primitive"):
            _ = F.no_such_thing


def test_a_forward_in_code_without_a_name():
    names = {}
    exec("def planted_nameless(xp, x):\n    return x * 2", names | {"__builtins__": {}}, names)
    op = gg.primitive(family="elementwise")(names["planted_nameless"])
    assert names["planted_nameless"].__module__ is None and op(np.ones(1)).tolist() == [2.0]
