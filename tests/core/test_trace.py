"""Traced arrays and traces: what is written down, and that nothing of it is left afterwards."""

import linecache

import numpy as np
import pytest

import gpugrad.program  # noqa: F401  (gives Traced its operators)
from gpugrad import Tensor, ops
from gpugrad.core import tape
from gpugrad.core.tape import Extra
from gpugrad.core.trace import Trace, active, tracing
from gpugrad.core.trace_state import State
from gpugrad.core.traced import Traced, layout_of
from gpugrad.errors import TraceError

X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


def traced(f, *arrays):
    """(result, names of the calls) of f on Traced arrays."""
    with tracing(Trace()) as trace:
        y = f(*(trace.input(a) for a in arrays))
    return y, [call[0].name for call in trace.calls]


@pytest.mark.parametrize(
    ("f", "calls"),
    [
        (lambda x: x + 1, ["add"]),
        (lambda x: 1 - x, ["subtract"]),
        (lambda x: x[0] * x, ["getitem", "multiply"]),
        (lambda x: np.tanh(x), ["tanh"]),
        (lambda x: np.add(x, x), ["add"]),
        (lambda x: np.add.reduce(x, axis=0), ["sum"]),
        (lambda x: x.sum(axis=0).mean(), ["sum", "mean"]),
        (lambda x: x.T.reshape(6), ["transpose", "reshape"]),
        (lambda x: abs(-x) ** 2, ["negative", "absolute", "power"]),
        (lambda x: x @ x.T, ["transpose", "matmul"]),
        (lambda x: (x > 0) & (x < 3), ["greater", "less", "bitwise_and"]),
        (lambda x: np.concatenate([x, X]), ["concatenate"]),
        (lambda x: x.copy(), []),
        (lambda x: x.astype(np.float32).astype("f4"), ["astype"]),
        (lambda x: ops.where(x > 0, x, 0.0), ["greater", "where"]),
    ],
)
def test_what_is_computed_is_written_down(f, calls):
    y, names = traced(f, X)
    assert names == calls
    assert type(y) is Traced
    np.testing.assert_array_equal(y.array, np.asarray(f(X)))


def test_a_write_gives_another_value_and_leaves_the_array():
    def f(x):
        y = x.copy()
        y += 1
        y[0] = 0
        np.multiply(y, 2, out=y)
        return y, x

    with tracing(Trace()) as trace:
        start = trace.input(X)
        y, x = f(start)
    assert x.value is start.value and y.value is not start.value
    expected = X + 1
    expected[0] = 0
    np.testing.assert_array_equal(y.array, expected * 2)
    np.testing.assert_array_equal(X[0], [1.0, -2.0, 3.0])


def test_a_write_through_an_index_reaches_the_array_and_through_other_views_is_refused():
    with tracing(Trace()) as trace:
        x = trace.input(X)
        row = x[0]
        row += 1
        np.testing.assert_array_equal(x.array[0], X[0] + 1)
        with pytest.raises(TraceError, match="write in place into a view"):
            np.add(x.T, 1, out=x.T)


def test_constants_meet_traced_values_once():
    with tracing(Trace()) as trace:
        x = trace.input(X)
        c = np.ones(3)
        _ = x + c, c * x
    (_, first, *_), (_, second, *_) = trace.calls
    assert first[1] is second[0] and first[1].kind == "const"


def test_outside_a_trace_everything_is_as_before():
    slots = Tensor.__dict__["data"], Extra.__dict__["grad"]
    with tracing(Trace()) as trace, State(trace):
        assert active() is trace and tape.traced_state() is trace.state
        assert Tensor.__dict__["data"] is not slots[0]
    assert (Tensor.__dict__["data"], Extra.__dict__["grad"]) == slots
    assert active() is None and tape.tracer is None and tape.traced_state() is None
    assert type((Tensor(X) * 2).data) is np.ndarray


def test_a_tensor_from_outside_is_found_when_it_is_used():
    t = Tensor(X.copy(), requires_grad=True)
    other = Tensor(X.copy())
    with tracing(Trace()) as trace:
        state = State(trace)
        with state:
            _ = (t * 2).sum()
            inside = Tensor(np.ones(3))
            _ = inside * 2
        changed = state.settle()
        state.roll_back()
    assert [held.tensor for held in state.tensors.values()] == [t]
    assert changed == [] and type(t.data) is np.ndarray and type(other.data) is np.ndarray


def test_a_numpy_scalar_in_a_tensor_becomes_an_array_that_can_be_written():
    t = Tensor(np.float64(2.0))
    with tracing(Trace()) as trace:
        state = State(trace)
        with state:
            t += 1
        ((value, _),) = state.settle()
        state.roll_back()  # the program will do what the trace did
    assert t.data is value.array and type(t.data) is np.ndarray and t.data.flags.writeable
    assert t.data.shape == () and t.item() == 2.0


@pytest.mark.parametrize(
    ("array", "layout"),
    [
        (X, None),
        (X.T, (1, 0)),
        (X[:1].T, None),
        (np.zeros((2, 3, 4)).transpose(2, 0, 1), (1, 2, 0)),
        (np.float32(1), None),
    ],
)
def test_the_layout_of_an_array(array, layout):
    assert layout_of(array) == layout


def test_a_text_of_a_value_is_for_printing_alone(capsys):
    with tracing(Trace()) as trace:
        x = trace.input(X)
        print(x, f"{x}", [x])
        for text in (str, "{}".format, "%s".__mod__, lambda x: f"{x}", lambda x: f"{x:.2f}"):
            with pytest.raises(TraceError, match="asks for the value"):
                text(x)
    assert capsys.readouterr().out.count("Traced(shape=(2, 3), dtype=float64)") == 3


def test_a_text_of_a_value_in_code_without_source(capsys, monkeypatch):
    monkeypatch.setitem(linecache.cache, "<string>", (9, None, ["x = 1\n", "x = 2\n"], "<string>"))  # python -c's
    names = {}
    exec("def shown(x): print(x)\ndef text(x): return str(x)", names)
    with tracing(Trace()) as trace:
        x = trace.input(X)
        names["shown"](x)
        with pytest.raises(TraceError, match=r"str\(\) asks for the value"):
            names["text"](x)
    assert "Traced(" in capsys.readouterr().out
