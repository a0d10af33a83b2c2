"""The variables around a compiled function: it is traced with what they are, and must not change them."""

import functools
import inspect
import random
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core import parts
from ..errors import TraceError
from .arguments import NUMBERS
from .looking import (
    COLLECTIONS,
    attributes,
    elements,
    functions_of,
    held_by,
    keys_in,
    may_be_equal,
    methods,
    names_in,
    reader,
    same,
    same_elements,
    variables,
)
from .module_parts import Parts, counted, is_leaked
from .reads import Reads
from .restoring import Still, array_of, assign, generator_of, refill
from .source import Source

_MOST = 1000  # functions looked into
_MOST_OBJECTS = 10_000  # after so many, long collections are compared, and what is in them is no more looked at
_LONG = 1000
_ONCE = " (what is set once, as a cache: call what sets it before)"
_SMALL = 1 << 17  # bytes of an array that is compared with what it was


class Surroundings:
    """What a function, and the user's functions it names, refer to: closures, globals, and attributes of these.

    `objects` are those among its arguments that are no inputs.  `read` is what a traced run read: without it, which is
    before the run, all that might be read is looked at.
    """

    def __init__(self, f: Any, objects: Iterable[Any] = (), read: Reads | None = None) -> None:
        self.name, self.f, self._arguments, self._read = name_of(f), f, list(objects), read
        self.guards: list[tuple[str, Callable[[], Any], Any]] = []
        self._collections: list[tuple[str, Any, list[Any]]] = []
        self._still: list[Still] = []  # what the traced run may not change, not guarded
        self._functions: list[Any] = []
        self._names: set[str] = set()
        self._objects: list[Any] = []
        self._seen: dict[Any, Any] = {}  # keys of what was looked at; objects are kept, so that no id comes twice
        for x in (f, *self._arguments):
            self._look_at(type(x).__name__, x)
        self._look_at_attributes()
        modules = [x for x in self._objects if parts.attributes_of(x) is not None]
        self.parts = Parts(modules, self._read_of, read is not None)
        self._look_at_generators()
        kept = [(x, keep(x)) for x in self._objects for kind, keep in parts.SETTINGS if isinstance(x, kind)]
        self._settings: list[tuple[Any, Callable[[], bool]]] = kept

    def reads(self) -> Reads:
        """A scope that notes which attributes are read."""
        return Reads(self._objects)

    def narrowed(self, read: Reads) -> "Surroundings":
        """Those that were read, as they are now."""
        return Surroundings(self.f, self._arguments, read)

    def differs_from(self, other: "Surroundings") -> str:
        """The names of the variables and attributes that are other ones there."""
        values = {name: value for name, _, value in other.guards}
        return ", ".join(f"`{name}`" for name, _, x in self.guards if name in values and not same(x, values[name]))

    # what there is

    def _read_of(self, x: Any) -> set[str] | None:
        return None if self._read is None else self._read.of(x)

    def _look_into(self, f: Any) -> None:
        """The variables of a function."""
        if len(self._functions) >= _MOST or any(f is g for g in self._functions):
            return
        self._functions.append(f)
        self._names |= names_in(f.__code__)
        for name, get in variables(f):
            try:
                value = get()
            except (ValueError, KeyError):  # not yet bound
                continue
            if isinstance(value, ModuleType | type):
                self._look_at(name, value)
            elif self._read is not None and type(value) is dict and (keys := keys_in(f.__code__, name)) is not None:
                self.guards.append((name, get, value))
                for key in sorted(keys):
                    self._guard(f"{name}[{key!r}]", functools.partial(dict.get, value, key), value.get(key))
            else:
                self._guard(name, get, value)

    def _guard(self, name: str, get: Callable[[], Any], value: Any) -> None:
        if self._read is not None and is_leaked(value):  # whoever uses it is told then
            return
        self.guards.append((name, get, value))
        self._look_at(name, value)

    def _look_at(self, name: str, x: Any) -> None:
        """What a value holds, if it is a collection, an object or a function."""
        if type(x) in NUMBERS or id(x) in self._seen:
            return
        self._seen[id(x)] = x
        if isinstance(x, COLLECTIONS):
            items = elements(x)
            if not isinstance(x, tuple | frozenset):
                self._collections.append((name, x, items))
            for item in items:
                if len(items) > _LONG and len(self._seen) > _MOST_OBJECTS:
                    break
                self._look_at(name, item)
            if type(x) not in COLLECTIONS:
                self._objects.append(x)
        elif issubclass(type(x), np.ndarray):
            if x.nbytes <= _SMALL and x.dtype != object:
                self._still.append(array_of(name, x))
        elif isinstance(x, np.random.Generator | np.random.RandomState | random.Random):
            self._still.append(generator_of(name, x))
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
            for kind in {x if isinstance(x, type) else type(x): None for x in self._objects}:
                for g in methods(kind, self._names | {"forward"}):
                    self._look_into(g)
            for x in list(self._objects):
                looked_after = parts.attributes_of(x) or {}
                for name, value in attributes(x, self._names, self._read_of(x)):
                    if (id(x), name) not in self._seen and name not in looked_after:
                        self._seen[id(x), name] = None
                        self._guard(f"{_said(x)}.{name}", reader(x, name), value)
                for name, value in counted(x, looked_after, self._read_of(x)).items():
                    self._look_at(f"{type(x).__name__}.{name}", value)

    def _look_at_generators(self) -> None:
        """The generators that NumPy and Python share, where a function names them."""
        if "random" in self._names:
            self._still.append(generator_of("numpy.random", np.random.mtrand._rand))
            self._still.append(generator_of("random", random._inst))

    # what may not change

    def require_unchanged(self) -> None:
        """Raise TraceError where the traced run has changed a collection, a variable or an attribute."""
        for name, value, before in self._collections:
            if not same_elements(value, before):
                self._refuse(f"changes the {type(value).__name__} `{name}`", "return the values and change it", _ONCE)
        for name, get, value in self.guards:
            if not (same(now := _now(get), value) or is_leaked(now)):
                kind = "attribute" if "." in name else "variable"
                self._refuse(f"sets the {kind} `{name}`", "return the value and set it", _ONCE)
        if (changed := self.parts.changed_by()) is not None:
            self._refuse(f"sets the attribute `{changed}`", "return the value and set it", _ONCE)
        for still in self._still:
            if still.get() != still.value:
                self._refuse(still.what, "pass it as an argument, and do that")

    def restore(self) -> None:
        """Put back what a traced run that failed has changed."""
        for _, x, before in self._collections:
            if not same_elements(x, before):
                refill(x, before)
        for _, get, value in self.guards:
            if not same(_now(get), value):
                assign(get, value)
        self.parts.restore()
        for still in self._still:
            if still.get() != still.value:
                still.put_back()

    def _refuse(self, what: str, instead: str, or_else: str = "") -> None:
        raise TraceError(
            f"compile: {self.name} {what}, which only the traced call would do; {instead} outside the compiled function"
            f"{or_else}"
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
            if may_be_equal(value):
                changed += f" and not {code.name(same)}({now}, {code.name(value)})"
            found.append(changed)
        check = code.name(same_elements)
        found += [f"not {check}({code.name(value)}, {code.name(before)})" for _, value, before in self._collections]
        return found + self.parts.tests(code)


def _now(get: Callable[[], Any]) -> Any:
    """What a variable or attribute is; None where it has been deleted."""
    try:
        return get()
    except (ValueError, KeyError, AttributeError):
        return None


def _said(x: Any) -> str:
    return x.__name__ if isinstance(x, type | FunctionType | ModuleType) else type(x).__name__


def _text(code: Source, get: Any) -> str:
    """The text of a variable: of a closure's cell, of an object, of a module, or of a dictionary's entry."""
    owner, name = get.args
    if get.func is dict.get:
        return f"{code.name(owner)}.get({name!r})"
    return f"{code.name(owner)}.{name}" if get.func is getattr else f"{code.name(owner)}[{name!r}]"


def name_of(f: Any) -> str:
    """f's name, with the file and line where it is defined."""
    g = inspect.unwrap(f)
    g = inspect.unwrap(g.func) if isinstance(g, functools.partial) else g
    code, name = getattr(g, "__code__", None), getattr(f, "__name__", getattr(g, "__name__", type(g).__name__))
    return name + (f" ({code.co_filename}:{code.co_firstlineno})" if code else "")
