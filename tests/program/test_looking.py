"""Attributes, collections and defaults that a compiled function reaches through its variables and arguments."""

import collections
import functools
import types

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])
SCALE = 2.0


class Scaled:
    """An object with an attribute, in all the ways in which a function may be part of one."""

    kind = 2.0

    def __init__(self):
        self.k = 2.0

    def method(self, x):
        return self.inner(x) * 1.0

    def inner(self, x):
        return x * self.k

    def __call__(self, x):
        return x * self.k

    @property
    def doubled(self):
        return self.k * 2


def of_class(s):
    return lambda x: x * Scaled.kind, lambda: setattr(Scaled, "kind", 3.0)


def of_function(s):
    def g(x):
        return x * g.scale

    g.scale = 2.0
    return lambda x: g(x), lambda: setattr(g, "scale", 3.0)


def of_namespace(s):
    space = types.SimpleNamespace(k=2.0)
    return lambda x: x * space.k, lambda: setattr(space, "k", 3.0)


def of_default(s):
    def g(x, k=2.0):
        return x * k

    return g, lambda: setattr(g, "__defaults__", (3.0,))


def of_nested_list(s):
    nest = [[2.0], 0]
    return lambda x: x * nest[0][0], lambda: nest[0].__setitem__(0, 3.0)


def of_tuple_of_dicts(s):
    nest = ({"k": 2.0},)
    return lambda x: x * nest[0]["k"], lambda: nest[0].__setitem__("k", 3.0)


def of_key(s):
    names = {"a": 1.0}
    return lambda x: x * (2.0 if "a" in names else 3.0), lambda: (names.clear(), names.update(b=1.0))


def of_long_list(s):
    numbers = [0.02] * 100
    return lambda x: x * sum(numbers), lambda: numbers.__setitem__(99, 5.0)


def of_deque(s):
    queue = collections.deque([2.0])
    return lambda x: x * queue[0], lambda: queue.__setitem__(0, 3.0)


def of_sign(s):
    number = types.SimpleNamespace(k=0.0)
    return lambda x: ops.where(x * number.k == 0, 1.0, x) / (x * number.k), lambda: setattr(number, "k", -0.0)


def of_compiled(s):
    inner = compile(lambda x: x * s.k)
    return lambda x: inner(x), lambda: setattr(s, "k", 3.0)


CASES = {
    "attribute": lambda s: (lambda x: x * s.k, lambda: setattr(s, "k", 3.0)),
    "property": lambda s: (lambda x: x * s.doubled, lambda: setattr(s, "k", 3.0)),
    "method": lambda s: (s.method, lambda: setattr(s, "k", 3.0)),
    "called": lambda s: (lambda x: s.method(x), lambda: setattr(s, "k", 3.0)),
    "callable": lambda s: (s, lambda: setattr(s, "k", 3.0)),
    "partial": lambda s: (functools.partial(lambda o, x: x * o.k, s), lambda: setattr(s, "k", 3.0)),
    "in a list": lambda s: (functools.partial(lambda o, x: x * o[0].k, [s]), lambda: setattr(s, "k", 3.0)),
    "class": of_class,
    "function": of_function,
    "namespace": of_namespace,
    "default": of_default,
    "nested list": of_nested_list,
    "tuple of dictionaries": of_tuple_of_dicts,
    "key": of_key,
    "long list": of_long_list,
    "deque": of_deque,
    "sign of zero": of_sign,
    "compiled": of_compiled,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_has_changed_is_noticed(case, monkeypatch):
    monkeypatch.setattr(Scaled, "kind", 2.0)
    f, change = CASES[case](Scaled())
    compiled = compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(X), f(X))
    assert compiled.n_traces == 1
    old = f(X)
    change()
    assert not np.array_equal(f(X), old)
    np.testing.assert_array_equal(compiled(X), f(X))


def test_an_attribute_of_an_argument_that_changed():
    f = compile(lambda s, x: x * s.k)
    s = Scaled()
    np.testing.assert_array_equal(f(s, X), X * 2)
    s.k = 3.0
    np.testing.assert_array_equal(f(s, X), X * 3)


@pytest.mark.parametrize("make", [set, collections.deque])
def test_a_collection_among_the_arguments_that_changed(make):
    f = compile(lambda x, some: x * len(some))
    some = make([1, 2])
    np.testing.assert_array_equal(f(X, some), X * 2)
    (some.add if make is set else some.append)(3)
    np.testing.assert_array_equal(f(X, some), X * 3)


def test_a_global_that_only_an_inner_function_names(monkeypatch):
    f = compile(gg.grad(lambda x: sum((lambda y: y * SCALE)(v) for v in [x.sum()])))
    np.testing.assert_array_equal(f(X), np.full(3, 2.0))
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    np.testing.assert_array_equal(f(X), np.full(3, 3.0))


def test_an_attribute_that_is_set():
    s = Scaled()

    def f(x):
        s.k += 1
        return x * s.k

    with pytest.raises(TraceError, match=r"sets the attribute `Scaled\.k`"):
        compile(f)(X)
