"""Attributes, collections and defaults that a compiled function reaches through its variables and arguments."""

import argparse
import collections
import functools
import logging
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


def of_parsed_options(s):
    options = argparse.Namespace(k=2.0)
    return lambda x: x * options.k, lambda: setattr(options, "k", 3.0)


def of_derived_from_a_library(s):
    class Filter(logging.Filter):
        k = 2.0

    derived = Filter()
    return lambda x: x * derived.k, lambda: setattr(derived, "k", 3.0)


def of_list_with_attributes(s):
    class Layers(list):
        k = 2.0

    layers = Layers()
    return lambda x: x * layers.k, lambda: setattr(layers, "k", 3.0)


def of_made_up_attributes(s):
    class Options:
        def __init__(self, **known):
            self._known = known

        def __getattr__(self, name):
            return self._known[name]

    options = Options(k=2.0)
    return lambda x: x * options.k, lambda: options._known.update(k=3.0)


def of_property_of_its_own_name(s):
    class Options:
        @property
        def k(self):
            return list(self.__dict__["k"])

    options = Options()
    options.__dict__["k"] = [2.0]
    return lambda x: x * options.k[0], lambda: options.__dict__["k"].append(options.__dict__["k"].pop() + 1)


def of_overridden_method(s):
    class Derived(Scaled):
        def inner(self, x):
            return super().inner(x) * 1.0

    derived = Derived()
    return lambda x: derived.inner(x), lambda: setattr(derived, "k", 3.0)


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
    "options of a command line": of_parsed_options,
    "derived from a library's class": of_derived_from_a_library,
    "list with attributes": of_list_with_attributes,
    "attributes that are made up": of_made_up_attributes,
    "property of its own name": of_property_of_its_own_name,
    "overridden method": of_overridden_method,
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


SETTINGS = {"scale": 2.0, "count": 0, "inner": {"scale": 1.0}}
READS = {
    "one entry": (lambda x: x * SETTINGS["scale"], 1),
    "in a function inside": (lambda x: (lambda: x * SETTINGS["scale"])(), 1),
    "an entry of an entry": (lambda x: x * SETTINGS["scale"] * SETTINGS["inner"]["scale"], 1),
    "an entry that is counted": (lambda x: x * SETTINGS["scale"] + SETTINGS["count"], 4),
    "by a variable": (lambda x: x * next(SETTINGS[key] for key in ("scale",)), 4),
    "all of them": (lambda x: x * max(v for v in dict(SETTINGS).values() if isinstance(v, float)), 4),
    "under another name": (lambda x, other=SETTINGS: x * other["scale"], 4),
    "handed on": (lambda x: x * (lambda settings: settings["scale"])(SETTINGS), 4),
    "as it is": (lambda x: (x * SETTINGS["scale"], SETTINGS)[0], 4),
}


@pytest.mark.parametrize("name", READS)
def test_entries_of_a_dictionary_that_are_not_read_may_change(name, monkeypatch):
    f, traces = READS[name]
    monkeypatch.setitem(SETTINGS, "count", 0)
    monkeypatch.setitem(SETTINGS, "scale", 2.0)
    compiled = compile(f)
    for _ in range(4):
        SETTINGS["count"] += 1
        np.testing.assert_array_equal(compiled(X), f(X))
    assert compiled.n_traces == traces
    SETTINGS["scale"] = 3.0
    np.testing.assert_array_equal(compiled(X), f(X))


def test_a_dictionary_that_was_replaced_or_has_lost_an_entry(monkeypatch):
    f = compile(lambda x: x * (SETTINGS["scale"] if x.ndim else SETTINGS["none"]))
    np.testing.assert_array_equal(f(X), X * 2)
    monkeypatch.setitem(globals(), "SETTINGS", {"scale": 5.0})
    np.testing.assert_array_equal(f(X), X * 5)
    SETTINGS.clear()
    with pytest.raises(KeyError):
        f(X)


@pytest.mark.parametrize(
    "make",
    [
        lambda k: np.float32(k),
        lambda k: (k, float(str(k))),
        lambda k: (1, (np.int64(k),)),
    ],
)
def test_an_equal_value_set_anew_is_the_same(make):
    s = Scaled()

    def first(k):
        while isinstance(k, tuple):
            k = k[-1]
        return k

    f = compile(lambda x: x * first(s.k))
    for k in (2.0, 2.0, 3.0):
        s.k = make(k)
        np.testing.assert_array_equal(f(X), X * k)
    assert f.n_traces == 2


def test_what_is_named_beside_a_long_list_is_looked_at():
    data, last, many = [(i,) for i in range(12_000)], Scaled(), [lambda x: x for _ in range(100)]
    f = compile(lambda x: many[0](x) * last.k + data[0][0])
    np.testing.assert_array_equal(f(X), X * 2)
    last.k = 3.0
    np.testing.assert_array_equal(f(X), X * 3)


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
