"""x.at[key]: a changed copy of x, as a function of x and of what changes it.

Every method gives a new value of x's shape and dtype and leaves x alone; key is anything that x[key] takes.
"""

from typing import Any

from ..core.primitive import primitive
from ..core.tensor import Tensor
from ..core.transform import as_value
from .arithmetic import divide, multiply
from .index import getitem, index_add, index_set
from .keys import Key, explain_index, fill, parse
from .powers import power
from .shape import astype, broadcast_to


@primitive(saves="y inputs")
def index_extreme_(xp: Any, x: Any, v: Any, *index: Any, key: Key, largest: bool) -> Any:
    """A copy of x with the larger (or smaller) of x and v at [key]; of several values for one place, the extreme."""
    y = xp.array(x)
    (xp.maximum if largest else xp.minimum).at(y, fill(key, index), xp.asarray(v, dtype=x.dtype))
    return y


def _shares(F: Any, y: Any, x: Any, v: Any, index: Any, key: Key) -> tuple[Any, Any, Any]:
    """(x is the extreme, v is the extreme, how many at a place are): all of them share the gradient."""
    x_wins = F.astype(x == y, dtype=y.dtype)
    v_wins = F.astype(F.getitem(y, *index, key=key) == v, dtype=y.dtype)
    n = x_wins + F.index_add(v_wins, *index, shape=y.shape, key=key)
    return x_wins, v_wins, F.where(n == 0, 1, n)


@index_extreme_.vjp_all
def _(F, g, y, x, v, *index, key, largest):
    x_wins, v_wins, n = _shares(F, y, x, v, index, key)
    share = g / n
    return (share * x_wins, F.getitem(share, *index, key=key) * v_wins, *(None for _ in index))


@index_extreme_.jvp
def _(F, *args, key, largest):
    half = len(args) // 2
    (tx, tv), (y, x, v, *index) = args[:2], args[half:]
    x_wins, v_wins, n = _shares(F, y, x, v, index, key)
    t = F.zeros_like(x) if tx is None else tx * x_wins
    return t / n if tv is None else (t + F.index_add(tv * v_wins, *index, shape=x.shape, key=key)) / n


@index_extreme_.check
def _(x, v, *index, key, largest):
    explain_index("at", x.shape, index, key)


class At:
    """What x.at gives: index it with a key, then say what is to happen there."""

    __slots__ = ("_x",)

    def __init__(self, x: Any) -> None:
        self._x = x

    def __getitem__(self, key: Any) -> "Place":
        return Place(self._x, key)


class Place:
    """x.at[key]; each method gives a changed copy of x.  Raises IndexingError and ShapeError for what does not fit."""

    __slots__ = ("_key", "_x")

    def __init__(self, x: Any, key: Any) -> None:
        self._x, self._key = x, key

    def get(self) -> Any:
        """x[key]."""
        return getitem(self._x, self._key)

    def set(self, value: Any) -> Any:
        """x with value at [key]; of several values for one place, the last stands, and only it has a gradient."""
        return index_set(self._x, self._key, value)

    def add(self, value: Any) -> Any:
        """x with value added at [key], as often as a place is named."""
        return index_add(self._x, self._key, value)

    def subtract(self, value: Any) -> Any:
        """x with value subtracted at [key], as often as a place is named."""
        return index_add(self._x, self._key, -as_value(value))

    def multiply(self, value: Any) -> Any:
        """x with [key] multiplied by value, once: a place named twice takes the last of the products."""
        return self.set(multiply(self.get(), value))

    mul = multiply

    def divide(self, value: Any) -> Any:
        """x with [key] divided by value, once: a place named twice takes the last of the quotients."""
        return self.set(divide(self.get(), value))

    def power(self, value: Any) -> Any:
        """x with [key] raised to value, once: a place named twice takes the last of the powers."""
        return self.set(power(self.get(), value))

    def max(self, value: Any) -> Any:
        """x with the largest of x and value at [key]; those equally large share the gradient equally."""
        return self._extreme(value, largest=True)

    def min(self, value: Any) -> Any:
        """x with the smallest of x and value at [key]; those equally small share the gradient equally."""
        return self._extreme(value, largest=False)

    def apply(self, f: Any) -> Any:
        """x with f(x[key]) at [key]."""
        return self.set(f(self.get()))

    def _extreme(self, value: Any, largest: bool) -> Any:
        x = as_value(self._x)
        key, index = parse("at", self._key, x)
        v = broadcast_to(astype(value, x.dtype), getitem(x, self._key).shape)
        return index_extreme_(x, v, *index, key=key, largest=largest)


def at(x: Any) -> At:
    """at(x)[key].set(value) and the like: a changed copy of x; on a Tensor it is x.at[key].

    >>> Tensor([1.0, 2.0, 3.0]).at[1:].add(10.0)
    Tensor([ 1., 12., 13.])
    """
    return At(x)


Tensor.at = property(at)  # type: ignore[attr-defined]

__all__ = ["at"]
