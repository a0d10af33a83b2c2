"""The variables around a compiled function: it is traced with what they are, and must not change them."""

import copy
import functools
import inspect
import random
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

from ..core import parts
from ..core.tensor import Tensor
from ..core.traced import Traced
from ..errors import TraceError
from .arguments import NUMBERS
from .looking import (
    COLLECTIONS,
    attributes,
    elements,
    functions_of,
    held_by,
    methods,
    names_in,
    same,
    same_elements,
    variables,
)
from .source import Source

_MOST = 64  # functions looked into
_MOST_OBJECTS = 10_000
_SMALL = 1 << 17  # bytes of an array that is compared with what it was


class Surroundings:
    """What a function, and the user's functions it names, refer to: closures, globals, and attributes of these.

    `objects` are those among its arguments that are no inputs.
    """

    def __init__(self, f: Any, objects: Iterable[Any] = ()) -> None:
        self.name = name_of(f)
        self.guards: list[tuple[str, Callable[[], Any], Any]] = []
        self._collections: list[tuple[str, Any, list[Any]]] = []
        self._still: list[tuple[str, Callable[[], Any], Any]] = []  # what the traced run may not change, not guarded
        self._functions: list[Any] = []
        self._names: set[str] = set()
        self._objects: list[Any] = []
        self._seen: dict[Any, Any] = {}  # keys of what was looked at; objects are kept, so that no id comes twice
        for x in (f, *objects):
            self._look_at(type(x).__name__, x)
        self._look_at_attributes()
        self.parts = Parts([x for x in self._objects if parts.attributes_of(x) is not None])
        self._look_at_generators()
        kept = [(x, keep(x)) for x in self._objects for kind, keep in parts.SETTINGS if isinstance(x, kind)]
        self._settings: list[tuple[Any, Callable[[], bool]]] = kept

    # what there is

    def _look_into(self, f: Any) -> None:
        """The variables of a function."""
        if len(self._functions) >= _MOST or any(f is g for g in self._functions):
            return
        self._functions.append(f)
        names = names_in(f.__code__)
        self._names |= names
        for name, get in variables(f, names):
            try:
                value = get()
            except (ValueError, KeyError):  # not yet bound
                continue
            if isinstance(value, ModuleType | type):
                self._look_at(name, value)
            else:
                self._guard(name, get, value)

    def _guard(self, name: str, get: Callable[[], Any], value: Any) -> None:
        self.guards.append((name, get, value))
        self._look_at(name, value)

    def _look_at(self, name: str, x: Any) -> None:
        """What a value holds, if it is a collection, an object or a function."""
        if type(x) in NUMBERS or id(x) in self._seen or len(self._seen) > _MOST_OBJECTS:
            return
        self._seen[id(x)] = x
        if isinstance(x, COLLECTIONS):
            items = elements(x)
            if not isinstance(x, tuple | frozenset):
                self._collections.append((name, x, items))
            for item in items[:_MOST_OBJECTS]:
                self._look_at(name, item)
        elif issubclass(type(x), np.ndarray):
            if x.nbytes <= _SMALL and x.dtype != object:
                self._still.append((f"writes into the array `{name}`", x.tobytes, x.tobytes()))
        elif isinstance(x, np.random.Generator | np.random.RandomState | random.Random):
            self._still.append((_draws(name), *_state_of(x)))
        else:
            self._objects.append(x)
            for g in functions_of(x):
                self._look_into(g)
            for held in held_by(x):
                self._look_at(name, held)

    def _look_at_attributes(self) -> None:
        """Attributes that the functions name, of all objects, until there are no more."""
        before = None
        while before != (now := (len(self._objects), len(self._names))):
            before = now
            for x in list(self._objects):
                for g in methods(x, self._names | {"forward"}):
                    self._look_into(g)
                for name, value in attributes(x, self._names):
                    if (id(x), name) not in self._seen:
                        self._seen[id(x), name] = None
                        self._guard(f"{_said(x)}.{name}", functools.partial(getattr, x, name), value)
                for name, value in (parts.attributes_of(x) or {}).items():
                    self._look_at(f"{type(x).__name__}.{name}", value)

    def _look_at_generators(self) -> None:
        """The generators that NumPy and Python share, where a function names them."""
        if "random" in self._names:
            self._still.append((_draws("numpy.random"), *_state_of(np.random.mtrand._rand)))
            self._still.append((_draws("random"), random.getstate, random.getstate()))

    # what may not change

    def require_unchanged(self) -> None:
        """Raise TraceError where the traced run has changed a collection, a variable or an attribute."""
        for name, value, before in self._collections:
            if not same_elements(value, before):
                self._refuse(f"changes the {type(value).__name__} `{name}`", "return the values and change it")
        leaked = [(name, get, value) for name, get, value in self.guards if _is_leaked(get())]
        self.guards = [guard for guard in self.guards if guard not in leaked]  # whoever uses one is told then
        for name, get, value in self.guards:
            if not same(get(), value):
                kind = "attribute" if "." in name else "variable"
                self._refuse(f"sets the {kind} `{name}`", "return the value and set it")
        if (changed := self.parts.changed_by()) is not None:
            self._refuse(f"sets the attribute `{changed}`", "return the value and set it")
        for what, get, value in self._still:
            if get() != value:
                self._refuse(what, "pass it as an argument, and do that")

    def _refuse(self, what: str, instead: str) -> None:
        raise TraceError(
            f"compile: {self.name} {what}, which only the traced call would do; {instead} outside the compiled function"
        )

    def restore_options(self) -> str | None:
        """Put back what the traced run has changed in the settings of an object, and name that."""
        changed = [x for x, restore in self._settings if restore()]
        return f"{type(changed[0]).__name__}" if changed else None

    def tests(self, code: Source) -> list[str]:
        """Conditions under which a variable, or a collection in one, is not what it was."""
        found = []
        for _, get, value in self.guards:
            now = _text(code, get)
            changed = f"{now} is not {code.name(value)}"
            if type(value) in NUMBERS or inspect.ismethod(value):
                changed += f" and not {code.name(same)}({now}, {code.name(value)})"
            found.append(changed)
        check = code.name(same_elements)
        found += [f"not {check}({code.name(value)}, {code.name(before)})" for _, value, before in self._collections]
        return found + self.parts.tests(code)


class Parts:
    """The Modules around a function, and what they are made of: a program holds while that stays."""

    def __init__(self, objects: list[Any]) -> None:
        self._objects, self.at = objects, parts.changes  # the count when they were last looked at
        self._before = self._all()

    def _all(self) -> list[tuple[str, Any]]:
        found = [(x, parts.attributes_of(x) or {}) for x in self._objects]
        return [(f"{type(x).__name__}.{name}", value) for x, own in found for name, value in own.items()]

    def changed(self) -> bool:
        """True where an attribute is another one; asked only where some object has been set one since."""
        at = parts.changes
        if self.changed_by() is not None:
            return True
        self.at = at
        return False

    def changed_by(self) -> str | None:
        """The name of an attribute that is not what it was."""
        now, before = self._all(), self._before
        for (name, a), (other, b) in zip(now, before, strict=False):
            if name != other or not (same(a, b) or _is_leaked(a)):
                return name
        return None if len(now) == len(before) else "a part"

    def tests(self, code: Source) -> list[str]:
        """The condition under which they have changed."""
        moved = f"{code.name(parts)}.changes != {code.name(self)}.at"
        return [f"{moved} and {code.name(self.changed)}()"] if self._objects else []


def _is_leaked(x: Any) -> bool:
    """True for a value of a trace that was kept: it says so where it is used."""
    return type(x) is Traced or (isinstance(x, Tensor) and type(Tensor.__dict__["data"].__get__(x)) is Traced)


def _draws(name: str) -> str:
    return f"draws random numbers from `{name}`"


def _state_of(generator: Any) -> tuple[Callable[[], Any], Any]:
    def get() -> Any:
        if isinstance(generator, random.Random):
            return generator.getstate()
        return repr(copy.deepcopy(getattr(generator, "bit_generator", generator._bit_generator).state))

    return get, get()


def _said(x: Any) -> str:
    return getattr(x, "__name__", type(x).__name__)


def _text(code: Source, get: Any) -> str:
    """The text of a variable: of a closure's cell, of an object, or of a module."""
    owner, name = get.args
    return f"{code.name(owner)}.{name}" if get.func is getattr else f"{code.name(owner)}[{name!r}]"


def name_of(f: Any) -> str:
    """f's name, with the file and line where it is defined."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{getattr(f, '__name__', type(f).__name__)}{where}"
