"""The record of what was computed: nodes, leaves, whether to record, and the clock that dates in-place writes."""

import functools
import itertools
import math
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import GradientError

clock = itertools.count(1)  # one clock dates nodes and writes


# A node is one recorded operation, and a plain tuple: the cheapest record that Python can make.
#
#   (primitive, parents, saved, params, shape, dtype, time)
#
# parents: for each input the node it came from, or None; a list, and an Extra at its end holds hooks.
# saved: [y, *inputs] with None where the rule does not ask for the value; emptied when a sweep lets go of it.
# shape, dtype: the output's, which a cotangent arriving here must have.  time: when, by the clock; no two agree.
# It holds no Tensor, so no cycle can form, and reference counting frees a graph.
Node = tuple[Any, ...]
PRIMITIVE, PARENTS, SAVED, PARAMS, SHAPE, DTYPE, TIME = range(7)
NOTHING: Any = (None, None, None)  # saved by a primitive that needs no value


class Extra:
    """What a leaf and few other nodes carry: the gradient kept there, and hooks."""

    __slots__ = ("grad", "home", "hooks", "keep")

    def __init__(self, keep: bool = False) -> None:
        self.grad: Any = None
        self.keep = keep
        self.hooks: dict[int, Callable[[Any], Any]] = {}
        self.home: Any = None  # (array, Tensor) in which every compiled program leaves the gradient


class HookHandle:
    """A registered hook; `remove()` takes it off again."""

    __slots__ = ("_extra", "_key")

    def __init__(self, extra: Extra, hook: Callable[[Any], Any]) -> None:
        self._extra, self._key = extra, next(clock)
        extra.hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook off; nothing happens the second time."""
        self._extra.hooks.pop(self._key, None)


class Leaf:
    """The primitive of the nodes that end a graph: inputs that want a gradient."""

    name = "leaf"


LEAF = Leaf()


def new_leaf(shape: tuple[int, ...], dtype: Any) -> Node:
    """A node for an input; its Extra holds `.grad`."""
    return (LEAF, [Extra()], NOTHING, None, shape, dtype, next(clock))


def extra_of(node: Node, make: bool = False) -> Extra | None:
    """The Extra of a node; where there is none, a new one with `make`, else None."""
    parents = node[PARENTS]
    if parents and type(parents[-1]) is Extra:
        return parents[-1]
    if make:
        parents.append(Extra())
    return parents[-1] if make else None


OFF = math.inf


class _ThreadState(threading.local):
    """Of this thread: the lowest level that is recorded, and what it was outside the scopes entered."""

    def __init__(self) -> None:
        self.lowest: float = 0
        self.outside: list[float] = []


_state = _ThreadState()
lock = threading.Lock()  # held for a moment by whoever changes what threads share
paused = 0  # scopes, over all threads, in which recording is off: the hot path reads this alone


def is_grad_enabled() -> bool:
    """True where operations on tensors that require a gradient are recorded in this thread."""
    return _state.lowest < OFF


def records(level: int) -> bool:
    """True where this thread records operations on values of `level`."""
    return level >= _state.lowest


class _Recording:
    """A scope, and a decorator, that records the levels from `lowest` in this thread, and restores what was before."""

    __slots__ = ("_lowest",)

    def __init__(self, lowest: float) -> None:
        self._lowest = lowest

    def __enter__(self) -> None:
        global paused
        _state.outside.append(_state.lowest)
        _state.lowest = self._lowest if self._lowest == OFF else min(self._lowest, _state.lowest)
        if self._lowest == OFF:
            with lock:
                paused += 1

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global paused
        _state.lowest = _state.outside.pop()
        if self._lowest == OFF:
            with lock:
                paused -= 1

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        lowest = self._lowest

        def within(*args: Any, **kwargs: Any) -> Any:
            with _Recording(lowest):
                return f(*args, **kwargs)

        within.__name__, within.__doc__ = getattr(f, "__name__", "within"), f.__doc__
        return within


def no_grad() -> _Recording:
    """A scope or decorator in which nothing is recorded by reverse mode in this thread."""
    return _Recording(OFF)


def enable_grad() -> _Recording:
    """A scope or decorator in which recording is on again, inside `no_grad`."""
    return _Recording(0)


def record_from(level: int) -> _Recording:
    """A scope in which a transform of `level`, and those inside it, record even where `no_grad` holds for the rest."""
    return _Recording(level)


tracer: Any = None  # what records every raw call, while a function is being compiled (core/trace.py)
MODES: list[tuple[type, str]] = []  # attributes, such as Module.training, that decide what a traced call does


def traced_state() -> Any:
    """What the trace that this thread is in knows of the world outside (core/trace_state.py), or None."""
    return tracer.state if tracer is not None and tracer.thread == threading.get_ident() else None


watch: Any = None  # what inspects every result and cotangent, in anomaly mode (core/anomaly.py)

# The write clock.  A buffer written in place through gpugrad is dated; a node older than the date that saved the
# buffer cannot be swept.  Nodes newer than `last_write` need no look, so an ordinary training loop never pays.

last_write = 0
_writes: dict[int, tuple[int, Any]] = {}


def _owner(array: Any) -> Any:
    if type(array) is np.ndarray and array.base is None:
        return array
    while hasattr(array, "level"):
        array = array.data
    while getattr(array, "base", None) is not None and hasattr(array.base, "shape"):
        array = array.base
    return array


def mark_written(array: Any) -> None:
    """Date a write into `array`'s buffer; to be called by whoever writes in place."""
    global last_write
    owner = _owner(array)
    key = id(owner)
    last_write = now = next(clock)
    known = _writes.get(key)
    alive = known[1] if known else weakref.ref(owner, functools.partial(_forget, key))
    _writes[key] = (now, alive)


def _forget(key: int, _: Any) -> None:
    _writes.pop(key, None)


def check_not_overwritten(node: Node) -> None:
    """Raise GradientError if a value that `node` saved was written in place after it was recorded."""
    y, *inputs = node[SAVED] or NOTHING
    for value in (*(y if isinstance(y, tuple) else (y,)), *inputs):
        written = _writes.get(id(_owner(value))) if value is not None else None
        if written and written[0] > node[TIME]:
            raise GradientError(
                f"backward: {node[PRIMITIVE].name} saved a value of shape {tuple(value.shape)} that was overwritten in "
                "place before the backward pass; write after backward(), or build a new tensor instead "
                "(t = t + u, not t += u)"
            )
