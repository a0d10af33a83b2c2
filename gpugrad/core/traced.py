"""Traced: raw arrays of one more type, which compute as they are while a trace writes down what is made of them."""

import linecache
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..backend.registry import NUMPY, register
from . import tape
from .anomaly import user_line
from .namespace import PRIMITIVES
from .tensor import Tensor

if TYPE_CHECKING:
    from .trace import Trace


class Value:
    """A value of a program: its shape, dtype and kind, and for kinds "state" and "const" the array that holds it.

    `layout` is the order of the axes in memory, the slowest first, where that is not the usual one; `scalar` says that
    NumPy would give a NumPy scalar and not an array, `on_host` that the array is NumPy's.
    """

    __slots__ = ("array", "dtype", "kind", "layout", "name", "on_host", "scalar", "shape")

    def __init__(self, like: Any, kind: str, array: Any = None) -> None:
        self.shape, self.dtype = tuple(like.shape), like.dtype
        self.kind, self.array, self.name = kind, array, ""
        self.scalar = isinstance(like, np.generic)
        self.on_host = self.scalar or isinstance(like, np.ndarray)
        self.layout = layout_of(like)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize


def layout_of(array: Any) -> tuple[int, ...] | None:
    """The axes from the largest stride to the smallest, None for row-major order."""
    strides = getattr(array, "strides", ())
    order = tuple(sorted(range(len(strides)), key=lambda i: -strides[i]))
    long = [i for i in order if array.shape[i] != 1]
    usual = long == sorted(long)
    return None if usual or 0 in strides else order


class Traced:
    """A raw array while a function is traced: the array of this run, and the Value that stands for it in every run."""

    __slots__ = ("__weakref__", "array", "parent", "place", "trace", "value", "writes")
    __array_priority__ = 999.0
    __hash__ = object.__hash__

    def __init__(self, trace: "Trace", array: Any, value: Value) -> None:
        self.trace, self.array, self.value = trace, array, value
        self.parent: Any = None  # of a view: (what it is of, what writes through to that, how many writes it knows)
        self.place = array  # an array that lies where this one lay when it was made, whatever was written since
        self.writes: tuple[Any, ...] = ()  # the places of what was written to it

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """For `isinstance`, an array's own type."""
        return np.ndarray if isinstance(self.array, np.generic) else type(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def size(self) -> int:
        return self.array.size

    @property
    def nbytes(self) -> int:
        return self.array.nbytes

    @property
    def itemsize(self) -> int:
        return self.array.dtype.itemsize

    @property
    def flags(self) -> Any:
        return self.array.flags

    @property
    def device(self) -> Any:
        return getattr(self.array, "device", "cpu")

    @property
    def base(self) -> Any:
        """Of a view what it is a view of, else None."""
        return None if self.parent is None else self.parent[0]

    def __len__(self) -> int:
        return len(self.array)

    def __getattr__(self, name: str) -> Any:
        """The methods of arrays, which are those of Tensor."""
        found = getattr(Tensor, name, None)
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"an array has no attribute {name!r}")
        if name == "data" or not isinstance(found, FunctionType | property):
            raise AttributeError(
                f"compile: `.{name}` of an array, which is not in compiled functions{at_user_line()}; expected what "
                f"gpugrad.ops and NumPy's functions offer; take .{name} outside, or pass fallback=True"
            )
        return found.__get__(self, Traced)

    def copy(self) -> "Traced":
        """The same value, which later writes into this one leave alone."""
        self.trace.require_open(self)
        return Traced(self.trace, self.array.copy(), self.value)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """In another dtype."""
        same = np.dtype(dtype) == self.dtype
        return Tensor.astype(self, dtype) if not same else self.copy() if copy else self  # type: ignore[attr-defined]

    def moved_to(self, device: Any, dtype: Any = None) -> "Traced":
        """The same value on a CUDA device."""
        self.trace.require_open(self)
        there = self if getattr(self.device, "id", None) == device.index else self.trace.move(self, device)
        return there if dtype is None else there.astype(dtype, copy=False)

    def write(self, new: Any, where: Any = None) -> "Traced":
        """Stand for `new` from now on, as after a write in place; a view writes through to what it is a view of.

        where: the place that was written, if not all.
        """
        if not hasattr(new, "shape") or new.shape != self.shape:
            new = Tensor.broadcast_to(self.trace.as_traced(new), self.shape)  # type: ignore[attr-defined]
        new = self.trace.as_traced(new.astype(self.dtype, copy=False))
        where = self.place if where is None else where
        self.writes = (*self.writes, where)
        if self.parent is not None:
            seen, through, _ = self.parent
            through(seen, new, where)
            self.parent = seen, through, len(seen.writes)
        tape.mark_written(self)
        self.array, self.value = new.array, new.value
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        """NumPy's functions on this array, among them `np.add(a, b, out=a)`, which makes `a` stand for the sum."""
        self.trace.require_open(self)
        p: Any = _by_ufunc(ufunc)
        if method == "__call__" and not kwargs and p is not None:
            y = self.trace.call(p, inputs, {})
        else:
            y = Tensor.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)  # type: ignore[attr-defined]
        return y if out is None else self._written_to(out[0], y)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self.trace.require_open(self)
        if func in (np.may_share_memory, np.shares_memory):
            return _seen(args[0]) is _seen(args[1])
        out = kwargs.pop("out", None)
        y = Tensor.__array_function__(self, func, types, args, kwargs)  # type: ignore[attr-defined]
        return y if out is None else self._written_to(out, y)

    def _written_to(self, out: Any, y: Any) -> Any:
        """`out`, written; an array of NumPy's own would be written in the traced call alone."""
        if type(out) is not Traced:
            self.trace.refuse(
                f"compile: a value of shape {y.shape} is written into an array of NumPy's{at_user_line()}; expected an "
                "array that is computed from the arguments: make it by gpugrad.ops.zeros_like(x), or add to a new one "
                "(y = y + x)"
            )
        return out.write(y)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self.refuse_value("a NumPy function, np.asarray(), or an array of NumPy's indexed by it (make that a Tensor)")

    def __float__(self) -> float:
        self.refuse_value("float()")

    def __int__(self) -> int:
        self.refuse_value("int()")

    def __index__(self) -> int:
        self.refuse_value("an index or a length")

    def __bool__(self) -> bool:
        self.refuse_value("if, while, and, or, not, or bool()")

    def item(self, *args: Any) -> Any:
        """Refused: the value differs from call to call."""
        self.refuse_value("float(), int() or .item()")

    def tolist(self) -> Any:
        """Refused: the value differs from call to call."""
        self.refuse_value(".tolist()")

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec and _printed() else self.refuse_value(f"the format {spec!r}")

    def __str__(self) -> str:
        return repr(self) if _printed() else self.refuse_value("str()")

    def __repr__(self) -> str:
        return f"Traced(shape={self.shape}, dtype={self.dtype})"

    def refuse_value(self, what: str) -> NoReturn:
        """Raise TraceError: `what` needs the value, which differs from call to call."""
        self.trace.require_open(self)
        self.trace.refuse(
            f"compile: {what} asks for the value of an array of shape {self.shape}, which a recorded program computes "
            f"anew in every call{at_user_line()}; return it and do that outside the compiled function, use "
            "gpugrad.ops.where and the like, or pass fallback=True"
        )


register(Traced, NUMPY)


def at_user_line() -> str:
    """ ", at file:line: `source`" for the user's line that is being run."""
    line = user_line()
    if line is None:
        return ""
    file, _, number = line.rpartition(":")
    source = linecache.getline(file, int(number)).strip()
    return f", at {line}" + (f": `{source}`" if source else "")


def _printed() -> bool:
    """True where the line that asks for a text prints it: that shows once what is traced, and is no value."""
    frame = sys._getframe(2)
    file = frame.f_code.co_filename
    line = "" if file == "<string>" else linecache.getline(file, frame.f_lineno)  # that name is many texts'
    return "print(" in line if line else "print" in frame.f_code.co_names


def _seen(x: Any) -> Any:
    """What a view is a view of, in the end."""
    while getattr(x, "base", None) is not None:
        x = x.base
    return x


def _by_ufunc(ufunc: Any) -> Any:
    """The primitive whose forward is this function of NumPy."""
    for name in (ufunc.__name__, {"true_divide": "divide"}.get(ufunc.__name__)):
        p = PRIMITIVES.get(name or "")
        if p is not None and p.direct in (ufunc.__name__, "true_divide"):
            return p
    return None
