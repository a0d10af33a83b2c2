"""Let a launcher write a value where the program wants it: what it asks of the runtime is the wanted array."""

import threading
from typing import Any

from ..ir import Call, Program, Value
from .memory import bounds, overlap


class Preferring:
    """A runtime that gives the wanted arrays to the thread that made it, where their shape and dtype are asked for."""

    def __init__(self, now: Any, wanted: list[Any]) -> None:
        self._now, self._wanted, self._thread = now, list(wanted), threading.get_ident()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A wanted array, once, or a new one."""
        if threading.get_ident() == self._thread:
            for i, array in enumerate(self._wanted):
                if array.shape == tuple(shape) and array.dtype == dtype:
                    return self._wanted.pop(i)
        return self._now.empty(shape, dtype)

    def __getattr__(self, name: str) -> Any:
        """All else is the runtime's."""
        return getattr(self._now, name)


def homes(program: Program, calls: list[Call]) -> dict[int, list[Any]]:
    """By the number of a call the arrays on the device that its outputs are assigned to and may be computed in.

    They may where the program does not read what lies there, as with gradients; a launcher that makes use of them as
    scratch, or not at all, does no harm, as what is then computed elsewhere is copied.
    """
    targets = {a.value: a.target.array for a in program.assigns}
    values = [*(v for call in calls for v in call.values), *program.ends()]
    read = [v.array for v in dict.fromkeys(values) if v.array is not None]
    found: dict[int, list[Any]] = {}
    for i, call in enumerate(calls):
        for v in call.outputs:
            array = targets.get(v) if call.primitive.name != "update" else None
            if array is not None and _fits(array, v) and not any(overlap(x, array) for x in read):
                found.setdefault(i, []).append(array)
    return found


def _fits(array: Any, v: Value) -> bool:
    alike = array.shape == v.shape and array.dtype == v.dtype and array.flags.c_contiguous
    return bool(alike and v.size and bounds(array)[0] % 16 == 0)
