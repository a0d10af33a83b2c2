"""The variables around a compiled function: it is traced with what they are, and must not change them."""

import functools
import inspect
import operator
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..errors import TraceError
from .arguments import NUMBERS
from .source import Source

_PACKAGE = str(Path(__file__).resolve().parents[1])
_MOST = 64  # functions looked into, and elements of a list that are watched


class Surroundings:
    """The closures and globals that a function, and the user's functions it names, refer to."""

    def __init__(self, f: Any) -> None:
        self.guards: list[tuple[str, functools.partial[Any], Any]] = []
        self._lists: list[tuple[str, Any, list[Any]]] = []
        self._functions: list[Any] = []
        self.name = name_of(f)
        for g in _unwrapped(f):
            self._look_into(g)

    def _look_into(self, f: Any) -> None:
        if len(self._functions) >= _MOST or any(f is g for g in self._functions):
            return
        self._functions.append(f)
        for name, get in _variables(f):
            try:
                value = get()
            except (ValueError, KeyError):  # not yet bound
                continue
            if isinstance(value, ModuleType | type):
                continue
            self.guards.append((name, get, value))
            if isinstance(value, list | dict | set):
                self._lists.append((name, value, _elements(value)))
            elif isinstance(value, FunctionType) and _users(value):
                self._look_into(value)

    def require_unchanged(self) -> None:
        """Raise TraceError where the traced run has changed a list, dictionary or set, or a variable."""
        for name, value, before in self._lists:
            if not _same_elements(value, before):
                raise TraceError(
                    f"compile: {self.name} changes the {type(value).__name__} `{name}`, which only the traced call "
                    "would do; return the values and change it outside the compiled function"
                )
        for name, get, value in self.guards:
            if get() is not value:
                raise TraceError(
                    f"compile: {self.name} sets the variable `{name}`, which only the traced call would do; return the "
                    "value and set it outside the compiled function"
                )

    def tests(self, code: Source) -> list[str]:
        """Conditions under which a variable, or a list in one, is not what it was."""
        found = []
        for _, get, value in self.guards:
            now = _text(code, get)
            changed = f"{now} is not {code.name(value)}"
            if type(value) in NUMBERS:
                changed += f" and (type({now}) is not {code.name(type(value))} or {now} != {code.name(value)})"
            found.append(changed)
        same = code.name(_same_elements)
        return found + [f"not {same}({code.name(value)}, {code.name(before)})" for _, value, before in self._lists]


def _text(code: Source, get: functools.partial[Any]) -> str:
    """The text of a variable: of a closure's cell, or of a module."""
    owner, name = get.args
    return f"{code.name(owner)}.{name}" if get.func is getattr else f"{code.name(owner)}[{name!r}]"


def name_of(f: Any) -> str:
    """f's name, with the file and line where it is defined."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{getattr(f, '__name__', type(f).__name__)}{where}"


def _unwrapped(f: Any) -> Iterator[Any]:
    """f's Python function, and the one that a transform or decorator made it of."""
    while f is not None:
        g = getattr(f, "__func__", f)
        if isinstance(g, FunctionType) and _users(g):
            yield g
        f = getattr(f, "__wrapped__", None) or getattr(f, "func", None)


def _users(f: Any) -> bool:
    return (
        not f.__code__.co_filename.startswith((_PACKAGE, "<frozen")) and "site-packages" not in f.__code__.co_filename
    )


def _variables(f: Any) -> Iterator[tuple[str, functools.partial[Any]]]:
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield name, functools.partial(getattr, cell, "cell_contents")
    for name in f.__code__.co_names:
        if name in f.__globals__:
            yield name, functools.partial(operator.getitem, f.__globals__, name)


def _elements(x: Any) -> list[Any]:
    return list(x.values()) if isinstance(x, dict) else list(x)


def _same_elements(x: Any, before: list[Any]) -> bool:
    now = _elements(x)
    return len(now) == len(before) and all(map(operator.is_, now[:_MOST], before))
