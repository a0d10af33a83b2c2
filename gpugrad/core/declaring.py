"""What a declaration of a primitive may say wrongly, and forwards written for one array library alone."""

import functools
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError
from .namespace import PRIMITIVES, forget_bindings, import_all

Rule = Callable[..., Any]
LIBRARIES = ("numpy", "cupy")
JVP_KINDS = (None, "linear", "bilinear", "elementwise")


def refuse_misdeclared(forward: Rule, declared: dict[str, Any]) -> None:
    """Raise for a forward that cannot be a primitive: its kind, its first parameter, its name, what is said of it."""
    name = getattr(forward, "__name__", repr(forward)).rstrip("_")
    code = getattr(forward, "__code__", None)
    if code is None:
        raise ArgumentTypeError(f"primitive: {name} is a {type(forward).__name__}; expected a Python function")
    names = code.co_varnames[: code.co_argcount]
    if "direct" not in declared and names[:1] != ("xp",):
        raise ArgumentError(f"primitive: {name} has no first parameter xp; expected {name}(xp, *arrays, **parameters)")
    if declared.get("jvp") not in JVP_KINDS:
        raise ArgumentError(f"primitive: {name} has jvp={declared['jvp']!r}; expected one of {JVP_KINDS}")
    if unknown := set(declared.get("nondiff", "").split()) - set(names):
        raise ArgumentError(f"primitive: {name} has nondiff={sorted(unknown)}; expected names of its arrays")
    if not (forward.__module__ or "").startswith("gpugrad."):  # None in code that was given no name
        import_all()
    known = PRIMITIVES.get(name)
    if known is not None and known.forward.__module__ != forward.__module__:
        raise ArgumentError(
            f"primitive: {name} of {forward.__module__} has the name of a primitive of {known.forward.__module__}; "
            "expected another name, as derivative rules find primitives by name"
        )


def forward_for(p: Any, library: str) -> Callable[[Rule], Rule]:
    """Decorator of a forward for one array library; where it returns NotImplemented, the general one is called."""
    if library not in LIBRARIES:
        raise ArgumentError(f"{p.name}.forward: library is {library!r}; expected one of {LIBRARIES}")

    def register(forward: Rule) -> Rule:
        p.makers[library] = lambda xp: functools.partial(forward, xp)
        if p.raw:
            forget_bindings()
        return forward

    return register


def with_defaults(call: Rule, forward: Rule) -> Any:
    """`call` with the forward's default parameters filled in, so that derivative rules are given them too."""
    defaults = forward.__kwdefaults__
    if not defaults:
        return call

    def filled(*args: Any, **params: Any) -> Any:
        return call(*args, **{**defaults, **params})

    return filled


def or_else(own: Rule, general: Rule) -> Rule:
    """`own`, and where it declines with NotImplemented, `general`."""

    def forward(*args: Any, **params: Any) -> Any:
        y = own(*args, **params)
        return general(*args, **params) if y is NotImplemented else y

    return forward
