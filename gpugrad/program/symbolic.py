"""Symbolic arrays: run through a primitive's forward, they write down the elementary calls that it makes.

So there is no second implementation of any operation: what is fused and planned is read off the forward itself.  A
forward that does anything else (looks at values, writes into parts of arrays) raises Unlowerable and stays a call.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from ..backend.registry import NUMPY, register
from .elementary import Elementary
from .ir import Call, Value
from .shapes import filled_shape, loop_dtypes, product_shape


class Unlowerable(Exception):
    """The forward does what no elementary call does."""


class Steps(list[Call]):
    """The calls that a forward makes; `quiet` if it makes some with overflow warnings switched off."""

    quiet = False


class Symbol:
    """An array of which shape and dtype are known; what is computed of it is appended to `calls`."""

    def __init__(self, value: Value, calls: Steps, is_view: bool = False) -> None:
        self.value, self.calls, self.is_view = value, calls, is_view
        self.shape, self.dtype = value.shape, value.dtype

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    T = property(lambda self: self.transpose())
    __hash__ = object.__hash__

    def __len__(self) -> int:
        return self.shape[0]

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Unlowerable

    __bool__ = __float__ = __int__ = __index__ = __array__ = __iter__ = item = tolist = fill = __setitem__ = _refuse

    def _view(self, name: str, of: tuple[int, ...], to: Any = None, **params: Any) -> "Symbol":
        """A view of shape `of` and dtype `to`."""
        return new(self.calls, Elementary(name, "view"), (self,), of, to or self.dtype, params)

    def reshape(self, *shape: Any) -> "Symbol":
        """As of an array."""
        wanted = filled_shape(shape, self.size)
        return self if wanted == self.shape else self._view("reshape", wanted, shape=wanted)

    def transpose(self, *axes: Any) -> "Symbol":
        """As of an array."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        order = tuple(i % self.ndim for i in (order or reversed(range(self.ndim))))
        return self._view("transpose", tuple(self.shape[i] for i in order), axes=order)

    def swapaxes(self, i: int, j: int) -> "Symbol":
        """As of an array."""
        order = [*range(self.ndim)]
        order[i], order[j] = order[j], order[i]
        return self.transpose(order)

    def view(self, dtype: Any) -> "Symbol":
        """As of an array, for dtypes of one size."""
        if np.dtype(dtype).itemsize != self.itemsize:
            raise Unlowerable
        return self._view("bitcast", self.shape, np.dtype(dtype), dtype=np.dtype(dtype))

    def __getitem__(self, key: Any) -> "Symbol":
        items = key if isinstance(key, tuple) else (key,)
        if not all(k is None or k is Ellipsis or isinstance(k, slice) or type(k) is int for k in items):
            raise Unlowerable
        return self._view("item", np.broadcast_to(np.empty((), self.dtype), self.shape)[key].shape, key=key)

    def astype(self, dtype: Any, copy: bool = True) -> "Symbol":
        """As of an array."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self.copy() if copy else self
        return new(self.calls, Elementary("astype", "pointwise"), (self,), self.shape, dtype, {"dtype": dtype})

    def special(self, name: str) -> "Symbol":
        """A function that NumPy lacks."""
        if name != "erf" or self.dtype.kind != "f" or self.itemsize not in (4, 8):
            raise Unlowerable
        return new(self.calls, Elementary("erf", "pointwise"), (self,), self.shape, self.dtype)

    def copy(self) -> "Symbol":
        """The same value: calls are functional, so nothing needs to be copied."""
        return Symbol(self.value, self.calls)

    def _reduced(self, name: str, axis: Any, keepdims: bool, dtype: Any) -> "Symbol":
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(i % self.ndim for i in axes)
        shape = tuple(1 if i in axes else n for i, n in enumerate(self.shape) if keepdims or i not in axes)
        ufunc = getattr(np, name)
        params = {"axis": axes, "keepdims": keepdims} | ({} if dtype is None else {"dtype": np.dtype(dtype)})
        result = ufunc.reduce(np.ones(1, self.dtype), dtype=dtype).dtype
        return new(self.calls, Elementary(name, "reduce"), (self,), shape, result, params)

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> "Symbol":
        """As of an array."""
        return self._reduced("add", axis, keepdims, dtype)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> "Symbol":
        """As of an array."""
        return self._reduced("maximum", axis, keepdims, None)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> "Symbol":
        """As of an array."""
        return self._reduced("minimum", axis, keepdims, None)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> "Symbol":
        """As of an array."""
        return self._reduced("multiply", axis, keepdims, dtype)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> "Symbol":
        """As of an array of floats of 4 or 8 bytes."""
        if self.dtype.kind != "f" or self.itemsize < 4:
            raise Unlowerable
        total = self._reduced("add", axis, keepdims, dtype)
        return total / (self.size // max(total.size, 1))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method == "reduce":
            y = self._reduced_by(ufunc, *inputs, **kwargs)
        elif method != "__call__" or kwargs or ufunc.nout != 1:
            raise Unlowerable
        else:
            y = _product(self.calls, *inputs) if ufunc is np.matmul else pointwise(self.calls, ufunc, inputs)
        return y if out is None or out[0] is None else out[0].become(y)

    def _reduced_by(
        self, ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> "Symbol":
        if x is not self or out is not None:
            raise Unlowerable
        return self._reduced(ufunc.__name__, axis, keepdims, dtype)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func.__name__ not in FUNCTIONS or kwargs.pop("out", None) is not None:
            raise Unlowerable
        return FUNCTIONS[func.__name__](self.calls, *args, **kwargs)

    def become(self, y: "Symbol") -> "Symbol":
        """Stand for y from now on, as after a write in place."""
        if self.is_view or self.shape != y.shape or self.dtype != y.dtype:
            raise Unlowerable
        self.value = y.value
        return self


register(Symbol, NUMPY)  # a forward may call other primitives on what it gets


def new(calls: Steps, primitive: Any, operands: tuple[Any, ...], shape: Any, dtype: Any, params: Any = None) -> Symbol:
    """Append a call and give its output."""
    value = Value(SimpleNamespace(shape=shape, dtype=np.dtype(dtype), strides=()), "temp")
    value.layout = _layout(operands, value.shape) if primitive.kind == "pointwise" else None
    calls.quiet = calls.quiet or np.geterr()["over"] == "ignore"
    calls.append(Call(primitive, tuple(_operand(x) for x in operands), (value,), params or {}))
    return Symbol(value, calls, primitive.kind == "view")


def _operand(x: Any) -> Any:
    if isinstance(x, Symbol):
        return x.value
    if isinstance(x, np.ndarray):
        return Value(x, "const", x)
    return x


def _layout(operands: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    found = {x.value.layout for x in operands if isinstance(x, Symbol) and x.shape == shape}
    return found.pop() if len(found) == 1 else None


def pointwise(calls: Steps, ufunc: Any, inputs: tuple[Any, ...]) -> Symbol:
    """A ufunc, or np.where, of symbols, arrays and numbers.  What NumPy would cast on the way is cast by a call."""
    shape = np.broadcast_shapes(*(x.shape for x in inputs if hasattr(x, "shape")))
    *loop, dtype = loop_dtypes(ufunc, tuple(x.dtype if hasattr(x, "dtype") else x for x in inputs))
    cast = tuple(
        x.astype(d) if isinstance(x, Symbol | np.ndarray) and x.dtype != d else x
        for x, d in zip(inputs, loop, strict=True)
    )
    return new(calls, Elementary(ufunc.__name__, "pointwise"), cast, shape, dtype)


def _product(calls: Steps, a: Any, b: Any) -> Symbol:
    primitive = Elementary("matmul", "product")
    return new(calls, primitive, (a, b), product_shape(a.shape, b.shape), np.result_type(a.dtype, b.dtype))


def _concatenate(calls: Steps, xs: Any, axis: int = 0) -> Symbol:
    xs = tuple(xs)
    axis %= len(xs[0].shape)
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    dtype = np.result_type(*(x.dtype for x in xs))
    if any(x.dtype != dtype for x in xs):
        raise Unlowerable
    return new(calls, Elementary("concatenate", "join"), xs, tuple(shape), dtype, {"axis": axis})


def _broadcast_to(calls: Steps, x: Symbol, shape: Any) -> Symbol:
    shape = tuple(shape)
    return x if shape == x.shape else x._view("broadcast_to", shape, shape=shape)


def _expand_dims(calls: Steps, x: Symbol, axis: Any) -> Symbol:
    return x.reshape(np.expand_dims(np.broadcast_to(np.empty(()), x.shape), axis).shape)


def _squeeze(calls: Steps, x: Symbol, axis: Any = None) -> Symbol:
    return x.reshape(np.squeeze(np.broadcast_to(np.empty(()), x.shape), axis).shape)


def _constant(calls: Steps, x: Symbol, number: Any) -> Symbol:
    return Symbol(_operand(np.full(x.shape, number, x.dtype)), calls)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": lambda calls, *xs: pointwise(calls, np.where, xs),
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "expand_dims": _expand_dims,
    "reshape": lambda calls, x, shape: x.reshape(shape),
    "squeeze": _squeeze,
    "transpose": lambda calls, x, axes=None: x.transpose(axes or ()),
    "zeros_like": lambda calls, x, dtype=None: _constant(calls, x, 0),
    "ones_like": lambda calls, x, dtype=None: _constant(calls, x, 1),
    "full_like": lambda calls, x, value, dtype=None: _constant(calls, x, value),
    "amax": lambda calls, x, **k: x.max(**k),
    "max": lambda calls, x, **k: x.max(**k),
    "swapaxes": lambda calls, x, i, j: x.swapaxes(i, j),
    "sum": lambda calls, x, **k: x.sum(**k),
}

_OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "matmul": np.matmul,
}
_COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNARY = {"neg": np.negative, "abs": np.absolute, "invert": np.invert, "pos": np.positive}


def _power(self: Symbol, exponent: Any) -> Symbol:
    """NumPy's ** on arrays has short cuts for some exponents."""
    if type(exponent) in (int, float) and self.dtype.kind == "f":
        if exponent == 2:
            return pointwise(self.calls, np.square, (self,))
        if exponent in (0.5, -1.0, 1.0, 0.0):
            raise Unlowerable
    return pointwise(self.calls, np.power, (self, exponent))


for _name, _ufunc in (_OPERATORS | _COMPARISONS).items():
    setattr(Symbol, f"__{_name}__", lambda self, other, ufunc=_ufunc: ufunc(self, other))
for _name, _ufunc in _OPERATORS.items():
    setattr(Symbol, f"__r{_name}__", lambda self, other, ufunc=_ufunc: ufunc(other, self))
    setattr(Symbol, f"__i{_name}__", lambda self, other, ufunc=_ufunc: self.become(ufunc(self, other)))
for _name, _ufunc in _UNARY.items():
    setattr(Symbol, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
for _name, _method in {"pow": _power, "rpow": lambda self, base: np.power(base, self)}.items():
    setattr(Symbol, f"__{_name}__", _method)
