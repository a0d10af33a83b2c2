"""What a Module is made of, where it changes between the calls of a compiled function."""

import functools

import numpy as np
import pytest

from gpugrad import nn
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.ones((1, 3), dtype="f4")


class Net(nn.Module):
    kind = 1.0

    def __init__(self):
        self.layer = nn.Linear(3, 3, rng=0)
        self.mask = None

    @functools.cached_property
    def scale(self):
        return 0.5

    def forward(self, x):
        return self.layer(x) * self.scale * self.kind


def run(net):
    return compile(lambda x: net(x).detach())


def test_a_cached_property_may_be_made_inside():
    net = Net()
    f = run(net)
    np.testing.assert_array_equal(f(X), net(X).detach())
    assert f.n_traces == 1
    net.scale = 2.0
    np.testing.assert_array_equal(f(X), net(X).detach())


def test_an_attribute_of_the_class_of_a_module_that_changed(monkeypatch):
    net = Net()
    f = run(net)
    before = f(X).numpy()
    monkeypatch.setattr(Net, "kind", 3.0)
    np.testing.assert_array_equal(f(X), before * 3)


def test_an_attribute_made_at_the_first_call_is_refused_unless_made_before():
    class Lazy(Net):
        def forward(self, x):
            if self.mask is None:
                self.mask = np.full(3, 2.0, dtype="f4")
            return self.layer(x) * self.mask

    net = Lazy()
    with pytest.raises(TraceError, match=r"sets the attribute `Lazy\.mask`.*call what sets it before"):
        run(net)(X)
    assert net.mask is None
    expected = net(X).detach()
    np.testing.assert_array_equal(run(net)(X), expected)


def test_parts_are_compared_only_where_something_was_set(monkeypatch):
    net = nn.Sequential(*(nn.Linear(3, 3, rng=i) for i in range(3)))
    f = run(net)
    f(X)
    asked = []
    parts = f._entries[0].recorded.surroundings.parts
    compare = type(parts).changed_by
    monkeypatch.setattr(type(parts), "changed_by", lambda self: asked.append(1) or compare(self))
    f(X)
    assert not asked
    nn.Linear(3, 3)  # sets attributes, of another
    f(X)
    f(X)
    assert (asked, f.n_traces) == ([1], 1)
    net[0].bias = None
    f(X)
    assert f.n_traces == 2
