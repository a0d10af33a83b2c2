"""Anomaly mode: name the operation, and the user's line, that made the first NaN or infinity, forward or backward."""

import bisect
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..backend import backend_of_type
from ..errors import NonFiniteError
from . import tape
from .namespace import forget_bindings
from .tensor import is_floating, raw

_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
_COMMAND_LINE = f"{_PACKAGE}cli{os.sep}"
_INSTALLED = frozenset(["site-packages", "dist-packages"])  # folders of packages, which are not the user's lines


class _Watch:
    """Checks what primitives and rules give while the mode is on, and remembers which line called when."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.lines: list[str | None] = []

    def instrument(self, p: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any, **params: Any) -> Any:
            y = forward(*args, **params)
            line = user_line()
            self.times.append(next(tape.clock))
            self.lines.append(line)
            for value in y if isinstance(y, tuple) else (y,):
                if finite(value) or not all(finite(a) for a in args):
                    continue
                shapes = ", ".join(str(a.shape) for a in args if hasattr(a, "shape"))
                raise NonFiniteError(
                    f"{p.name}: finite inputs of shapes {shapes} gave {describe(value)}{_called(line)}"
                )
            return y

        return checked

    def check(self, p: Any, time: int, before: Any, after: Any) -> None:
        """A cotangent that a rule made; `time` is the node's."""
        if not finite(after) and (type(before) is list or finite(before)):
            at = bisect.bisect_left(self.times, time) - 1
            called = _called(self.lines[at] if at >= 0 else "a line before anomaly mode was on", "the operation was ")
            raise NonFiniteError(f"backward of {p.name}: a finite cotangent gave {describe(after)}{called}")

    def check_tangent(self, p: Any, before: list[Any], after: Any) -> None:
        """What a forward rule made of values and tangents."""
        for t in after if isinstance(after, tuple) else (after,):
            if not finite(t) and all(map(finite, before)):
                raise NonFiniteError(
                    f"tangent of {p.name}: finite values and tangents gave {describe(t)}; called at {user_line()}"
                )


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """A scope in which the first operation that makes a NaN or infinity from finite values raises NonFiniteError.

    The error names the operation, and the file and line outside gpugrad that called it, in forward and backward passes.
    Slow: every result is inspected.  The mode is one for the process, not for a thread.

    >>> import numpy as np
    >>> import gpugrad as gg
    >>> with detect_anomaly(), np.errstate(divide="ignore"):
    ...     gg.ops.log(gg.tensor([0.0]))
    Traceback (most recent call last):
    gpugrad.errors.NonFiniteError: log: finite inputs of shapes (1,) gave -inf at (0,) (1 of 1 values); called at ...
    """
    before = tape.watch
    tape.watch = _Watch()
    forget_bindings()
    try:
        yield
    finally:
        tape.watch = before
        forget_bindings()


def finite(value: Any) -> bool:
    """True for anything but a floating array or number with a NaN or infinity in it."""
    value = raw(value)
    if isinstance(value, float) and not hasattr(value, "dtype"):
        return math.isfinite(value)
    if not hasattr(value, "dtype") or not is_floating(value.dtype):
        return True
    return bool(_isfinite(value).all())


def describe(value: Any) -> str:
    """Which non-finite value stands first in an array, where, and how many there are."""
    value = raw(value)
    bad = ~_isfinite(value)
    index = tuple(int(i) for i in zip(*bad.nonzero(), strict=True).__next__()) if value.ndim else ()
    return f"{float(value[index])} at {index} ({int(bad.sum())} of {value.size} values)"


def _isfinite(value: Any) -> Any:
    return backend_of_type(type(value)).xp.isfinite(value)


def _called(line: str | None, what: str = "") -> str:
    return "" if line is None else f"; {what}called at {line}"


def user_line() -> str | None:
    """File and line of the innermost caller that is the user's: in no package; None below the command line."""
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_COMMAND_LINE):
        file = frame.f_code.co_filename
        if not file.startswith((_PACKAGE, "<frozen")) and _INSTALLED.isdisjoint(Path(file).parts):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return None
