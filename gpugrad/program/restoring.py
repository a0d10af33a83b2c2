"""What a traced run that is refused has changed around the function is put back."""

import contextlib
import copy
import functools
import operator
import random
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core import parts
from .arguments import NUMBERS
from .contents import contents
from .looking import all_attributes, is_opaque, is_slot, same

_MOST_COPIED = 1 << 26  # bytes of an array that is kept, to be put back


class Still(NamedTuple):
    """Something a traced run may not do: what to call it, the state that would change, and what puts that back."""

    what: str
    get: Callable[[], Any]
    value: Any
    put_back: Callable[[], Any]


def array_of(name: str, x: Any) -> Still:
    """Writing into an array, a bytearray or an `array.array`; of a very large one only a sample is looked at."""
    what = f"writes into the {'array' if isinstance(x, np.ndarray) else type(x).__name__} `{name}`"
    if not isinstance(x, np.ndarray):
        before = copy.copy(x)
        return Still(what, lambda: x == before, True, lambda: operator.setitem(x, slice(None), before))
    if x.nbytes > _MOST_COPIED:
        seen = contents(name, x, 0)
        return Still(what, seen.now, seen.before, lambda: None)
    held = x.tobytes()

    def put_back() -> None:
        with contextlib.suppress(ValueError):  # a view that may not be written to: what it is of is put back itself
            x[...] = np.frombuffer(held, x.dtype).reshape(x.shape)

    return Still(what, x.tobytes, held, put_back)


class Attributes:
    """What an object holds in its dictionary and in slots: a traced run may set none of it, nor add to it.

    Of a package's object, which may keep what it has computed, only numbers that it holds before the run count.
    """

    def __init__(self, name: str, x: Any) -> None:
        self.name, self.of, self._numbers = name, x, is_opaque(x)
        self._before = {k: v for k, v in all_attributes(x).items() if not self._numbers or type(v) in NUMBERS}

    def changed(self, may_be: Callable[[Any], bool]) -> str | None:
        """The name of one that is not what it was, but for those that may be what they are now."""
        return next((name for name, now in self._differing() if not may_be(now)), None)

    def put_back(self) -> None:
        """Let the object hold what it held."""
        for name, _ in list(self._differing()):
            if is_slot(self.of, name):
                _put_back_slot(self.of, name, self._before)
            elif name in self._before:
                self.of.__dict__[name] = self._before[name]
            else:
                del self.of.__dict__[name]

    def _differing(self) -> Iterator[tuple[str, Any]]:
        """(name, what is there now, None where nothing is) for what was another thing, or was not there."""
        now, before = all_attributes(self.of), self._before
        yield from ((name, now.get(name)) for name in before if name not in now or not same(now[name], before[name]))
        new = () if self._numbers else now.keys() - before.keys()
        yield from ((name, now[name]) for name in sorted(new) if not self._is_cached(name))

    def _is_cached(self, name: str) -> bool:
        return isinstance(getattr(type(self.of), name, None), functools.cached_property)


def _put_back_slot(x: Any, name: str, before: dict[str, Any]) -> None:
    if name in before:
        object.__setattr__(x, name, before[name])
    else:
        object.__delattr__(x, name)


def generator_of(name: str, generator: Any) -> Still:
    """Drawing random numbers."""
    what = f"draws random numbers from `{name}`"
    if isinstance(generator, random.Random):
        before = generator.getstate()
        return Still(what, generator.getstate, before, lambda: generator.setstate(before))
    bits = getattr(generator, "bit_generator", None) or generator._bit_generator
    state = copy.deepcopy(bits.state)

    def put_back() -> None:
        bits.state = state

    return Still(what, lambda: repr(bits.state), repr(state), put_back)


def refill(x: Any, items: list[Any]) -> None:
    """Let a collection hold these items, of a dictionary the keys and then the values."""
    x.clear()
    if isinstance(x, dict):
        x.update(zip(items[: len(items) // 2], items[len(items) // 2 :], strict=True))
    elif isinstance(x, set):
        x.update(items)
    else:
        x.extend(items)


def assign(get: Any, value: Any) -> None:
    """Set the variable, or the attribute, that `get` reads."""
    owner, name = get.args
    if isinstance(owner, ContextVar):
        owner.set(value)
        return
    with contextlib.suppress(AttributeError):  # what cannot be set so
        (setattr if get.func is getattr else operator.setitem)(owner, name, value)


def may_not_set(x: Any) -> bool:
    """True for an object whose attributes a run may not set: of a user's class, or one to loop over, as a Loader."""
    if isinstance(x, type | FunctionType | ModuleType) or parts.attributes_of(x) is not None:
        return False
    return not is_opaque(x) or (hasattr(type(x), "__iter__") and hasattr(x, "__dict__"))
