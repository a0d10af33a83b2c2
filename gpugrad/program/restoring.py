"""What a traced run that is refused has changed around the function is put back."""

import contextlib
import copy
import operator
import random
from collections.abc import Callable
from typing import Any, NamedTuple


class Still(NamedTuple):
    """Something a traced run may not do: what to call it, the state that would change, and what puts that back."""

    what: str
    get: Callable[[], Any]
    value: Any
    put_back: Callable[[], Any]


def array_of(name: str, x: Any) -> Still:
    """Writing into an array."""
    before = x.copy()

    def put_back() -> None:
        x[...] = before

    return Still(f"writes into the array `{name}`", x.tobytes, x.tobytes(), put_back)


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
    with contextlib.suppress(AttributeError):  # what cannot be set so
        (setattr if get.func is getattr else operator.setitem)(owner, name, value)
