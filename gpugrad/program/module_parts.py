"""What Modules are made of: a program holds while that stays."""

import functools
import operator
from collections.abc import Callable
from typing import Any

from ..core import parts
from ..core.tensor import Tensor
from ..core.traced import Traced
from .looking import COLLECTIONS, elements, same
from .source import Source

_MOST = 1000  # elements of a collection among which Modules are looked for


class Parts:
    """The Modules around a function, and their attributes, of which `read` gives those that were read, if known.

    `narrow` says that the run is over; what a cached property keeps in it may be new.
    """

    def __init__(self, objects: list[Any], read: Callable[[Any], set[str] | None], narrow: bool) -> None:
        self.at = parts.changes  # the count when they were last looked at
        self._owners = [_Owner(x, _unread(x, read(x)), narrow) for x in objects]

    def changed(self) -> bool:
        """True where an attribute is another one; asked only where some object has been set one since."""
        at = parts.changes
        if self.changed_by() is not None:
            return True
        self.at = at
        return False

    def changed_by(self) -> str | None:
        """The name of an attribute that is not what it was."""
        return next((name for owner in self._owners if (name := owner.changed_by()) is not None), None)

    def restore(self) -> None:
        """Put the attributes back."""
        for owner in self._owners:
            owner.restore()

    def tests(self, code: Source) -> list[str]:
        """The condition under which they have changed."""
        moved = f"{code.name(parts)}.changes != {code.name(self)}.at"
        return [f"{moved} and {code.name(self.changed)}()"] if self._owners else []


class _Owner:
    """An object whose attributes count, without those that the run did not read."""

    def __init__(self, x: Any, unread: frozenset[str], narrow: bool) -> None:
        self._x, self._unread, self._narrow = x, unread, narrow
        self._before = self._now()
        self._plain = self._before.keys() <= vars(x).keys()
        self._seen = elements(vars(x))

    def _now(self) -> dict[str, Any]:
        own = parts.attributes_of(self._x) or {}
        found = {name: value for name, value in own.items() if name not in self._unread or _is_part(value)}
        return found if self._narrow else {k: v for k, v in found.items() if not _is_cached(self._x, k)}

    def changed_by(self) -> str | None:
        seen = elements(vars(self._x))
        if self._plain and len(seen) == len(self._seen) and all(map(operator.is_, seen, self._seen)):
            return None
        now, before = self._now(), self._before
        for name in [*now, *(before.keys() - now.keys())]:
            if name not in now or not ((name in before and same(now[name], before[name])) or is_leaked(now[name])):
                return f"{type(self._x).__name__}.{name}"
        self._seen = seen
        return None

    def restore(self) -> None:
        own = vars(self._x)
        own.update({k: v for k, v in self._before.items() if k in own and not same(own[k], v)})


def counted(x: Any, own: dict[str, Any], read: set[str] | None) -> dict[str, Any]:
    """Of a Module's attributes those on which a program depends: what was read, and what belongs to its structure."""
    unread = _unread(x, read)
    return {name: value for name, value in own.items() if name not in unread}


def _unread(x: Any, read: set[str] | None) -> frozenset[str]:
    own = parts.attributes_of(x) or {}
    if read is None:
        return frozenset()
    return frozenset(name for name, value in own.items() if name not in read and not _holds_parts(value))


def _holds_parts(x: Any) -> bool:
    return _is_part(x) or (isinstance(x, COLLECTIONS) and any(map(_holds_parts, elements(x)[:_MOST])))


def _is_cached(x: Any, name: str) -> bool:
    return isinstance(getattr(type(x), name, None), functools.cached_property)


def _is_part(x: Any) -> bool:
    return isinstance(x, Tensor) or parts.attributes_of(x) is not None


def is_leaked(x: Any) -> bool:
    """True for a value of a trace that was kept: it says so where it is used."""
    return type(x) is Traced or (isinstance(x, Tensor) and type(Tensor.__dict__["data"].__get__(x)) is Traced)
