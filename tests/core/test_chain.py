"""Long chains and wide graphs: no recursion in a sweep or in letting go, and reference counting alone frees a graph."""

import gc
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops

LENGTH = 100_000


@pytest.fixture
def no_collector():
    """What must be freed by reference counting has no other help."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def shallow():
    """A stack too small for a recursion over anything long."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(250)
    yield
    sys.setrecursionlimit(before)


def chain(x, length):
    h = x
    for _ in range(length // 2):
        h = h * 1.0 + 0.5
    return h


class Array(np.ndarray):
    """Takes weak references, and tells by them when a buffer is gone."""


def seen(values):
    array = np.asarray(values, dtype=np.float64).view(Array)
    return array, weakref.ref(array)


def test_backward_through_a_long_chain(shallow):
    x = gg.Tensor(np.array(2.0), requires_grad=True)
    y = chain(x, LENGTH)
    assert float(y) == 2.0 + LENGTH // 2 * 0.5
    y.backward()
    assert float(x.grad) == 1.0


def test_letting_go_of_a_long_chain_swept_or_not(shallow, no_collector):
    x = gg.Tensor(np.array(2.0), requires_grad=True)
    y = chain(x, LENGTH)
    del y
    y = chain(x, LENGTH)
    y.backward()
    del y
    assert float(x.grad) == 1.0


def test_a_long_chain_in_a_transform(shallow):
    value, g = gg.value_and_grad(lambda x: chain(x, LENGTH))(2.0)
    assert float(value) == 2.0 + LENGTH // 2 * 0.5 and float(g) == 1.0
    y, t = gg.jvp(lambda x: chain(x, LENGTH), (2.0,), (3.0,))
    assert float(y) == float(value) and float(t) == 3.0


def test_second_derivative_of_a_long_product(shallow):
    # y = x^(n+1) as n products at x = 1: y' = n + 1, y'' = (n + 1) n
    n = 10_000
    x = gg.Tensor(np.array(1.0), requires_grad=True)
    h = x
    for _ in range(n):
        h = h * x
    h.backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward()
    assert float(first) == n + 1 and float(x.grad) == (n + 1) * n


def test_a_wide_sum_of_one_leaf():
    x = gg.Tensor(np.array(1.0), requires_grad=True)
    total = x * 0.0
    for i in range(10_000):
        total = total + x * float(i)
    total.backward()
    assert float(x.grad) == sum(range(10_000))


def test_a_ladder_of_shared_nodes_is_swept_once_a_node():
    # h -> h + h doubles: 2^60 paths from the end to x, 60 nodes
    x = gg.Tensor(np.array(1.0), requires_grad=True)
    h = x
    for _ in range(60):
        h = h + h
    h.backward()
    assert float(x.grad) == 2.0**60


def test_a_dropped_graph_is_freed_at_once(no_collector):
    data, alive = seen([1.0, 2.0])
    x = gg.Tensor(np.ones(2), requires_grad=True)
    y = (x * gg.Tensor(data)).sum()
    del data
    assert alive() is not None  # saved for x's gradient
    del y
    assert alive() is None


def test_a_sweep_lets_go_of_saved_values_while_the_output_lives(no_collector):
    data, alive = seen([1.0, 2.0])
    x = gg.Tensor(np.ones(2), requires_grad=True)
    y = (x * gg.Tensor(data)).sum()
    del data
    y.backward(retain_graph=True)
    assert alive() is not None
    y.backward()
    assert alive() is None and float(y) == 3.0


def test_what_no_rule_needs_is_not_kept(no_collector):
    data, alive = seen([1.0, 2.0])
    x = gg.Tensor(np.ones(2), requires_grad=True)
    y = x + gg.Tensor(data)  # the gradient of a sum needs neither summand
    del data
    assert alive() is None and y.requires_grad


def test_a_graph_under_a_gradient_is_freed_with_it(no_collector):
    x = gg.Tensor(np.ones(2), requires_grad=True)
    y = ops.tanh(x)
    alive = weakref.ref(y.data)
    y.sum().backward(create_graph=True)
    del y
    assert alive() is not None  # 1 - y^2 was recorded
    x.grad = None
    assert alive() is None


def test_transforms_leave_nothing_behind(no_collector):
    data, alive = seen([1.0, 2.0])

    def f(x, c=data):
        return (ops.tanh(x) * c).sum()

    for transform in (gg.grad(f), gg.value_and_grad(f), lambda x: gg.jvp(f, (x,), (x,)), lambda x: gg.vjp(f, x)):
        transform(np.ones(2))
    before = sys.getrefcount(data)
    for _ in range(5):
        gg.grad(f)(np.ones(2))
    assert sys.getrefcount(data) == before
    _, pull = gg.vjp(f, np.ones(2))
    f.__defaults__ = ()
    del data
    assert alive() is not None  # pull needs it
    del pull
    assert alive() is None


def test_a_training_loop_grows_no_memory(no_collector):
    x, w = gg.Tensor(np.ones(100_000)), gg.Tensor(np.ones(100_000), requires_grad=True)

    def step():
        w.grad = None
        (ops.tanh(x * w) * w).sum().backward()
        w.data = w.data - 0.1 * w.grad.data

    for _ in range(3):
        step()
    tracemalloc.start()
    step()
    before = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
    for _ in range(50):
        step()
    after = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
    tracemalloc.stop()
    assert after[0] - before[0] < x.nbytes / 2  # a single array kept would be twice that
    assert after[1] - before[1] < 50  # not one container for each step
