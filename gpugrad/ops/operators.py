"""Python's operators on Tensors, each the operation of that name.

`t += u` writes into t's memory where nothing is recorded.  Where t or u is part of a recording, t becomes a recorded
new tensor, and gradients flow as they do through t = t + u.  Either way t keeps its shape and dtype, and a backward()
that needs t's old values raises GradientError.  Inside a transform t always becomes a new tensor.
"""

from typing import Any

import numpy as np

from ..backend import backend_of_type
from ..core.precision import SCALARS
from ..core.primitive import Operation
from ..core.tape import LEAF, PRIMITIVE, TIME, clock, mark_written
from ..core.tensor import Tensor, methods, raw
from ..errors import DTypeError, GradientError, ShapeError
from .arithmetic import absolute, add, divide, floor_divide, multiply, negative, positive, remainder, subtract
from .compare import (
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    invert,
    less,
    less_equal,
    not_equal,
    round,
)
from .inplace import date_write, is_recorded, rebind
from .powers import power


def _reflected(op: Operation) -> Any:
    return lambda self, other: op(other, self)


def _in_place(op: Operation, symbol: str) -> Any:
    """`t symbol= u` for the operation t symbol u."""
    p = op.primitive
    ufunc = p.direct or p.name

    def assign(self: Tensor, other: Any) -> Tensor:
        recorded = is_recorded(self) or is_recorded(other)
        if recorded and not self.level and self.node is not None and self.node[PRIMITIVE] is LEAF:
            raise GradientError(
                f"t {symbol}= u: t is a leaf that requires a gradient, which a write would cut off; write inside "
                f"`with gpugrad.no_grad():`, or make a new tensor, t = t {symbol} u"
            )
        if not recorded and not self.level and not getattr(other, "level", 0):
            _write(op, ufunc, symbol, self, raw(other))
            return self
        y = op(self, other)
        _require_same(symbol, self, y)
        if not y.level:
            date_write(self)
            if y.node is not None:  # newer than the write it stands for, or what it saved would count as overwritten
                y.node = (*y.node[:TIME], next(clock))
        rebind(self, y)
        return self

    return assign


def _write(op: Operation, ufunc: str, symbol: str, t: Tensor, other: Any) -> None:
    array = t.data
    if getattr(getattr(array, "flags", None), "writeable", True) is False or isinstance(array, np.generic):
        t.data = y = op(array, other)
        _require_same(symbol, Tensor(array), y)
        return
    if array.dtype.kind != "V" and (type(other) in SCALARS or getattr(other, "dtype", None) == array.dtype):
        try:
            getattr(backend_of_type(type(array)).xp, ufunc)(array, other, out=array)
            mark_written(array)
            return
        except (TypeError, ValueError):
            pass  # explained below
    y = op(array, other)
    _require_same(symbol, t, y)
    array[...] = y
    mark_written(array)


def _require_same(symbol: str, t: Any, y: Any) -> None:
    fix = f"make a new tensor, t = t {symbol} u"
    if y.shape != t.shape:
        raise ShapeError(f"t {symbol}= u: the result has shape {y.shape}, but t has {t.shape}; {fix}")
    if y.dtype != t.dtype:
        raise DTypeError(f"t {symbol}= u: the result has dtype {y.dtype}, but t has {t.dtype}; convert u, or {fix}")


def _divmod(a: Any, b: Any) -> tuple[Any, Any]:
    return floor_divide(a, b), remainder(a, b)


def _unless_foreign(op: Operation) -> Any:
    """== and != leave None and text to Python, which finds them different."""
    return lambda self, other: NotImplemented if other is None or isinstance(other, str) else op(self, other)


_BINARY = {
    "add": ("+", add),
    "sub": ("-", subtract),
    "mul": ("*", multiply),
    "truediv": ("/", divide),
    "floordiv": ("//", floor_divide),
    "mod": ("%", remainder),
    "pow": ("**", power),
    "and": ("&", bitwise_and),
    "or": ("|", bitwise_or),
    "xor": ("^", bitwise_xor),
}
for _name, (_symbol, _op) in _BINARY.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", _reflected(_op))
    setattr(Tensor, f"__i{_name}__", _in_place(_op, _symbol))

methods(
    __neg__=negative,
    __pos__=positive,
    __abs__=absolute,
    __invert__=invert,
    __round__=lambda self, ndigits=None: round(self, ndigits or 0),
    __divmod__=_divmod,
    __rdivmod__=lambda self, other: _divmod(other, self),
    __eq__=_unless_foreign(equal),
    __ne__=_unless_foreign(not_equal),
    __lt__=less,
    __le__=less_equal,
    __gt__=greater,
    __ge__=greater_equal,
)

__all__: list[str] = []
