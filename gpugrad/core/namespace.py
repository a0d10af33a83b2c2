"""F: one namespace per kind of value, with the same names in each.

A rule written against `F` gives plain arithmetic when F holds the raw functions of an array library, and gives a
recorded, differentiable computation when F holds the operations themselves.
"""

from collections.abc import Callable
from typing import Any

from ..backend import Backend, backend_of_type
from .tensor import Tensor


class RawTable(dict[type, Callable[..., Any]]):
    """Array type -> a primitive's forward on that type; filled in at the first use of a type."""

    __slots__ = ("bind", "plain")

    def __init__(self, bind: Callable[[Backend], Callable[..., Any]]) -> None:
        super().__init__()
        self.bind = bind
        self.plain: dict[type, Callable[..., Any]] = {}  # the same in a plain dict, which Python looks up faster

    def __missing__(self, kind: type) -> Callable[..., Any]:
        self.learn(kind)
        return self.plain[kind]

    def learn(self, kind: type) -> bool:
        """Bind the forward for `kind`; False where that was done before."""
        if kind in self:
            return False
        self[kind] = self.plain[kind] = self.bind(backend_of_type(kind))
        return True

    def clear(self) -> None:
        super().clear()
        self.plain.clear()


class OperationNamespace:
    """F for Tensors: every primitive under its name, recording what it does."""

    def __getattr__(self, name: str) -> Any:
        return registered(name).call


class RawNamespace:
    """F for the raw arrays of one type: every primitive's forward, bound to that type's library."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        forward = registered(name).raw[self._kind]
        setattr(self, name, forward)
        return forward


class _RawNamespaces(dict[type, RawNamespace]):
    def __missing__(self, kind: type) -> RawNamespace:
        backend_of_type(kind)
        self[kind] = found = RawNamespace(kind)
        return found


PRIMITIVES: dict[str, Any] = {}
LATER: list[Callable[[], Any]] = []  # what imports the operations that are not imported at first
OPS: Any = OperationNamespace()
RAW = _RawNamespaces()


def import_all() -> None:
    """Import the operations that are imported only when asked for."""
    while LATER:
        LATER.pop()()


def registered(name: str) -> Any:
    """The primitive of that name; AttributeError where there is none."""
    if name not in PRIMITIVES and not name.startswith("__"):
        import_all()
    if name not in PRIMITIVES:
        raise AttributeError(f"F.{name} is not a registered primitive")
    return PRIMITIVES[name]


def namespace(*values: Any) -> Any:
    """The F that fits these values: OPS if one of them is a Tensor of any kind, else the raw one of the first array."""
    first = None
    for value in values:
        if value is None:
            continue
        if isinstance(value, Tensor):
            return OPS
        if first is None and hasattr(value, "dtype") and hasattr(value, "ndim"):
            first = type(value)
    return RAW[first or float]


def forget_bindings() -> None:
    """Drop every bound forward, so that the next use binds again (after what binding does has changed)."""
    RAW.clear()
    for primitive in PRIMITIVES.values():
        primitive.raw.clear()
