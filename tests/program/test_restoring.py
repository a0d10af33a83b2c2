"""After a traced run that is refused everything is as it was, so that the function can run as it is."""

import collections
import random

import numpy as np
import pytest

from gpugrad import nn
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])
COUNT = 0


class Counter(nn.Module):
    def __init__(self):
        self.n = 0

    def forward(self, x):
        self.n += 1
        return x


class World:
    """All that a function may change, and what it has become."""

    def __init__(self):
        self.list, self.dict, self.set, self.deque = [1], {"a": 1}, {1}, collections.deque([1], maxlen=3)
        self.array, self.net, self.n = np.zeros(2), Counter(), 0
        self.rng, self.old, self.random = np.random.default_rng(0), np.random.RandomState(0), random.Random(0)

    def f(self, x):
        global COUNT
        COUNT += 1
        self.n += 1
        self.list.append(2)
        self.dict["b"] = self.n
        self.set.add(self.n + 1)
        self.deque.append(self.n)
        self.array[0] += 1
        self.net(x)
        return x + self.rng.random() + self.old.random_sample() + self.random.random() + np.random.random()

    def state(self):
        plain = [COUNT, self.n, self.list, self.dict, self.set, list(self.deque), self.array.tolist(), self.net.n]
        drawn = [self.rng.random(), self.old.random_sample(), self.random.random(), np.random.random()]
        return plain, drawn


def test_a_function_that_falls_back_does_what_it_says():
    seen = []
    for wrap in (lambda f: f, lambda f: compile(f, fallback=True)):
        globals()["COUNT"] = 0
        np.random.seed(0)
        world = World()
        f = wrap(world.f)
        if hasattr(f, "n_traces"):
            with pytest.warns(RuntimeWarning, match="running without a program"):
                results = [f(X)]
        else:
            results = [f(X)]
        results.append(f(X))
        seen.append((np.array(results).tolist(), world.state()))
    assert seen[0] == seen[1]


def test_a_deleted_variable_comes_back():
    world = World()

    def f(x):
        del world.n
        return x

    with pytest.raises(TraceError, match=r"sets the attribute `World\.n`"):
        compile(f)(X)
    assert world.n == 0


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_was_done_before_an_error_is_undone(error):
    kept, world = [], World()

    @compile
    def f(x):
        kept.append(x)
        world.n += 1
        if error is not None:
            raise error("stop")
        return float(x.sum())

    with pytest.raises(error or TraceError):
        f(X)
    assert (kept, world.n) == ([], 0)
