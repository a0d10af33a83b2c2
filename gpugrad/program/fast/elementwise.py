"""NumPy's elementwise functions on vectors of LLVM.  All but exp, log, tanh and the like give NumPy's very bits."""

from typing import Any

import numpy as np

from ..elementary import Elementary
from . import functions
from .assembly import SCALARS, Function, is_native, kind_of, splat, vector

COPY = Elementary("positive", "pointwise")
_FLOAT = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv", "true_divide": "fdiv"}
_INTEGER = {"add": "add", "subtract": "sub", "multiply": "mul"}
_BITS = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}
_LOGICAL = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}
_COMPARE = {
    "equal": ("oeq", "eq"),
    "not_equal": ("une", "ne"),
    "less": ("olt", "lt"),
    "less_equal": ("ole", "le"),
    "greater": ("ogt", "gt"),
    "greater_equal": ("oge", "ge"),
}
_ROUND = {"floor", "ceil", "trunc", "rint"}
_OF_FLOATS = {"exp", "log", "tanh", "sqrt", "sign", "isnan", "isfinite", "isinf", "reciprocal", "expm1", "log1p", "erf"}
_OF_NUMBERS = {"negative", "absolute", "fabs", "square", "maximum", "minimum", "where", "astype", "positive"}


def knows(call: Any) -> bool:
    """True for a pointwise call that `apply` can write."""
    name, dtypes = call.primitive.name, [v.dtype for v in (*call.values, *call.outputs)]
    if not all(map(is_native, dtypes)) or not list(call.values):
        return False
    if name in ("where", "astype") or name in _COMPARE:
        return True
    kinds = {d.kind for d in dtypes}
    if name in _BITS or name == "invert":
        return kinds <= set("iub")
    if name in _LOGICAL or name == "logical_not":
        return kinds == {"b"}
    if name in ("isnan", "isfinite", "isinf"):
        return kinds == {"f", "b"}
    if name in _FLOAT and name not in _INTEGER:
        return kinds == {"f"}
    if name in _INTEGER or name in _OF_NUMBERS:
        return kinds == {"f"} or (kinds in ({"i"}, {"u"}) and name != "fabs")
    return kinds == {"f"} and (name in _ROUND or name in _OF_FLOATS)


class Lanes:
    """Writes elementwise calls on vectors of `lanes` elements."""

    def __init__(self, f: Function, lanes: int) -> None:
        self.f, self.lanes = f, lanes

    def type(self, dtype: Any) -> str:
        """The type of a vector of that dtype, in registers."""
        return vector(SCALARS[kind_of(dtype)], self.lanes)

    def apply(self, call: Any, operands: list[Any]) -> str:
        """The result's name, for operands that are names or Python numbers."""
        name, result = call.primitive.name, call.outputs[0].dtype
        of = result if name == "where" else next(call.values).dtype
        xs = [x if type(x) is str else self.constant(x, of) for x in operands]
        if name == "where":
            return self.select(xs[0], of, *xs[1:])
        if name == "astype":
            return self.cast(xs[0], of, result)
        if name in _COMPARE:
            return self.compare(name, of, *xs)
        if name in _ONE_INSTRUCTION:
            return self._instruction(name, of, *xs)
        return str(getattr(self, f"_{name}")(of, *xs))

    def _instruction(self, name: str, of: Any, *xs: str) -> str:
        if name in _ROUND:
            return self.intrinsic(name, of, *xs)
        known = _LOGICAL | _BITS | (_FLOAT if of.kind == "f" else _INTEGER)
        return self.f(f"{known[name]} {self.type(of)} {xs[0]}, {xs[1]}")

    def intrinsic(self, name: str, of: Any, *xs: str) -> str:
        """A function that LLVM has."""
        kind = self.type(of)
        operands = ", ".join(f"{kind} {x}" for x in xs)
        return self.f(f"call {kind} @llvm.{name}.v{self.lanes}{of.kind}{8 * of.itemsize}({operands})")

    def constant(self, x: Any, of: Any) -> str:
        """A vector of one number."""
        return splat(x, of, self.lanes)

    def select(self, condition: str, of: Any, a: str, b: str) -> str:
        """a where the condition holds, else b."""
        kind = self.type(of)
        return self.f(f"select <{self.lanes} x i1> {condition}, {kind} {a}, {kind} {b}")

    def compare(self, name: str, of: Any, a: str, b: str) -> str:
        """A vector of bits."""
        ordered, whole = _COMPARE[name]
        if of.kind == "f":
            return self.f(f"fcmp {ordered} {self.type(of)} {a}, {b}")
        sign = "" if whole in ("eq", "ne") else "s" if of.kind == "i" else "u"
        return self.f(f"icmp {sign}{whole} {self.type(of)} {a}, {b}")

    def binary(self, name: str, of: Any, a: str, b: str) -> str:
        """add, subtract, multiply, divide, maximum or minimum."""
        if name in ("maximum", "minimum"):
            return self._extreme(name, of, a, b)
        return self._instruction(name, of, a, b)

    def cast(self, x: str, of: Any, to: Any) -> str:
        """As NumPy's astype."""
        a, b = self.type(of), self.type(to)
        if of == to:
            return x
        if to.kind == "b":
            zero = self.constant(0, of)
            return self.f(f"fcmp une {a} {x}, {zero}" if of.kind == "f" else f"icmp ne {a} {x}, {zero}")
        if of.kind == "f" and to.kind == "f":
            return self.f(f"{'fpext' if to.itemsize > of.itemsize else 'fptrunc'} {a} {x} to {b}")
        if of.kind == "f":
            return self.f(f"{'fptosi' if to.kind == 'i' else 'fptoui'} {a} {x} to {b}")
        if to.kind == "f":
            return self.f(f"{'sitofp' if of.kind == 'i' else 'uitofp'} {a} {x} to {b}")
        wide = 8 * of.itemsize if of.kind != "b" else 1
        if wide == 8 * to.itemsize:
            return x
        longer = "sext" if of.kind == "i" else "zext"
        return self.f(f"{longer if 8 * to.itemsize > wide else 'trunc'} {a} {x} to {b}")

    def _extreme(self, name: str, of: Any, a: str, b: str) -> str:
        """NumPy's maximum and minimum: a NaN among the two comes out."""
        best = self.compare("greater_equal" if name == "maximum" else "less_equal", of, a, b)
        if of.kind == "f":
            nan = self.f(f"fcmp uno {self.type(of)} {a}, {a}")
            best = self.f(f"or <{self.lanes} x i1> {best}, {nan}")
        return self.select(best, of, a, b)

    def _maximum(self, of: Any, a: str, b: str) -> str:
        return self._extreme("maximum", of, a, b)

    def _minimum(self, of: Any, a: str, b: str) -> str:
        return self._extreme("minimum", of, a, b)

    def _positive(self, of: Any, x: str) -> str:
        return x

    def _negative(self, of: Any, x: str) -> str:
        if of.kind == "f":
            return self.f(f"fneg {self.type(of)} {x}")
        return self.f(f"sub {self.type(of)} {self.constant(0, of)}, {x}")

    def _absolute(self, of: Any, x: str) -> str:
        if of.kind == "f":
            return self.intrinsic("fabs", of, x)
        below = self.compare("less", of, x, self.constant(0, of))
        return self.select(below, of, self._negative(of, x), x)

    _fabs = _absolute

    def _square(self, of: Any, x: str) -> str:
        return self._instruction("multiply", of, x, x)

    def _reciprocal(self, of: Any, x: str) -> str:
        return self._instruction("divide", of, self.constant(1, of), x)

    def _sqrt(self, of: Any, x: str) -> str:
        return self.intrinsic("sqrt", of, x)

    def _invert(self, of: Any, x: str) -> str:
        ones = np.iinfo(of).max if of.kind == "u" else -1 if of.kind == "i" else 1
        return self.f(f"xor {self.type(of)} {x}, {self.constant(ones, of)}")

    def _logical_not(self, of: Any, x: str) -> str:
        return self._invert(of, x)

    def _sign(self, of: Any, x: str) -> str:
        zero, one, less = (self.constant(c, of) for c in (0, 1, -1))
        y = self.select(self.compare("less", of, x, zero), of, less, x)
        return self.select(self.compare("greater", of, x, zero), of, one, y)

    def _isnan(self, of: Any, x: str) -> str:
        return self.f(f"fcmp uno {self.type(of)} {x}, {x}")

    def _isinf(self, of: Any, x: str) -> str:
        return self.compare("equal", of, self._absolute(of, x), self.constant(np.inf, of))

    def _isfinite(self, of: Any, x: str) -> str:
        return self.compare("less", of, self._absolute(of, x), self.constant(np.inf, of))

    def _exp(self, of: Any, x: str) -> str:
        return functions.exp(self, of, x)

    def _log(self, of: Any, x: str) -> str:
        return functions.log(self, of, x)

    def _tanh(self, of: Any, x: str) -> str:
        return functions.tanh(self, of, x)

    def _expm1(self, of: Any, x: str) -> str:
        return functions.expm1(self, of, x)

    def _log1p(self, of: Any, x: str) -> str:
        return functions.log1p(self, of, x)

    def _erf(self, of: Any, x: str) -> str:
        return functions.erf(self, of, x)


_ONE_INSTRUCTION = {*_FLOAT, *_BITS, *_LOGICAL, *_ROUND}
