"""A Module as a container of its parameters, which is what makes `grad(loss)(model)` work."""

from collections.abc import Callable, Iterable
from copy import copy as shallow_copy
from typing import Any

from ..backend import is_array_type
from ..core import parts, tape
from ..core.tensor import Tensor
from ..core.tree import register_node
from .module import Module


def _split(module: Module) -> tuple[list[Any], Callable[[Iterable[Any]], Module]]:
    """The parameters, tied ones once, and a function that gives a copy of the module with others in their places."""
    parameters = list(module.parameters())

    def rebuild(values: Iterable[Any]) -> Module:
        pairs = zip(parameters, map(_boxed, values), strict=True)
        return _with(module, {id(old): new for old, new in pairs}, {})

    return list(parameters), rebuild


def _boxed(value: Any) -> Any:
    """Arrays become Tensors, so that they are found as parameters again; what is no array stays as it is."""
    return Tensor(value) if is_array_type(type(value)) else value


_SHARED = frozenset([bool, int, float, str, type(None)])


def _with(x: Any, new: dict[int, Any], copies: dict[int, Any]) -> Any:
    """x with the tensors in `new` exchanged; modules, and containers, are copied for it, all else is shared."""
    if type(x) in _SHARED:
        return x
    if isinstance(x, Tensor):
        return new.get(id(x), x)
    if isinstance(x, Module):
        if id(x) not in copies:
            copies[id(x)] = copy = object.__new__(type(x))
            attributes = copy.__dict__
            for name, value in vars(x).items():
                attributes[name] = _with(value, new, copies)
        return copies[id(x)]
    if type(x) is dict:
        return {key: _with(value, new, copies) for key, value in x.items()}
    if isinstance(x, dict | list):
        same: Any = shallow_copy(x)
        for key, value in list(x.items() if isinstance(x, dict) else enumerate(x)):
            same[key] = _with(value, new, copies)
        return same
    if isinstance(x, tuple):
        values = [_with(value, new, copies) for value in x]
        return type(x)(*values) if hasattr(x, "_fields") else type(x)(values)
    return x


register_node(Module, _split, state=lambda module: list(module.buffers()))
tape.MODES.append((Module, "training"))


def _attributes(module: Module) -> dict[str, Any]:
    """What a program of a module depends on, besides its mode and the values of its Tensors."""
    return {name: value for name, value in vars(module).items() if name not in _LOOKED_AFTER}


_LOOKED_AFTER = ("training", "_parameters", "_buffers")
parts.KINDS.append((Module, _attributes))
