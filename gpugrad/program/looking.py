"""What a function can see from outside: variables, and what its attribute names reach in the objects they hold."""

import dis
import functools
import math
import operator
import sys
from abc import ABC
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any, Generic, Protocol

import numpy as np

from .arguments import NUMBERS
from .source import Source

COLLECTIONS = (list, dict, set, frozenset, tuple, deque)
_PACKAGE = str(Path(__file__).resolve().parents[1])
_OPAQUE = sys.stdlib_module_names | {"gpugrad", "numpy", "cupy"}
_BASES = (object, Generic, Protocol, ABC, Enum)  # which say nothing of what an object does
_PLAIN = (("types", "SimpleNamespace"), ("argparse", "Namespace"), ("_thread", "_local"))  # hold what a user puts there
_OF_MAKING = frozenset(("__init__", "__new__", "__del__", "__init_subclass__", "__set_name__"))
_MOST_WRAPPERS = 8
_OF_VARIABLES = tuple(f"{do}_{kind}" for do in ("LOAD", "STORE", "DELETE") for kind in ("GLOBAL", "DEREF", "NAME"))
_OF_VARIABLES += ("LOAD_CLASSDEREF", "LOAD_FROM_DICT")
_SUBSCRIPT = (("BINARY_SUBSCR", ""), ("BINARY_OP", "[]"))  # by Python's version
_BY_NAME = ("LOAD_NAME", "STORE_NAME", "DELETE_NAME")  # of the body of a class
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
    if isinstance(f, MethodType | BuiltinMethodType | MethodWrapperType):
        return () if isinstance(f.__self__, ModuleType | type) else (f.__self__,)
    wrapped = getattr(f, "__dict__", {}).get("__wrapped__")
    return () if wrapped is None else (wrapped,)


def is_users(f: Any) -> bool:
    """True for a function that is neither gpugrad's nor an installed package's."""
    ours = str(f.__globals__.get("__name__")).partition(".")[0] == "gpugrad"
    return not ours and _is_users_file(f.__code__.co_filename)


def is_ours(code: CodeType) -> bool:
    """True for code of gpugrad."""
    return code.co_filename.startswith(_PACKAGE)


def _is_users_file(name: str) -> bool:
    return not name.startswith((_PACKAGE, "<frozen")) and "site-packages" not in name


def names_in(code: CodeType) -> set[str]:
    """The globals and attributes that code names, the functions written inside it too."""
    inner = [names_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


@functools.cache
def _globals_in(code: CodeType) -> frozenset[str]:
    """The globals alone, which a loop around the function may name as it names an attribute: `step`, `mean`."""
    inner = [_globals_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    own = {str(i.argval) for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname in _BY_NAME}
    return frozenset(own).union(*inner)


def variables(f: Any) -> Iterator[tuple[str, functools.partial[Any]]]:
    """(name, function that reads it) for the closure, the globals and the defaults of f."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield name, functools.partial(getattr, cell, "cell_contents")
    for name in sorted(_globals_in(f.__code__) & f.__globals__.keys()):
        yield name, functools.partial(operator.getitem, f.__globals__, name)
    for name in ("__defaults__", "__kwdefaults__"):
        if getattr(f, name) is not None:
            yield name, functools.partial(getattr, f, name)


@functools.cache
def keys_in(code: CodeType, name: str) -> frozenset[str] | None:
    """The words by which code looks into a variable, where it does nothing else with that: `settings["scale"]`."""
    keys: set[str] = set()
    steps = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    for n, step in enumerate(steps):
        if step.argval == name and step.opname.startswith(_OF_VARIABLES):
            if (key := _key_of(steps[n + 1 : n + 3])) is None:
                return None
            keys.add(key)
    inner = [keys_in(c, name) for c in code.co_consts if isinstance(c, CodeType)]
    return None if None in inner else frozenset(keys).union(*(k for k in inner if k))


def _key_of(steps: list[dis.Instruction]) -> str | None:
    """The word by which these instructions, after a variable, look into it."""
    if len(steps) < 2 or steps[0].opname != "LOAD_CONST" or type(steps[0].argval) is not str:
        return None
    return steps[0].argval if (steps[1].opname, steps[1].argrepr) in _SUBSCRIPT else None


def attributes(x: Any, names: set[str], read: set[str] | None = None) -> Iterator[tuple[str, Any]]:
    """(name, value) for the attributes of an object, a class or a user's module that are among the names.

    Of what the object itself holds it is those that were `read`, where that is known.
    """
    if isinstance(x, ModuleType):
        found = dict(vars(x)) if _is_users_module(x) else {}
    elif is_opaque(x):
        found = {}
    else:
        kinds = [kind for kind in (x.__mro__ if isinstance(x, type) else type(x).__mro__) if not _is_known(kind)]
        found = {k: v for kind in reversed(kinds) for k, v in vars(kind).items() if not hasattr(type(v), "__get__")}
        names = names | (read or set())
        if not isinstance(x, type):
            own = own_attributes(x, names)
            found = {k: v for k, v in found.items() if k not in own}
            found |= {k: v for k, v in own.items() if read is None or k in read}
    yield from ((name, found[name]) for name in sorted(names & found.keys()))


def own_attributes(x: Any, names: set[str]) -> dict[str, Any]:
    """What an object holds under these names, in slots or in its dictionary."""
    slots = {k: getattr(x, k) for k in names if is_slot(x, k) and hasattr(x, k)}
    own = getattr(x, "__dict__", {})
    return slots | {k: own[k] for k in names & own.keys()}


def all_attributes(x: Any) -> dict[str, Any]:
    """All that an object holds, in slots and in its dictionary."""
    slots = {name for kind in type(x).__mro__ for name, v in vars(kind).items() if isinstance(v, MemberDescriptorType)}
    own = getattr(x, "__dict__", {})
    return own_attributes(x, slots | own.keys())


def reader(x: Any, name: str) -> functools.partial[Any]:
    """What reads an attribute; one that a property of that name stands for, from where it is kept."""
    if not isinstance(x, type) and isinstance(getattr(type(x), name, None), property):
        return functools.partial(operator.getitem, vars(x), name)
    return functools.partial(getattr, x, name)


def now_in(get: Callable[[], Any]) -> Any:
    """What a variable or attribute is; None where it has been deleted."""
    try:
        return get()
    except (ValueError, KeyError, AttributeError):
        return None


def text_of(get: Any, code: Source) -> str:
    """The text of a variable: of a closure's cell, of an object, of a module, or of a dictionary's entry."""
    owner, name = get.args
    if get.func in (dict.get, ContextVar.get):
        return f"{code.name(owner)}.get({name!r})"
    return f"{code.name(owner)}.{name}" if get.func is getattr else f"{code.name(owner)}[{name!r}]"


def methods(kind: type, names: set[str], making: bool) -> Iterator[Any]:
    """The user's functions among the methods of a class that are among the names, overridden ones too.

    Special methods are run without being named; those that make an object where `making` is True.
    """
    for k in kind.__mro__:
        special = set() if _is_known(k) else {x for x in vars(k) if x.startswith("__") and x.endswith("__")}
        for name in sorted((names & vars(k).keys()) | (special if making else special - _OF_MAKING)):
            g = vars(k)[name]
            yield from functions_of(g.fget if isinstance(g, property) else getattr(g, "__func__", g))


def descriptors(kind: type) -> Iterator[tuple[str, Any]]:
    """(name, object) for the attributes of a class that are looked up by a `__get__` of the user's."""
    for k in kind.__mro__:
        for name, x in () if _is_known(k) else vars(k).items():
            if hasattr(type(x), "__get__") and not isinstance(x, FunctionType) and not is_opaque(x):
                yield name, x


def is_opaque(x: Any) -> bool:
    """True for numbers, arrays, collections, and objects of classes that are Python's, gpugrad's or of packages."""
    if isinstance(x, FunctionType):
        return not is_users(x)
    return _is_known(x if isinstance(x, type) else type(x))


def _is_known(kind: type) -> bool:
    module = kind.__module__
    if kind in _BASES or (module, kind.__qualname__) in _PLAIN:
        return kind in _BASES
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.partition(".")[0] in _OPAQUE or "site-packages" in file


def _is_users_module(x: ModuleType) -> bool:
    file = getattr(x, "__file__", None)
    return file is not None and _is_users_file(file) and not file.startswith(_PYTHON)


def is_slot(x: Any, name: str) -> bool:
    """True where an object keeps the attribute in a slot."""
    return isinstance(getattr(type(x), name, None), MemberDescriptorType)


def elements(x: Any) -> list[Any]:
    """What a collection holds, a dictionary's keys too."""
    return [*x, *x.values()] if isinstance(x, dict) else list(x)


def same_elements(x: Any, before: list[Any]) -> bool:
    """True where a collection holds what it held."""
    if len(before) != (2 * len(x) if isinstance(x, dict) else len(x)):
        return False
    now = elements(x)
    return all(map(operator.is_, now, before)) or all(map(same, now, before))


def may_be_equal(x: Any) -> bool:
    """True for a value that another object may be the same as."""
    return type(x) in NUMBERS or isinstance(x, tuple | np.generic | MethodType)


def same(now: Any, before: Any) -> bool:
    """True for the same object, for equal numbers of one type, tuples of these, and for the same method."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, tuple):
        return len(now) == len(before) and all(map(same, now, before))
    if isinstance(now, np.generic):
        return bool(now.dtype == before.dtype) and now.tobytes() == before.tobytes()
    if type(now) in NUMBERS:
        return bool(now == before) and (type(now) is not float or math.copysign(1, now) == math.copysign(1, before))
    return isinstance(now, MethodType) and now == before
