"""Which attributes a traced run reads: a program need not be made anew where others have changed, such as a counter."""

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .looking import is_opaque, is_ours

_WHOLE = ("__dict__", "__reduce_ex__", "__getstate__")  # reads by which all attributes are read
_HEAP_TYPE = 1 << 9  # a class written in Python, whose methods can be set


class Reads:
    """A scope that notes the attributes read of objects of the user's classes.

    By class, not by object: a transform may make a copy of a Module, which is read in place of the original.
    """

    def __init__(self, objects: Iterable[Any]) -> None:
        self._kinds = {type(x) for x in objects if _is_watched(x)}
        self._names: dict[type, set[str]] = {}
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> "Reads":
        for kind in self._kinds:
            with contextlib.suppress(TypeError, AttributeError):  # a class that refuses is not watched
                self._watch(kind)
        return self

    def __exit__(self, *error: Any) -> None:
        for undo in reversed(self._undo):
            undo()

    def of(self, x: Any) -> set[str] | None:
        """The names read of objects like x; None where that is not known."""
        names = self._names.get(type(x))
        return names if names is None or names.isdisjoint(_WHOLE) else names | getattr(x, "__dict__", {}).keys()

    def _watch(self, kind: Any) -> None:
        own, read = vars(kind).get("__getattribute__"), kind.__getattribute__

        def __getattribute__(x: Any, name: str) -> Any:
            if not (name in _WHOLE and is_ours(sys._getframe(1).f_code)):
                self._names.setdefault(type(x), set()).add(name)
            return read(x, name)

        kind.__getattribute__ = __getattribute__
        self._names[kind] = set()
        self._undo.append(lambda: _put_back(kind, own))


def _put_back(kind: Any, own: Any) -> None:
    if own is None:
        del kind.__getattribute__
    else:
        kind.__getattribute__ = own


def _is_watched(x: Any) -> bool:
    return not isinstance(x, type) and bool(type(x).__flags__ & _HEAP_TYPE) and not is_opaque(x)
