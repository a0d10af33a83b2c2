"""What a compiled function returns: a result that would keep a value of the trace is refused."""

import collections
import dataclasses
import types

import numpy as np
import pytest

from gpugrad import Tensor, nn
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])


@dataclasses.dataclass
class Point:
    place: object


@dataclasses.dataclass(slots=True)
class Slotted:
    place: object


HOLDERS = {
    "Point": lambda x: Point(x * 2),
    "Slotted": lambda x: {"a": [Slotted(x)]},
    "SimpleNamespace": lambda x: (x, types.SimpleNamespace(seen=[x])),
    "zip": lambda x: zip([x], [x], strict=True),
    "map": lambda x: map(abs, [x]),
    "generator": lambda x: (x * i for i in range(3)),
    "dict_values": lambda x: {"a": x}.values(),
    "set": lambda x: {Tensor(x)},
    "deque": lambda x: collections.deque([x]),
    "function": lambda x: lambda: x,
}


@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("x", [X, Tensor(X)], ids=["array", "Tensor"])
def test_what_hides_an_array_is_refused(kind, x):
    with pytest.raises(TraceError, match=rf"returns a {kind} that holds an array.*in tuples, lists, dictionaries"):
        compile(HOLDERS[kind])(x)


def test_a_class_is_no_function_of_arrays():
    with pytest.raises(TraceError, match="returns a Point that holds an array"):
        compile(Point)(X)


def test_nothing_has_changed_after_a_refusal():
    w = Tensor(X.copy(), requires_grad=True)

    @compile
    def step(x):
        (w * x).sum().backward()
        return Point(x)

    with pytest.raises(TraceError, match="Point"):
        step(X)
    assert w.grad is None and step.n_traces == 0 and step.explain() == "not called yet"


def test_with_fallback_the_holder_holds_numbers():
    with pytest.warns(RuntimeWarning, match="returns a Point.*running without a program"):
        point = compile(Point, fallback=True)(X)
    assert point.place is X


def test_what_holds_none_is_returned_as_it_is():
    kept, model = Point(np.ones(2)), nn.Linear(2, 3, rng=0)
    f = compile(lambda x: (kept, x, {1, "a"}, None, np.float32, model.weight, lambda: kept))
    for _ in range(2):
        got = f(X)
        assert got[0] is kept and got[2:5] == ({1, "a"}, None, np.float32) and got[5] is model.weight
        np.testing.assert_array_equal(got[1], X)
