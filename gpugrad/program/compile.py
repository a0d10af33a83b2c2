"""`gpugrad.compile`: a function that is traced at its first call and runs as a program from then on."""

import functools
import inspect
import sys
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

from ..core import tape
from ..core.trace import active
from ..errors import ArgumentError, TraceError
from ..ops.axes import as_int
from . import traced_operators  # noqa: F401
from .arguments import boxed, flatten
from .entry import MISS, Entry
from .recording import record
from .results import require_in_sight
from .surroundings import name_of

MOST_PROGRAMS = 8
_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def compile(
    f: Callable[..., Any] | None = None,
    *,
    fallback: bool = False,
    max_programs: int = MOST_PROGRAMS,
    passes: Any = None,
    executor: str = "auto",
) -> Any:
    """A function that does what f does, traced once into a program of array calls; also a decorator.

    f may use arrays, Tensors, Modules, optimizers, `backward()` and every transform.  Arrays and constant Tensors among
    its arguments are inputs; everything else (numbers, strings, Modules, Tensors that require a gradient) decides, with
    shapes, dtypes, devices and train or eval mode, which program runs: a new combination is traced anew.  The last
    `max_programs` are kept.  Parameters, buffers, optimizer state and `.grad` are read and written where they are.
    Inside a transform or another compiled function f runs as it is, as a part of that.

    fallback: run f as it is, with one warning, where tracing it raises anything.  passes: names of the passes to apply,
    by default all.  executor: "fast" (native code, needs the extra `fast`; another order of sums, no overflow
    warnings), "numpy", "graph" (for arrays on a GPU: one CUDA graph), "list" (no planning: each call as it was
    recorded), or "auto": what GPUGRAD_EXECUTOR says, else the first of these that can be.

    Raises TraceError, naming the line, where f does what a program cannot repeat: control flow on values, changes of
    lists and variables around it, results in other than tuples, lists and dictionaries; ArgumentError for unknown
    names, ArgumentTypeError where max_programs is no int.

    >>> import numpy as np
    >>> double = compile(lambda x: x + x)
    >>> double(np.ones(2)), double(np.ones(2))
    (array([2., 2.]), array([2., 2.]))
    """
    options: dict[str, Any] = dict(fallback=fallback, max_programs=max_programs, passes=passes, executor=executor)
    return functools.partial(Compiled, **options) if f is None else Compiled(f, **options)


class Compiled:
    """What `compile` gives: call it as the function; `explain()` says what it became."""

    def __init__(
        self,
        f: Callable[..., Any],
        fallback: bool = False,
        max_programs: int = MOST_PROGRAMS,
        passes: Any = None,
        executor: str = "auto",
    ) -> None:
        if not callable(f):
            raise ArgumentError(f"compile: f is a {type(f).__name__}; expected a function")
        if any(kind(f) for kind in _LATER):
            raise ArgumentError(f"compile: {name_of(f)} is a generator or coroutine; expected a function that returns")
        if as_int("compile", "max_programs", max_programs) < 1:
            raise ArgumentError(f"compile: max_programs is {max_programs}; expected 1 or more")
        functools.update_wrapper(self, f)
        self._f, self._fallback, self._most = f, fallback, max_programs
        self._options = Entry.options(passes, executor)
        self._entries: list[Entry] = []
        self._lock = threading.RLock()
        self._eager = False
        self.n_traces = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._eager or tape.watch is not None or (tape.tracer is not None and active() is not None):
            return self._f(*args, **kwargs)
        with self._lock:
            for entry in self._entries:
                result = entry.call(args, kwargs)
                if result is not MISS:
                    if entry is not self._entries[0]:
                        self._entries.remove(entry)
                        self._entries.insert(0, entry)
                    return result
            return self._trace(args, kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For copy and pickle: its name in its module, or a new one without programs."""
        path = getattr(self, "__qualname__", "<locals>")
        found: Any = sys.modules.get(self.__module__)
        for name in path.split("."):
            found = getattr(found, name, None)
        return path if found is self else super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return {"f": self._f, "fallback": self._fallback, "max_programs": self._most, **self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Compiled.__init__(self, **state)

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any(map(boxed, flatten((args, kwargs))[0])):
            return self._f(*args, **kwargs)
        try:
            entry = self._recorded(args, kwargs)
        except Exception as error:
            if not self._fallback:
                raise
            failure = error.with_traceback(None)
        else:
            self._keep(entry)
            result = entry.call(args, kwargs)
            if result is not MISS:
                return result
            failure = TraceError(
                f"compile: {name_of(self._f)} changes what it depends on, so no program of it holds; make such changes "
                "outside the compiled function"
            )
            if not self._fallback:
                raise failure
        return self._as_it_is(failure, args, kwargs)

    def _recorded(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        recorded = record(self._f, args, kwargs)
        require_in_sight(name_of(self._f), recorded)
        entry = Entry(recorded, args, kwargs, **self._options)
        entry.planned()
        return entry

    def _keep(self, entry: Entry) -> None:
        self.n_traces += 1
        if self.n_traces == 4 * self._most:
            self._warn_of_many(entry)
        self._entries.insert(0, entry)
        del self._entries[self._most :]

    def _as_it_is(self, failure: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run f without a program, from now on; what may be an error of f's own shows itself first, in the run."""
        if isinstance(failure, TraceError):
            self._give_up(str(failure))
            return self._f(*args, **kwargs)
        result = self._f(*args, **kwargs)
        self._give_up(f"compile: tracing {name_of(self._f)} raised {type(failure).__name__}: {failure}")
        return result

    def _give_up(self, why: str) -> None:
        self._eager = True
        warnings.warn(f"{why}; running without a program", RuntimeWarning, stacklevel=5)

    def _warn_of_many(self, entry: Entry) -> None:
        around = self._entries and entry.recorded.surroundings.differs_from(self._entries[0].recorded.surroundings)
        warnings.warn(
            f"compile: {name_of(self._f)} has been traced {self.n_traces} times; what differs from call to call should "
            f"be an array among the arguments and not {around or entry.statics()}, and arrays of Tensors should be "
            "written to, not replaced",
            RuntimeWarning,
            stacklevel=5,
        )

    def explain(self) -> str:
        """The programs, latest first: calls, shapes, bytes, FLOP, buffers, what was fused, which executor and why."""
        return "\n\n".join(entry.explain() for entry in self._entries) or "not called yet"
