"""A function of the user's as one primitive, with rules given for it; what custom_vjp and checkpoint stand on."""

from collections.abc import Callable
from typing import Any

from ..errors import GradientError
from .namespace import OPS, namespace
from .primitive import Primitive
from .record import apply
from .tensor import Tensor, is_floating
from .transform import as_value, jvp, vjp
from .tree import flatten
from .vmap import vmap


def call_as_primitive(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], saves: str, rules: Callable[[Any], Any]
) -> Any:
    """f(*args) as one primitive over the array leaves of its arguments; `rules(flat)` gives its (reverse, forward)."""
    leaves, unflatten = flatten(args)
    static = [not is_array(x) for x in leaves]
    structure: list[Any] = [None]

    def flat(*operands: Any) -> tuple[Any, ...]:
        source = iter(operands)
        full = [x if fixed else next(source) for x, fixed in zip(leaves, static, strict=True)]
        outputs, structure[0] = flatten(f(*unflatten(full)))
        return tuple(as_value(v) for v in outputs)

    p = _primitive(name, flat, saves, *rules(flat))
    outputs = p.call(*(as_value(x) for x, fixed in zip(leaves, static, strict=True) if not fixed))
    return structure[0](list(outputs))


def _primitive(name: str, flat: Callable[..., Any], saves: str, pull: Any, push: Any) -> Primitive:
    """A primitive for a function of arrays that gives a tuple, with its rules; what vmap makes of it keeps them."""

    def forward(xp: Any, *operands: Any) -> tuple[Any, ...]:
        outputs = flat(*operands)
        if any(isinstance(v, Tensor) and (v.node is not None or v.level) for v in outputs):
            raise GradientError(
                f"{name}: the function uses a tensor that requires a gradient, or a value of a transform around it, "
                "that is not among its arguments; pass it (or its Module) as an argument"
            )
        return tuple(v.data if isinstance(v, Tensor) else v for v in outputs)

    def spread(F: Any, flags: tuple[bool, ...], *xs: Any) -> Any:
        axes = tuple(0 if mine else None for mine in flags)
        rules = pull and _mapped_pull(pull, axes), push and _mapped_push(push, axes)
        return _primitive(name, vmap(flat, axes), saves, *rules).call(*xs)

    forward.__name__ = name
    p = Primitive(forward, saves=saves)
    p.call = lambda *operands: apply(p, operands, {})
    p.vjp_all_rule, p.jvp_rule, p.batch_rule = pull, push, spread
    return p


def _mapped_pull(pull: Any, axes: tuple[Any, ...]) -> Any:
    """A reverse rule for each example; an input that all examples share gets the sum of theirs."""

    def of(F: Any, g: list[Any], y: Any, *xs: Any) -> list[Any]:
        each = vmap(lambda g, y, xs: list(pull(OPS, g, y, *xs)), (0, 0, axes))(g, y, xs)
        return [
            OPS.sum(h, axis=(0,), keepdims=False) if h is not None and axis is None else h
            for h, axis in zip(each, axes, strict=True)
        ]

    return of


def _mapped_push(push: Any, axes: tuple[Any, ...]) -> Any:
    """A forward rule for each example."""

    def of(F: Any, *rest: Any) -> Any:
        return vmap(lambda ts, y, xs: push(OPS, *ts, y, *xs), (axes, 0, axes))(*unpacked(rest))

    return of


def is_array(x: Any) -> bool:
    """True for a leaf that is an operand, false for one that is passed on as it is."""
    return isinstance(x, Tensor | bool | int | float) or hasattr(x, "dtype")


def zeros(x: Any) -> Any:
    """Zeros like a value."""
    return namespace(x).zeros_like(x)


def filled(g: Any, y: Any) -> tuple[Any, ...]:
    """Cotangents with zeros where an output was not used."""
    return tuple(zeros(v) if c is None else c for c, v in zip(g, y, strict=True))


def unpacked(rest: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """(tangents, y, primals) from the argument list of a forward rule."""
    n = len(rest) // 2
    return rest[:n], rest[n], rest[n + 1 :]


def _floating(x: Any) -> bool:
    return hasattr(x, "dtype") and is_floating(x.dtype)


def _moving(flat: Callable[..., Any], xs: tuple[Any, ...]) -> tuple[Callable[..., Any], list[int]]:
    """flat as a function of its floating operands alone, and which those are."""
    at = [i for i, x in enumerate(xs) if _floating(x)]

    def of(*some: Any) -> Any:
        full = list(xs)
        for i, x in zip(at, some, strict=True):
            full[i] = x
        return flat(*full)

    return of, at


def vjp_of_floating(flat: Callable[..., Any], xs: tuple[Any, ...]) -> tuple[Any, Callable[[Any], list[Any]]]:
    """(value, back) of a function by its floating operands; back gives None for the others."""
    of, at = _moving(flat, xs)
    y, pull = vjp(of, *(xs[i] for i in at))

    def back(g: Any) -> list[Any]:
        found = dict(zip(at, pull(g), strict=True))
        return [found.get(i) for i in range(len(xs))]

    return y, back


def push_floating(flat: Callable[..., Any], ts: Any, y: Any, xs: Any) -> Any:
    """The tangents of a function of which some operands have none."""
    of, at = _moving(flat, xs)
    return jvp(of, tuple(xs[i] for i in at), tuple(zeros(xs[i]) if ts[i] is None else ts[i] for i in at))[1]
