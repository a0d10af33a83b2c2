"""What a traced run may not write, and what is left of one that fails."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn
from gpugrad.errors import IndexingError, TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])


def set_item(x):
    x[0] = 5.0


def add(x):
    x += 1


def add_to_tensor(x):
    with gg.no_grad():
        x += 1


@pytest.mark.parametrize(("write", "make"), [(set_item, np.array), (add, np.array), (add_to_tensor, Tensor)])
def test_a_write_into_an_argument(write, make):
    def f(x):
        write(x)
        return x * 2

    x = make(X)
    with pytest.raises(TraceError, match=r"writes into its argument of shape \(3,\)"):
        compile(f)(x)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("pick", [lambda w: w, lambda w: w.data, lambda w: w.data[1:]])
def test_an_argument_in_the_memory_of_a_tensor_that_is_written(pick):
    w = Tensor(X.copy())

    def f(x):
        w.data[...] = w.data * 2
        return (x + 1).sum() + w

    compiled = compile(f)
    compiled(X[: len(pick(w))])
    with pytest.raises(TraceError, match="shares memory with its argument"):
        compiled(pick(w))
    np.testing.assert_array_equal(w.data, X * 2)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", [np.ma.masked_array, np.matrix])
def test_an_array_that_computes_in_its_own_way(make):
    with pytest.raises(TraceError, match="whose operators are its own"):
        compile(lambda x: x * 2)(make([[1.0, 2.0]]))


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_option_of_an_optimizer_that_is_set(when):
    w = Tensor(X.copy(), requires_grad=True)
    optimizer = gg.optim.SGD([w], lr=0.1)

    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        if when == "before":
            optimizer.param_groups[0]["lr"] *= 0.5
        optimizer.step()
        if when == "after":
            optimizer.param_groups[0]["lr"] *= 0.5

    with pytest.raises(TraceError, match="changes the options of SGD"):
        compile(step)()
    assert optimizer.param_groups[0]["lr"] == 0.1
    np.testing.assert_array_equal(w.data, X)


def test_an_interrupted_trace_leaves_no_trace():
    def f(x, interrupt):
        if interrupt:
            raise KeyboardInterrupt
        return x * 2

    compiled = compile(f)
    with pytest.raises(KeyboardInterrupt):
        compiled(X, True)
    np.testing.assert_array_equal(compiled(X, False), X * 2)
    t = Tensor(X, requires_grad=True)
    (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad, 2 * X)


def test_a_run_that_fails_counts_no_step():
    w = Tensor(np.zeros((2, 3)), requires_grad=True)
    optimizer = gg.optim.Adam([w], lr=0.1)
    schedule = gg.optim.lr_scheduler.StepLR(optimizer, 1)

    @compile
    def step(y):
        optimizer.zero_grad()
        nn.cross_entropy(w * 1.0, y).backward()
        optimizer.step()
        schedule.step()

    step(np.array([0, 1]))
    with pytest.raises(IndexingError):
        step(np.array([0, 9]))
    assert optimizer.state_dict()["state"][0]["step"] == schedule.last_epoch == 1
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
