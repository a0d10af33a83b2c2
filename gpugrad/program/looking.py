"""What a function can see from outside: variables, and what its attribute names reach in the objects they hold."""

import functools
import math
import operator
import sys
from abc import ABC
from collections import deque
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType, SimpleNamespace
from typing import Any, Generic, Protocol

from .arguments import NUMBERS

COLLECTIONS = (list, dict, set, frozenset, tuple, deque)
_PACKAGE = str(Path(__file__).resolve().parents[1])
_OPAQUE = sys.stdlib_module_names | {"gpugrad", "numpy", "cupy"}
_BASES = (object, Generic, Protocol, ABC, Enum)  # which say nothing of what an object does
_MOST_WRAPPERS = 8
_PYTHON = tuple({str(Path(p).resolve()) for p in (sys.prefix, sys.base_prefix)})


def functions_of(f: Any) -> Iterator[Any]:
    """The user's functions that a call of f runs: under decorators and `functools.partial`, or its `__call__`."""
    for _ in range(_MOST_WRAPPERS):
        g = _own_function(f)
        if isinstance(g, FunctionType) and is_users(g):
            yield g
        f = f.func if isinstance(f, functools.partial) else getattr(f, "__dict__", {}).get("__wrapped__")


def _own_function(f: Any) -> Any:
    if isinstance(f, MethodType | FunctionType):
        return getattr(f, "__func__", f)
    return next((vars(kind)["__call__"] for kind in type(f).__mro__ if "__call__" in vars(kind)), None)


def held_by(f: Any) -> tuple[Any, ...]:
    """What a method or a `functools.partial` carries along, and what a decorator made it of."""
    if isinstance(f, functools.partial):
        return f.func, f.args, f.keywords
    if isinstance(f, MethodType):
        return (f.__self__,)
    wrapped = getattr(f, "__dict__", {}).get("__wrapped__")
    return () if wrapped is None else (wrapped,)


def is_users(f: Any) -> bool:
    """True for a function that is neither gpugrad's nor an installed package's."""
    ours = str(f.__globals__.get("__name__")).partition(".")[0] == "gpugrad"
    return not ours and _is_users_file(f.__code__.co_filename)


def _is_users_file(name: str) -> bool:
    return not name.startswith((_PACKAGE, "<frozen")) and "site-packages" not in name


def names_in(code: CodeType) -> set[str]:
    """The globals and attributes that code names, the functions written inside it too."""
    inner = [names_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def variables(f: Any, names: set[str]) -> Iterator[tuple[str, functools.partial[Any]]]:
    """(name, function that reads it) for the closure, the globals and the defaults of f."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield name, functools.partial(getattr, cell, "cell_contents")
    for name in sorted(names & f.__globals__.keys()):
        yield name, functools.partial(operator.getitem, f.__globals__, name)
    for name in ("__defaults__", "__kwdefaults__"):
        if getattr(f, name) is not None:
            yield name, functools.partial(getattr, f, name)


def attributes(x: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    """(name, value) for the attributes of an object, a class or a user's module that are among the names."""
    if isinstance(x, ModuleType):
        found = dict(vars(x)) if _is_users_module(x) else {}
    elif is_opaque(x):
        found = {}
    else:
        kinds = x.__mro__ if isinstance(x, type) else type(x).__mro__
        found = {k: v for kind in reversed(kinds) for k, v in vars(kind).items() if not hasattr(type(v), "__get__")}
        found |= {k: getattr(x, k) for k in names if _is_slot(x, k) and hasattr(x, k)}
        found |= {} if isinstance(x, type) else getattr(x, "__dict__", {})
    yield from ((name, found[name]) for name in sorted(names & found.keys()))


def methods(x: Any, names: set[str]) -> Iterator[Any]:
    """The user's functions among the methods of an object that are among the names."""
    kinds = x.__mro__ if isinstance(x, type) else type(x).__mro__
    for name in sorted(names):
        g = next((vars(kind)[name] for kind in kinds if name in vars(kind)), None)
        g = g.fget if isinstance(g, property) else getattr(g, "__func__", g)
        if isinstance(g, FunctionType) and is_users(g):
            yield g


def is_opaque(x: Any) -> bool:
    """True for numbers, arrays, collections, and objects of Python's own, of gpugrad and of installed packages."""
    if isinstance(x, FunctionType):
        return not is_users(x)
    kind = x if isinstance(x, type) else type(x)
    return kind is not SimpleNamespace and any(_is_known(k) for k in kind.__mro__ if k not in _BASES)


def _is_known(kind: type) -> bool:
    module = kind.__module__
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.partition(".")[0] in _OPAQUE or "site-packages" in file


def _is_users_module(x: ModuleType) -> bool:
    file = getattr(x, "__file__", None)
    return file is not None and _is_users_file(file) and not file.startswith(_PYTHON)


def _is_slot(x: Any, name: str) -> bool:
    return isinstance(getattr(type(x), name, None), MemberDescriptorType)


def elements(x: Any) -> list[Any]:
    """What a collection holds, a dictionary's keys too."""
    return [*x, *x.values()] if isinstance(x, dict) else list(x)


def same_elements(x: Any, before: list[Any]) -> bool:
    """True where a collection holds what it held."""
    n = 2 * len(x) if isinstance(x, dict) else len(x)
    return n == len(before) and all(map(same, elements(x), before))


def same(now: Any, before: Any) -> bool:
    """True for the same object, for equal numbers of one type, and for the same method."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if type(now) in NUMBERS:
        return bool(now == before) and (type(now) is not float or math.copysign(1, now) == math.copysign(1, before))
    return isinstance(now, MethodType) and now == before
