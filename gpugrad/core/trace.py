"""Tracing: every call that is made of Traced arrays is written down.

While a trace is on, each primitive is bound to a forward that records.  What is recorded is functional: a write in
place gives the written Traced another Value.  What had another Value at the end than at the start was an effect.
"""

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..backend import backend_of_type, is_array_type
from ..errors import TraceError
from . import tape
from .namespace import PRIMITIVES, forget_bindings
from .traced import Traced, Value, at_user_line


class Trace:
    """What one traced run did: `calls`, each (primitive, operands, params, outputs) with Values among the operands."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], tuple[Value, ...]]] = []
        self.state: Any = None  # what is used from outside (core/trace_state.py)
        self.constants: dict[int, tuple[Any, Traced]] = {}  # by id of the array, which is kept so that the id is
        self.aliases: dict[int, list[Traced]] = {}  # by id of what lies in a Tensor from outside: others of its memory
        self.open = True
        self.refusal: TraceError | None = None  # the first, as f may catch what it raises
        self.thread = threading.get_ident()

    def input(self, array: Any, kind: str = "input") -> Traced:
        """A Traced for an array that is there before the program runs."""
        return Traced(self, array, Value(array, kind, None if kind == "input" else array))

    def as_traced(self, array: Any) -> Traced:
        """An operand as a Traced; a plain array is a constant."""
        if type(array) is Traced:
            self.require_open(array)
            self.require_current(array)
            return array
        if type(array) in (bool, int, float) or isinstance(array, np.generic):
            array = np.asarray(array)
        if id(array) not in self.constants:
            self.constants[id(array)] = (array, self.input(array, "const"))
        return self.constants[id(array)][1]

    def require_open(self, traced: Traced) -> None:
        """Raise TraceError for a value of another trace, or of one that has ended."""
        if traced.trace is not self or not self.open:
            raise TraceError(
                f"compile: a value of shape {traced.shape} was kept from inside a compiled function, where it only "
                f"stands for what each call computes{at_user_line()}; return it from the function instead"
            )

    def require_current(self, traced: Traced) -> None:
        """Raise TraceError for what lies where something was written since: it would show what is there now."""
        view = traced
        while view.parent is not None:
            seen, _, n_known = view.parent
            if any(share(where, view.place) for where in seen.writes[n_known:]):
                self.refuse(
                    f"compile: a view of shape {traced.shape} of an array that has been written since the view was "
                    f"taken{at_user_line()}; take the view again after the write, or a copy before it"
                )
            view = seen
        for other in self.aliases.get(id(view), ()):
            if any(share(where, traced.place) for where in other.writes):
                self.refuse(
                    f"compile: {SAME_MEMORY.format(other.shape, view.shape)}, and one is read after the other was "
                    f"written{at_user_line()}; use one Tensor for both, or give each an array of its own by copy()"
                )

    def refuse(self, message: str) -> NoReturn:
        """Raise TraceError, and keep it."""
        error = TraceError(message)
        self.refusal = self.refusal or error
        raise error

    def instrument(self, p: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The forward of `p` that records; for the arrays of other threads, and constants, it is `forward`."""

        def recorded(*args: Any, **params: Any) -> Any:
            if any(type(a) is Traced for a in args) and threading.get_ident() == self.thread:
                return self.call(p, args, params)
            return forward(*args, **params)

        return recorded

    def call(self, p: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute `p` on the arrays of this run, and write the call down."""
        known: Any = PRIMITIVES.get(p.name)
        if known is not p:  # a function as a primitive (checkpoint, custom rules): look inside
            return p.forward(np, *args, **params)
        self._refuse_mask(p, args)
        args = tuple(self.as_traced(a) if is_array_type(type(a)) else a for a in args)
        kind, arrays = of_one_kind([a.array if type(a) is Traced else a for a in args])
        y = p.raw[kind](*arrays, **params)
        outputs = tuple(Traced(self, v, Value(v, "temp")) for v in (y if isinstance(y, tuple) else (y,)))
        operands = tuple(a.value if type(a) is Traced else a for a in args)
        self.calls.append((p, operands, params, tuple(v.value for v in outputs)))
        self._note_view(p, args, params, outputs)
        return outputs if isinstance(y, tuple) else outputs[0]

    def move(self, x: Traced, device: Any) -> Traced:
        """x on a CUDA device, by a call of the program."""
        array = device.asarray(x.array)
        y = Traced(self, array, Value(array, "temp"))
        self.calls.append((Move(device), (x.value,), {}, (y.value,)))
        return y

    def call_of(self, primitive: Any, args: tuple[Traced, ...]) -> Traced:
        """Compute what stands in place of a primitive, and write its call down."""
        y = primitive.bind(backend_of_type(type(args[0].array)))(*(a.array for a in args))
        output = Traced(self, y, Value(y, "temp"))
        self.calls.append((primitive, tuple(a.value for a in args), {}, (output.value,)))
        return output

    def _refuse_mask(self, p: Any, args: tuple[Any, ...]) -> None:
        if p.name == "getitem" and any(type(a) is Traced and a.dtype.kind == "b" for a in args[1:]):
            self.refuse(
                f"compile: indexing by a mask gives an array whose length differs from call to call{at_user_line()}; "
                "use gpugrad.ops.where(mask, x, 0), or index outside the compiled function"
            )

    def _note_view(self, p: Any, args: tuple[Any, ...], params: dict[str, Any], outputs: tuple[Traced, ...]) -> None:
        """A write into x[key] reaches x; into other views it would have to, and is refused."""
        x, y = args[0], outputs[0]
        if type(x) is not Traced or isinstance(y.array, np.generic) or y.size == 0:
            return
        if y.array is not x.array and not (p.family in _VIEWING and np.may_share_memory(y.array, x.array)):
            return
        key = p.name == "getitem" and not any(type(a) is Traced for a in args[1:])
        for v in outputs:
            v.parent = (x, _through_key(params) if p.name == "getitem" else _refuse_write, len(x.writes))
            if key and x.place is not x.array and x.place.shape == x.shape:
                v.place = x.place[params["key"]]
            elif x.place is not x.array:
                v.place = x.place  # somewhere there


SAME_MEMORY = "two Tensors from outside the function, of shapes {} and {}, lie in the same memory"
_VIEWING = ("shape", "index", "axis", "diagonal", None)


def share(a: Any, b: Any) -> bool:
    """True where two arrays have an element in common, or may have one."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return True
    work: Any = 10_000
    try:
        return np.shares_memory(a, b, max_work=work)
    except np.exceptions.TooHardError:
        return True


def _through_key(params: dict[str, Any]) -> Callable[[Traced, Traced, Any], None]:
    def through(seen: Traced, new: Traced, where: Any) -> None:
        seen.write(seen.trace.call(PRIMITIVES["index_set"], (seen, new), params), where)

    return through


def _refuse_write(seen: Traced, new: Traced, where: Any) -> NoReturn:
    seen.trace.refuse(
        f"compile: a write in place into a view of an array of shape {seen.shape}{at_user_line()}; "
        "write into the array itself, or make a new one"
    )


class Move:
    """What stands in a call in place of a primitive: a copy to a CUDA device."""

    name, kind = "to_device", "move"

    def __init__(self, device: Any) -> None:
        self._device = device

    def bind(self, backend: Any) -> Callable[..., Any]:
        """A function of the array."""
        return lambda array: self._device.asarray(array)


def of_one_kind(operands: list[Any]) -> tuple[type, list[Any]]:
    """The type of array whose forward takes these operands, a device's where one lies there, and the operands for it.

    Numbers that the function met are 0-d arrays of NumPy's; beside a device's they become scalars, which CuPy takes.
    """
    kinds = [type(a) for a in operands if is_array_type(type(a))]
    there = next((kind for kind in kinds if not issubclass(kind, np.ndarray | np.generic)), None)
    if there is None:
        return (kinds[0] if kinds else float), operands
    return there, [a[()] if isinstance(a, np.ndarray) and not a.ndim else a for a in operands]


class tracing:
    """A scope in which the calls of this thread are recorded in `trace`."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __enter__(self) -> Trace:
        lock.acquire()
        tape.tracer = self.trace
        forget_bindings()
        return self.trace

    def __exit__(self, *error: Any) -> None:
        tape.tracer = None
        self.trace.open = False
        forget_bindings()
        lock.release()


lock = threading.Lock()  # one trace at a time: what is bound to record is bound for all threads


def active() -> Trace | None:
    """The trace that this thread is in, or None."""
    trace = tape.tracer
    return trace if trace is not None and trace.thread == threading.get_ident() else None
