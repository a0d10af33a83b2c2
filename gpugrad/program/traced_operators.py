"""Python's operators on Traced values: those of Tensor; in place, they make the value stand for the result."""

from typing import Any

import numpy as np

from .. import ops
from ..core.tensor import Tensor, raw
from ..core.traced import Traced

_SAME = ("neg", "pos", "abs", "invert", "round", "divmod", "rdivmod", "eq", "ne", "lt", "le", "gt", "ge")
_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul")


def _in_place(name: str) -> Any:
    def assign(self: Traced, other: Any) -> Any:
        y = getattr(self, f"__{name}__")(other)
        return y if isinstance(self.array, np.generic) else self.write(y)  # a NumPy scalar is never written

    return assign


def _set_item(self: Traced, key: Any, value: Any) -> None:
    value = raw(value)
    everything = key is Ellipsis or (isinstance(key, slice) and key == slice(None))
    if everything and hasattr(value, "dtype"):
        self.write(value)
    else:
        self.write(ops.index_set(self, key, value), _part(self.place, key))


def _part(place: Any, key: Any) -> Any:
    """The elements of a place that a key of numbers and slices means; all of it for other keys."""
    keys = (*key, ...) if type(key) is tuple else (key, ...)
    if sum(k is Ellipsis for k in keys) > 1:
        keys = keys[:-1]
    plain = all(k is None or k is Ellipsis or type(k) in (int, slice) for k in keys)
    return place[keys] if plain and isinstance(place, np.ndarray) else place


for _name in _SAME:
    setattr(Traced, f"__{_name}__", Tensor.__dict__[f"__{_name}__"])
for _name in _BINARY:
    setattr(Traced, f"__{_name}__", Tensor.__dict__[f"__{_name}__"])
    setattr(Traced, f"__r{_name}__", Tensor.__dict__[f"__r{_name}__"])
    setattr(Traced, f"__i{_name}__", _in_place(_name))
for _name, _method in {"getitem": Tensor.__dict__["__getitem__"], "setitem": _set_item}.items():
    setattr(Traced, f"__{_name}__", _method)
