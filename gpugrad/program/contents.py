"""Arrays around a function: a program computes with a copy, and holds while they contain what they did."""

from typing import Any, NamedTuple

import numpy as np

from .source import Source

WHOLE = 1 << 17  # bytes, of all arrays together, that are compared before each run
_SAMPLE = 256  # elements that are compared of an array that exceeds that


class Contents(NamedTuple):
    """An array, a bytearray or an `array.array`, and what it contained; of a large one, what was in these places."""

    name: str
    of: Any
    places: Any
    before: bytes

    def now(self) -> bytes:
        """What it contains, or what is in the places."""
        return _bytes(self.of if self.places is None else self.of[self.places])

    def test(self, code: Source) -> str:
        """The condition under which it does not contain what it did."""
        now = code.name(self.of) + (f"[{code.name(self.places)}]" if self.places is not None else "")
        return f"{now}{'' if isinstance(self.of, bytearray) else '.tobytes()'} != {code.name(self.before)}"


def contents(name: str, x: Any, room: int) -> Contents:
    """What an array contains, or a sample of what one of more bytes than `room` does."""
    places = _places(x) if isinstance(x, np.ndarray) and x.nbytes > max(room, _SAMPLE) else None
    found = Contents(name, x, places, b"")
    return found._replace(before=found.now())


def _bytes(x: Any) -> bytes:
    return bytes(x) if isinstance(x, bytearray) else x.tobytes()


def _places(x: Any) -> tuple[Any, ...]:
    """Elements all over the array, at no distance that a pattern in it may have, too."""
    return np.unravel_index(np.random.default_rng(0).integers(x.size, size=_SAMPLE), x.shape)


def is_fixed(x: Any) -> bool:
    """True for an array in memory into which nobody can write, such as a file mapped for reading."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return False
        x = x.base
    try:
        return memoryview(x).readonly
    except TypeError:  # no memory of another's
        return False


def copied(x: Any) -> Any:
    """The same values in memory of their own, in the same strides: they decide in which order sums run."""
    if not isinstance(x, np.ndarray) or x.dtype.hasobject:
        return x.copy()
    if is_fixed(x) or not x.size:
        return x
    low, high = np.lib.array_utils.byte_bounds(x)
    memory = np.empty(high - low, np.uint8)
    y: Any = np.ndarray(x.shape, x.dtype, memory, x.__array_interface__["data"][0] - low, x.strides)
    y[...] = x
    return y
