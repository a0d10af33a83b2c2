"""What gives another value each time it is asked, and the lines of the user's functions that ask it."""

import dis
import io
import linecache
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from .looking import is_opaque

_QUEUE = ("get", "put", "qsize")
_WRITES = ("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF", "STORE_NAME", "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_DEREF")


def taken_from(x: Any) -> str | None:
    """What to call an iterator, a queue, or a file that can be read; None for what is none.

    Objects of the user's classes are none: their methods are looked into, and what these change is seen.
    """
    kind = type(x)
    if isinstance(x, io.IOBase):
        return "file" if not x.closed and x.readable() else None
    if not is_opaque(x):
        return None
    if all(callable(getattr(kind, name, None)) for name in _QUEUE):
        return "queue"
    return "iterator" if hasattr(kind, "__next__") and hasattr(kind, "__iter__") else None


def line_of(functions: Iterable[Any], name: str, written: bool = False) -> str:
    """ ", at file:line: `source`" for the first line that names a variable or attribute, or that sets it."""
    found = [at for f in functions for at in _lines(f.__code__, name.rpartition(".")[2])]
    setting = [at for at in found if at[0] in _WRITES] if written else []
    if not found:
        return ""
    _, file, number = (setting or found)[0]
    return f", at {file}:{number}: `{linecache.getline(file, number).strip()}`"


def _lines(code: CodeType, name: str) -> Iterator[tuple[str, str, int]]:
    """(instruction, file, line) for each instruction that names it, in the functions written inside too."""
    for step in dis.get_instructions(code):
        if step.argval == name and type(step.argval) is str and not step.opname.endswith("_FAST"):
            line = next((line for lo, hi, line in code.co_lines() if lo <= step.offset < hi), None)
            yield step.opname, code.co_filename, line or code.co_firstlineno
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _lines(inner, name)
