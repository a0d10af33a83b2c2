"""The variables around a compiled function: it is traced with what they are, and must not change them."""

import functools
import inspect
import random
from array import array
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..backend import is_array_type
from ..core import parts
from ..errors import TraceError
from .arguments import NUMBERS
from .contents import WHOLE, Contents, contents, is_fixed
from .looking import (
    COLLECTIONS,
    attributes,
    descriptors,
    elements,
    functions_of,
    held_by,
    is_opaque,
    keys_in,
    may_be_equal,
    methods,
    names_in,
    now_in,
    reader,
    same,
    same_elements,
    text_of,
    variables,
)
from .module_parts import Parts, counted, is_leaked
from .reads import Reads
from .restoring import Attributes, Still, array_of, assign, generator_of, may_not_set, refill
from .source import Source
from .taking import line_of, taken_from

_MOST = 1000  # functions looked into
_MOST_OBJECTS = 10_000  # after so many, long collections are compared, and what is in them is no more looked at
_LONG = 1000
_TAKE = "pass what comes of it as an argument, and take it"
_ONCE = " (what is set once, as a cache: call what sets it before)"


class Surroundings:
    """What a function, and the user's functions it names, refer to: closures, globals, and attributes of these.

    `objects` are those among its arguments that are no inputs.  `read` is what a traced run read: without it, which is
    before the run, all that might be read is looked at.  `followed` are arrays that the program reads where they lie.
    """

    def __init__(
        self, f: Any, objects: Iterable[Any] = (), read: Reads | None = None, followed: Iterable[Any] = ()
    ) -> None:
        self.name, self.f, self._arguments, self._read = name_of(f), f, list(objects), read
        self.guards: list[tuple[str, functools.partial[Any], Any]] = []
        self._collections: list[tuple[str, Any, list[Any]]] = []
        self.arrays: list[Contents] = []
        self._followed = list(followed)
        self._still: list[Still] = []  # what the traced run may not change
        self._attributes: list[Attributes] = []  # likewise, of all objects
        self._taken: list[tuple[str, str]] = []  # (kind, name) of iterators and the like
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

    def narrowed(self, read: Reads, followed: Iterable[Any]) -> "Surroundings":
        """Those that were read, as they are now."""
        return Surroundings(self.f, self._arguments, read, followed)

    def differs_from(self, other: "Surroundings") -> str:
        """The names of the variables and attributes that are other ones there."""
        values = {(name, get.func): value for name, get, value in other.guards}
        guards = [(name, x, values.get((name, get.func), x)) for name, get, x in self.guards]
        found = [name for name, x, before in guards if not same(x, before)]
        held = {seen.name: seen.before for seen in other.arrays}
        found += [seen.name for seen in self.arrays if held.get(seen.name, seen.before) != seen.before]
        return ", ".join(f"`{name}`" for name in found)

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

    def _guard(self, name: str, get: functools.partial[Any], value: Any) -> None:
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
        elif issubclass(type(x), np.ndarray | bytearray | array):
            self._look_at_contents(name, x)
        elif is_array_type(type(x)):  # on a device: to compare it would be to wait
            return
        elif isinstance(x, ContextVar):
            self._guard(name, functools.partial(ContextVar.get, x, None), x.get(None))
        elif (kind := taken_from(x)) is not None:
            self._taken.append((kind, name))
        elif isinstance(x, np.random.Generator | np.random.RandomState | random.Random):
            self._still.append(generator_of(name, x))
        else:
            self._objects.append(x)
            if self._read is None and may_not_set(x):
                self._attributes.append(Attributes(name, x))
            for g in functions_of(x):
                self._look_into(g)
            for held in held_by(x):
                self._look_at(name, held)

    def _look_at_contents(self, name: str, x: Any) -> None:
        """Of an array, unless it belongs to what the program follows."""
        if isinstance(x, np.ndarray) and (x.dtype.hasobject or is_fixed(x) or self._is_followed(x)):
            return
        if self._read is None:
            self._still.append(array_of(name, x))
        else:
            compared = sum(len(seen.before) for seen in self.arrays)
            self.arrays.append(contents(name, x, WHOLE - compared))

    def _is_followed(self, x: Any) -> bool:
        return any(isinstance(y, np.ndarray) and np.may_share_memory(x, y) for y in self._followed)

    def _look_at_attributes(self) -> None:
        """Attributes that the functions name, of all objects, until there are no more."""
        before = None
        while before != (now := (len(self._objects), len(self._names))):
            before = now
            made = {x for x in self._objects if isinstance(x, type)}
            for kind in dict.fromkeys(x if isinstance(x, type) else type(x) for x in self._objects):
                for g in methods(kind, self._names | {"forward"}, making=kind in made):
                    self._look_into(g)
                for name, x in descriptors(kind):
                    self._look_at(f"{kind.__name__}.{name}", x)
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

    def require_nothing_taken(self) -> None:
        """Raise TraceError where the run would take from an iterator and the like, before it does."""
        for kind, name in self._taken:
            self._refuse(f"takes from the {kind} `{name}`", _TAKE, name)

    def require_unchanged(self) -> None:
        """Raise TraceError where the traced run has changed a collection, a variable or an attribute."""
        for name, value, before in self._collections:
            if not same_elements(value, before):
                self._refuse(
                    f"changes the {type(value).__name__} `{name}`", "return the values and change it", name, _ONCE
                )
        for name, get, value in self.guards:
            if not (same(now := now_in(get), value) or is_leaked(now)):
                kind = "attribute" if "." in name else "variable"
                self._refuse(f"sets the {kind} `{name}`", "return the value and set it", name, _ONCE)
        if (changed := self.parts.changed_by()) is not None:
            self._refuse(f"sets the attribute `{changed}`", "return the value and set it", changed, _ONCE)
        for still in self._still:
            if still.get() != still.value:
                self._refuse(still.what, "pass it as an argument, and do that", still.what.split("`")[1])
        for own in self._attributes:
            if (changed := own.changed(is_leaked)) is not None:
                self._refuse_attribute(own, changed)

    def restore(self) -> None:
        """Put back what a traced run that failed has changed."""
        for _, x, before in self._collections:
            if not same_elements(x, before):
                refill(x, before)
        for _, get, value in self.guards:
            if not same(now_in(get), value):
                assign(get, value)
        self.parts.restore()
        for own in self._attributes:
            own.put_back()
        for still in self._still:
            if still.get() != still.value:
                still.put_back()

    def _refuse_attribute(self, own: Attributes, changed: str) -> None:
        kind = type(own.of).__name__
        if is_opaque(own.of):
            self._refuse(f"takes from the {kind} `{own.name}`", _TAKE, own.name)
        self._refuse(f"sets the attribute `{kind}.{changed}`", "return the value and set it", changed, _ONCE)

    def _refuse(self, what: str, instead: str, name: str, or_else: str = "") -> None:
        raise TraceError(
            f"compile: {self.name} {what}{line_of(self._functions, name, written=True)}, which only the traced call "
            f"would do; {instead} outside the compiled function{or_else}"
        )

    def restore_options(self) -> str | None:
        """Put back what the traced run has changed in the settings of an object, and name that."""
        changed = [x for x, restore in self._settings if restore()]
        return f"{type(changed[0]).__name__}" if changed else None

    def tests(self, code: Source) -> list[str]:
        """Conditions under which a variable, or a collection in one, is not what it was."""
        found = []
        for _, get, value in self.guards:
            now = text_of(get, code)
            changed = f"{now} is not {code.name(value)}"
            if may_be_equal(value):
                changed += f" and not {code.name(same)}({now}, {code.name(value)})"
            found.append(changed)
        check = code.name(same_elements)
        found += [f"not {check}({code.name(value)}, {code.name(before)})" for _, value, before in self._collections]
        found += [seen.test(code) for seen in self.arrays]
        return found + self.parts.tests(code)


def _said(x: Any) -> str:
    return x.__name__ if isinstance(x, type | FunctionType | ModuleType) else type(x).__name__


def name_of(f: Any) -> str:
    """f's name, with the file and line where it is defined."""
    g = inspect.unwrap(f)
    g = inspect.unwrap(g.func) if isinstance(g, functools.partial) else g
    code, name = getattr(g, "__code__", None), getattr(f, "__name__", getattr(g, "__name__", type(g).__name__))
    return name + (f" ({code.co_filename}:{code.co_firstlineno})" if code else "")
