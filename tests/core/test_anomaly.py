"""Anomaly mode names the operation and the user's line that made the first NaN or infinity, forward and backward."""

import re
import sys
import threading

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.core import tape
from gpugrad.errors import NonFiniteError

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
HERE = __file__


def line():
    """The line of the caller."""
    return sys._getframe(1).f_lineno


def caught(run):
    with gg.detect_anomaly(), pytest.raises(NonFiniteError) as error:
        run()
    return str(error.value)


def at(message, number):
    """Whether a message names this file and that line."""
    assert re.search(rf"{re.escape(HERE)}:{number}\b", message), message


# --- forward


def test_the_operation_and_line_of_a_forward_pass():
    where = []

    def run():
        x = gg.Tensor([1.0, 0.0, -1.0], requires_grad=True)
        y = x * 2.0
        where.append(line() + 1)
        z = ops.log(y)
        return ops.exp(z)

    message = caught(run)
    assert message.startswith("log: finite inputs of shapes (3,) gave -inf at (1,) (2 of 3 values); called at ")
    at(message, where[0])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: x / 0.0, "divide"),
        (lambda x: ops.sqrt(x - 5.0), "sqrt"),
        (lambda x: ops.exp(x * 1000.0), "exp"),
        (lambda x: x**-500 * 1e-320, "power"),
        (lambda x: ops.matmul(x * 1e200, x * 1e200), "matmul"),
        (lambda x: (x * 1e308).sum(), "sum"),
    ],
)
def test_operations_of_every_kind(call, name):
    x = np.array([0.5, 0.25, 3.0]) if name != "sum" else np.ones(5)
    x = x * 0.0 + 0.001 if name == "power" else x
    for value in (gg.Tensor(x), x if name not in ("divide", "power", "sum") else gg.Tensor(x)):
        assert caught(lambda value=value: call(value)).startswith(f"{name}: finite inputs")


def test_inputs_that_are_not_finite_already_are_no_anomaly():
    with gg.detect_anomaly():
        y = ops.exp(gg.Tensor([np.inf, np.nan])) * 2.0
        assert float(ops.max(gg.Tensor([-np.inf, 1.0]))) == 1.0
    assert not np.isfinite(y.numpy()).any()


def test_inside_transforms_and_several_outputs():
    assert caught(lambda: gg.vmap(ops.log)(np.array([1.0, 0.0]))).startswith("log: ")
    assert caught(lambda: gg.jvp(ops.log, (0.0,), (1.0,))).startswith("log: ")
    assert caught(lambda: gg.grad(lambda x: ops.log(x))(0.0)).startswith("log: ")


# --- backward


def test_the_operation_and_line_of_a_backward_pass():
    # sqrt is finite at 0 and its slope is not
    x = gg.Tensor([4.0, 0.0], requires_grad=True)
    with gg.detect_anomaly():
        y = x * 1.0
        number = line() + 1
        z = ops.sqrt(y)
        loss = (z * 3.0).sum()
        with pytest.raises(NonFiniteError) as error:
            loss.backward()
    message = str(error.value)
    assert message.startswith(
        "backward of sqrt: a finite cotangent gave inf at (1,) (1 of 2 values); the operation was"
    )
    at(message, number)


def test_the_first_of_several_lines_is_told_apart():
    x = gg.Tensor(0.0, requires_grad=True)
    with gg.detect_anomaly():
        a = ops.sqrt(x + 1.0)
        number = line() + 1
        b = ops.sqrt(x * 2.0)
        c = ops.sqrt(x + 2.0)
        with pytest.raises(NonFiniteError) as error:
            (a + b + c).backward()
    at(str(error.value), number)


def test_a_pass_recorded_before_the_mode_was_on():
    x = gg.Tensor(0.0, requires_grad=True)
    y = ops.sqrt(x)
    with gg.detect_anomaly(), pytest.raises(NonFiniteError, match="a line before anomaly mode was on"):
        y.backward()


def test_the_backward_pass_of_a_transform():
    number = line() + 1
    message = caught(lambda: gg.grad(lambda x: ops.sqrt(x * 1.0))(0.0))
    assert message.startswith("backward of sqrt")
    at(message, number)


def test_the_backward_pass_inside_a_map():
    # the rule runs as operations of its own there, and is caught as one of them
    caught(lambda: gg.vmap(gg.grad(lambda x: ops.sqrt(x * 1.0)))(np.array([0.0, 1.0])))


def test_a_tangent():
    number = line() + 1
    message = caught(lambda: gg.jvp(lambda x: ops.sqrt(x * 1.0) + 1.0, (0.0,), (1.0,)))
    assert message.startswith("tangent of sqrt: finite values and tangents gave inf at () (1 of 1 values)")
    at(message, number)


def test_a_second_backward_pass():
    # x^1.5 has a finite slope at 0 and an infinite second derivative
    with gg.detect_anomaly(), pytest.raises(NonFiniteError):
        gg.grad(gg.grad(lambda x: ops.sqrt(x) * x))(0.0)


def test_a_model_s_layer_is_named_by_the_user_s_line():
    model = nn.MLP([3, 4, 2], dtype="float64")
    model[0].weight.data[0, 0] = 1e308
    number = line() + 1
    message = caught(lambda: model(np.full((1, 3), 1e3)))
    assert message.startswith("linear: ")
    at(message, number)


# --- the mode


def test_finite_passes_are_as_without():
    x = np.linspace(0.1, 1.0, 5)
    f = lambda x: (ops.log(x) * ops.softmax(x)).sum()  # noqa: E731
    expected = gg.grad(f)(x)
    with gg.detect_anomaly():
        np.testing.assert_array_equal(gg.grad(f)(x), expected)
        t = gg.Tensor(x, requires_grad=True)
        f(t).backward()
    np.testing.assert_array_equal(t.grad, expected)


def test_the_mode_ends_with_the_scope_even_by_an_error():
    with pytest.raises(KeyError), gg.detect_anomaly():
        raise KeyError
    assert tape.watch is None
    assert float(ops.log(gg.Tensor(0.0))) == -np.inf


def test_scopes_nest():
    with gg.detect_anomaly():
        with gg.detect_anomaly():
            pass
        with pytest.raises(NonFiniteError):
            ops.log(gg.Tensor(0.0))


def test_integers_and_bools_are_finite():
    with gg.detect_anomaly():
        assert int(gg.Tensor([1, 2]).sum()) == 3
        assert bool((gg.Tensor([1.0]) > 0.0).all())


def test_the_mode_holds_in_other_threads():
    found = []

    def run():
        try:
            ops.log(gg.Tensor(0.0))
        except NonFiniteError as error:
            found.append(error)

    with gg.detect_anomaly():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert len(found) == 1
