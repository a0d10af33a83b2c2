"""Special methods, which run without being named: what they change is refused, and not repeated silently."""

import numpy as np
import pytest

from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])


class Counting:
    """What the special methods of the classes below change."""

    def __init__(self):
        self.n = 0

    def more(self, *_):
        self.n += 1
        return self.n


class Next(Counting):
    __next__ = Counting.more

    def __iter__(self):
        return self


class Looped(Counting):
    def __iter__(self):
        self.n += 1
        return iter([self.n])


class Item(Counting):
    __getitem__ = Counting.more


class Length(Counting):
    __len__ = Counting.more


class Sum(Counting):
    def __add__(self, other):
        self.n += 1
        return other * self.n


class Entered(Counting):
    __enter__ = Counting.more

    def __exit__(self, *_):
        pass


class ByDictionary(Counting):
    @property
    def value(self):
        self.__dict__["n"] += 1
        return self.__dict__["n"]


class ByName(Counting):
    def value(self):
        setattr(self, "n".strip(), getattr(self, "n".strip()) + 1)
        return getattr(self, "n".strip())


class OfItsOwnName(Counting):
    @property
    def n(self):
        self.__dict__["n"] += 1
        return self.__dict__["n"]

    @n.setter
    def n(self, value):
        self.__dict__["n"] = value


class InSlot:
    __slots__ = ("n",)

    def __init__(self):
        self.n = 0

    def __getitem__(self, _):
        object.__setattr__(self, "n".strip(), self.n + 1)
        return self.n


class New:
    def value(self):
        if not hasattr(self, "n"):
            self.n = 0
        self.n += 1
        return self.n


def entered(x, o):
    with o as n:
        return x * n


CHANGING = {
    "__next__": (Next, lambda x, o: x * next(o)),
    "__iter__": (Looped, lambda x, o: x * max(o)),
    "__getitem__": (Item, lambda x, o: x * o[0]),
    "__len__": (Length, lambda x, o: x * len(o)),
    "__add__": (Sum, lambda x, o: o + x),
    "__enter__": (Entered, entered),
    "property through __dict__": (ByDictionary, lambda x, o: x * o.value),
    "setattr": (ByName, lambda x, o: x * o.value()),
    "property of its own name": (OfItsOwnName, lambda x, o: x * o.n),
    "slot": (InSlot, lambda x, o: x * o[0]),
    "new attribute": (New, lambda x, o: x * o.value()),
}


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("held", ["closure", "argument"])
def test_a_special_method_that_sets_an_attribute(name, held):
    kind, use = CHANGING[name]
    o = kind()
    f, args = (use, (o,)) if held == "argument" else (lambda x: use(x, o), ())
    with pytest.raises(TraceError, match=rf"sets the attribute `{kind.__name__}\.n`.*test_special_methods\.py:\d+: `"):
        compile(f)(X, *args)
    np.testing.assert_array_equal(use(X, o), use(X, kind()))  # nothing is left behind


def test_a_descriptor_that_counts():
    class Count:
        n = 0

        def __get__(self, owner, kind=None):
            self.n += 1
            return self.n

    class Owner:
        value = Count()

    owner = Owner()
    with pytest.raises(TraceError, match=r"sets the attribute `Count\.n`"):
        compile(lambda x: x * owner.value)(X)
    assert vars(Owner)["value"].n == 0


def test_a_class_that_counts_what_is_made_of_it():
    class Made:
        n = 0

        def __init__(self):
            Made.n += 1

    with pytest.raises(TraceError, match=r"sets the attribute `Made\.n`"):
        compile(lambda x: x * (Made() and Made.n))(X)
    assert Made.n == 0


class Vector:
    """Special methods that change nothing."""

    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, i):
        return self.values[i]

    def __len__(self):
        return len(self.values)

    def __enter__(self):
        return self.values[0]

    def __exit__(self, *_):
        pass

    def __add__(self, other):
        return Vector([*self.values, *other])


def test_what_is_made_inside_or_changes_nothing():
    vector, table, pairs = Vector([2.0, 3.0]), {"a": 2.0}, ((1.0, 2.0), (3.0, 4.0))

    def f(x):
        made = iter([2.0, 3.0])
        for a, (i, (_, b)) in zip([1.0], enumerate(table.items()), strict=True):
            x = x * a + b * i
        for first, second in pairs:
            x = x * first + second
        with vector as first:
            x = x * first * next(made) * next(value for value in range(3, 5))
        return x * sum(vector) * vector[1] * len(vector + vector)

    compiled = compile(f)
    for x in (X, 2 * X):
        np.testing.assert_array_equal(compiled(x), f(x))
    assert compiled.n_traces == 1
    vector.values[1] = 5.0
    np.testing.assert_array_equal(compiled(X), f(X))
