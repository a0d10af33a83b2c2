"""Python's operators on Tensors, each the operation of that name."""

from typing import Any

from ..core.primitive import Operation
from ..core.tensor import Tensor, methods
from .arithmetic import add, divide, multiply, negative, subtract


def _reflected(op: Operation) -> Any:
    return lambda self, other: op(other, self)


for _name, _op in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", _reflected(_op))
methods(__neg__=negative)

__all__: list[str] = []
