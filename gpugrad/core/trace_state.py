"""What a traced function uses from outside: found when it is used, by watching the attributes it is kept in.

Tensors come to a function as arguments, in closures, globals, Modules and optimizers.  Rather than look for them, a
trace makes properties of `Tensor.data` and of the gradient's place, and sees each when it is first read or written.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backend import is_array_type
from ..errors import TraceError
from . import tape
from .tape import Extra
from .tensor import Tensor
from .trace import SAME_MEMORY, Trace, share
from .traced import Traced, Value

_DATA = Tensor.__dict__["data"]
_GRAD = Extra.__dict__["grad"]


class Held(NamedTuple):
    """A Tensor from outside: its node, and its Value, when the trace began to use it."""

    tensor: Tensor
    node: Any
    value: Value


class Place(NamedTuple):
    """Where a leaf keeps its gradient, what was there, and whether that was read before it was replaced."""

    extra: Extra
    before: Any
    read: bool


class State:
    """Everything outside that a trace reads and writes."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        trace.state = self
        self.tensors: dict[int, Held] = {}
        self.roots: dict[Value, Traced] = {}  # by their first Values what lies in Tensors from outside
        self.arrays: dict[int, tuple[Traced, Value]] = {}  # that no Tensor holds: optimizers' state, coefficients
        self.grads: dict[int, Place] = {}
        self.modes: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        self.set_modes: dict[tuple[int, str], tuple[Any, str, Any]] = {}  # with the value before
        self.born: dict[int, Any] = {}  # made inside, so no state; kept, so that no id comes twice
        self.host: list[tuple[Callable[[], Any], Callable[[], Any] | None]] = []  # what Python does before each run
        self.after: list[Callable[[], Any]] = []  # and after it, with what undoes the former where the run fails
        self.only_if: tuple[Traced, Any] | None = None  # updates made now are for runs in which this is True
        self.stepped_if: list[Any] = []  # what has been updated so
        self.sent: Any = None  # brings a device what Python computed, before each run
        self.undo: list[Callable[[], Any]] = []  # where the trace fails
        self.guards: list[tuple[Callable[[], Any], Any]] = []  # with the value it must have for the program to hold

    def __enter__(self) -> "State":
        self._watched = [
            _Watched(self, Tensor, "data", self._read_data, self._write_data),
            _Watched(self, Extra, "grad", self._read_grad, self._write_grad),
            *(_Watched(self, kind, name, self._read_mode, self._write_mode) for kind, name in tape.MODES),
        ]
        return self

    def __exit__(self, *error: Any) -> None:
        for watched in reversed(self._watched):
            watched.restore()

    # what other parts say

    def array(self, array: Any) -> Traced:
        """A Traced for an array that the program reads, and perhaps writes, where it lies."""
        if id(array) not in self.arrays:
            traced = self.trace.input(array, "state")
            self.arrays[id(array)] = traced, traced.value
        return self.arrays[id(array)][0]

    def numbers(self, array: Any, read: Any, compute: Callable[[], Any]) -> list[Traced]:
        """0-d Traced values of the elements of `read`; `array` is set to what `compute` gives before every run.

        Both are one array, or `read` lies on a device and `self.sent` brings it what is in `array`.
        """

        def refresh() -> None:
            array[...] = compute()

        refresh()
        self.host.append((refresh, None))
        return [self.array(read[i : i + 1].reshape(())) for i in range(len(array))]

    def each_time(self, action: Callable[[], Any], undo: Callable[[], Any]) -> None:
        """Do `action` now and in every call, in order with what `numbers` computes; `undo` takes the last one back."""
        action()
        self.host.append((action, undo))
        self.undo.append(undo)

    def is_outside(self, t: Tensor) -> bool:
        """True for a Tensor that was there before the trace, whose value has not been replaced in it."""
        return id(t) in self.tensors or self._outside(t, _DATA.__get__(t, type(t)))

    # at the end

    def leave_modes(self) -> None:
        """Let every call leave the modes that this one leaves."""
        for owner, name, _ in self.set_modes.values():
            self.after.append(functools.partial(setattr, owner, name, getattr(owner, name)))

    def roll_back(self) -> None:
        """Undo what the trace did outside: after it failed, or because the program will do it."""
        for t, node, value in self.tensors.values():
            _DATA.__set__(t, value.array)
            t.node = node
        for extra, before, _ in self.grads.values():
            _GRAD.__set__(extra, before)
        for undo in reversed(self.undo):
            undo()
        for owner, name, value in self.set_modes.values():
            setattr(owner, name, value)

    def settle(self) -> list[tuple[Value, Value]]:
        """What the program is to leave in the Tensors and arrays: [(state, the Value it came to have), ...]."""
        changed = []
        for t, node, value in self.tensors.values():
            now = _DATA.__get__(t, type(t))
            if t.node is not node:
                raise TraceError(
                    f"compile: a Tensor of shape {value.shape} from outside the function became part of a recording "
                    "in it, or no longer is a leaf; expected results to be returned, and updates to be made under "
                    "no_grad()"
                )
            if type(now) is Traced:
                self.trace.require_open(now)
            changed.append((value, now if type(now) is Traced else self.trace.as_traced(now)))
        changed += [(value, traced) for traced, value in self.arrays.values()]
        changed = [(value, now) for value, now in changed if now.value is not value]
        for value, now in changed:
            if now.shape != value.shape or now.dtype != value.dtype:
                raise TraceError(
                    f"compile: a Tensor of shape {value.shape} and dtype {value.dtype} from outside the function was "
                    f"given an array of shape {now.shape} and dtype {now.dtype}; expected the same, as a program "
                    "writes where the old one lies"
                )
        self._require_apart(changed)
        return [(value, now.value) for value, now in changed]

    def _require_apart(self, changed: list[tuple[Value, Traced]]) -> None:
        """Raise TraceError where two Tensors of one memory are written, or one is given a new array."""
        new = {value: now for value, now in changed}
        for value, root in self.roots.items():
            for other in self.trace.aliases.get(id(root), ()):
                if value in new and (other.writes or new[value] is not root):
                    raise TraceError(
                        f"compile: {SAME_MEMORY.format(root.shape, other.shape)}, and both are written, or one is "
                        "given a new array, which a program puts where the old one lies; use one Tensor for both, or "
                        "give each an array of its own by copy()"
                    )

    def let_go(self) -> None:
        """Forget the arrays of the traced run; what later calls need stays."""
        self.arrays.clear()
        self.born.clear()
        self.roots.clear()
        self.undo.clear()
        self.trace.calls, self.trace.constants, self.trace.aliases = [], {}, {}

    # what the watched attributes say

    def _outside(self, t: Any, data: Any) -> bool:
        return type(data) is not Traced and id(t) not in self.born and is_array_type(type(data))

    def _hold(self, t: Tensor, array: Any) -> Traced:
        writeable = getattr(getattr(array, "flags", None), "writeable", True) and not isinstance(array, np.generic)
        traced = self.trace.input(array if writeable else np.array(array), "state")
        self.tensors[id(t)] = Held(t, t.node, traced.value)
        for other in self.roots.values():
            if isinstance(other.place, np.ndarray) and isinstance(array, np.ndarray) and share(array, other.place):
                self.trace.aliases.setdefault(id(traced), []).append(other)
                self.trace.aliases.setdefault(id(other), []).append(traced)
        self.roots[traced.value] = traced
        _DATA.__set__(t, traced)
        return traced

    def _read_data(self, t: Any, data: Any) -> Any:
        return self._hold(t, data) if self._outside(t, data) else data

    def _write_data(self, t: Any, data: Any, new: Any) -> None:
        if data is None or (type(data) is Traced and id(t) not in self.tensors):
            if type(new) is not Traced and not isinstance(new, Tensor):
                self.born[id(t)] = t
        elif self._outside(t, data):
            self._hold(t, data)

    def _read_grad(self, extra: Any, grad: Any) -> Any:
        if id(extra) not in self.born:
            self.grads.setdefault(id(extra), Place(extra, grad, True))
        return grad

    def _write_grad(self, extra: Any, grad: Any, new: Any) -> None:
        if grad is _UNSET:
            self.born[id(extra)] = extra
        elif id(extra) not in self.born:
            self.grads.setdefault(id(extra), Place(extra, grad, False))

    def _read_mode(self, owner: Any, value: Any, name: str) -> Any:
        if (id(owner), name) not in self.set_modes:
            self.modes.setdefault((id(owner), name), (owner, name, value))
        return value

    def _write_mode(self, owner: Any, value: Any, new: Any, name: str) -> None:
        self.set_modes.setdefault((id(owner), name), (owner, name, value))


_UNSET = object()


class _Watched:
    """An attribute that is a property for the time of a trace; other threads do not notice."""

    def __init__(self, state: State, kind: Any, name: str, read: Any, write: Any) -> None:
        self.kind, self.name, self.original = kind, name, kind.__dict__[name]
        thread, original, slot = threading.get_ident(), self.original, hasattr(self.original, "__set__")

        def plain(owner: Any) -> Any:
            return original.__get__(owner, kind) if slot else owner.__dict__.get(name, original)

        more = () if slot else (name,)

        def get(owner: Any) -> Any:
            value = plain(owner)
            return read(owner, value, *more) if threading.get_ident() == thread else value

        def set_(owner: Any, new: Any) -> None:
            if threading.get_ident() == thread:
                try:
                    old = plain(owner)
                except AttributeError:  # a new object
                    old = _UNSET if kind is Extra else None
                write(owner, old, new, *more)
            if slot:
                original.__set__(owner, new)
            else:
                owner.__dict__[name] = new

        setattr(kind, name, property(get, set_))

    def restore(self) -> None:
        setattr(self.kind, self.name, self.original)
