"""Rules of the user's own: custom_vjp and custom_jvp, and checkpoint, whose rule is to compute again."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentTypeError, GradientError, ShapeError
from .namespace import OPS, namespace
from .primitive import Primitive
from .record import apply
from .tensor import Tensor, is_floating
from .transform import as_value, jvp, vjp
from .tree import flatten, flatten_as, state_of
from .vmap import vmap


def _call(name: str, f: Callable[..., Any], args: tuple[Any, ...], saves: str, rules: Callable[[Any], Any]) -> Any:
    """f(*args) as one primitive over the array leaves of its arguments; `rules(flat)` gives its (reverse, forward)."""
    leaves, unflatten = flatten(args)
    static = [not _is_array(x) for x in leaves]
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
        return vmap(lambda ts, y, xs: push(OPS, *ts, y, *xs), (axes, 0, axes))(*_unpacked(rest))

    return of


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with the same values and derivatives, of which only the inputs are kept: the reverse sweep computes f again.

    Trades one more forward pass for the memory of f's intermediates.  Everything to be differentiated must be an
    argument (a Module counts as its parameters); GradientError where f reaches for a tracked Tensor from outside.
    A Module's dropout masks are drawn again, and its running statistics move once.
    Source: Chen et al., Training deep nets with sublinear memory cost, 2016.

    >>> import gpugrad as gg
    >>> float(gg.grad(gg.checkpoint(lambda x: x * x * x))(2.0))
    12.0
    """

    def rules(flat: Callable[..., Any]) -> Any:
        def pull(F: Any, g: list[Any], y: Any, *xs: Any) -> Any:
            again, back = _vjp_of_floating(flat, xs)
            return back(_filled(g, again))

        return pull, lambda F, *rest: _push(flat, *_unpacked(rest))

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        again = _replayed(functools.partial(f, **kwargs), state_of((f, args, kwargs)))
        return _call("checkpoint", again, args, "inputs", rules)

    return of


def _replayed(f: Callable[..., Any], state: list[Tensor]) -> Callable[..., Any]:
    """f, whose later calls start from the state that the first started from, with the same masks, and change none."""
    start = [t.data for t in state]
    calls = itertools.count()

    def of(*args: Any) -> Any:
        if not state or next(calls) == 0:
            return f(*args)
        now = [t.data for t in state]
        _set(state, start)
        try:
            return f(*args)
        finally:
            _set(state, now)

    return of


def _set(state: list[Tensor], arrays: list[Any]) -> None:
    for t, array in zip(state, arrays, strict=True):
        t.data = array


class custom_vjp:
    """A function with a reverse rule of its own: a decorator, completed by `defvjp(fwd, bwd)`.

    fwd(*args) returns (y, residuals), with y as f gives it; bwd(residuals, g) returns a tuple of cotangents, one for
    each argument (None for zero).  Forward mode through it raises GradientError; the rule itself may be differentiated.

    >>> import gpugrad as gg
    >>> @gg.custom_vjp
    ... def clipped(x):
    ...     return x * 1.0
    >>> clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (gg.ops.clip(g, -1.0, 1.0),))
    >>> float(gg.grad(lambda x: clipped(x) * 5.0)(2.0))
    1.0
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any) -> Any:
        if self.fwd is None or self.bwd is None:
            raise GradientError(f"{self.f.__name__}: custom_vjp has no rule yet; call defvjp(fwd, bwd) first")
        bwd = self.bwd
        counts: list[Any] = []

        def f_and_residuals(*given: Any) -> Any:
            both = self.fwd(*given)  # type: ignore[misc]
            if not (isinstance(both, tuple) and len(both) == 2):
                raise ArgumentTypeError(f"{self.f.__name__}: fwd must return (y, residuals), got {type(both).__name__}")
            y, residuals = both
            counts[:] = [len(flatten(y)[0]), flatten(y)[1], flatten(residuals)[1]]
            return y, residuals

        def rules(flat: Callable[..., Any]) -> Any:
            def pull(F: Any, g: list[Any], y: Any, *xs: Any) -> Any:
                n_y, nest_y, nest_residuals = counts
                cotangents = bwd(nest_residuals(list(y[n_y:])), nest_y(_filled(g[:n_y], y[:n_y])))
                own = _by_argument(self.f.__name__, cotangents, args, xs)
                return _with_residuals(own, flat, g, n_y, xs)

            return pull, None

        y, _ = _call(self.f.__name__, f_and_residuals, args, "y inputs", rules)
        return y


class custom_jvp:
    """A function with a forward rule of its own: a decorator, completed by `defjvp(rule)`.

    rule(primals, tangents) returns (y, t) and is linear in the tangents; the reverse rule is its transpose.

    >>> import gpugrad as gg
    >>> @gg.custom_jvp
    ... def cube(x):
    ...     return x * x * x
    >>> cube.defjvp(lambda primals, tangents: (cube(*primals), 3.0 * primals[0] * primals[0] * tangents[0]))
    >>> float(gg.grad(cube)(2.0))
    12.0
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Set the rule."""
        self.rule = rule

    def __call__(self, *args: Any) -> Any:
        if self.rule is None:
            raise GradientError(f"{self.f.__name__}: custom_jvp has no rule yet; call defjvp(rule) first")
        rule = self.rule
        nest = flatten(args)[1]

        def tangent(xs: Any, ts: Any, n_y: int) -> tuple[Any, ...]:
            both = rule(nest(list(xs)), nest(list(ts)))
            if not (isinstance(both, tuple) and len(both) == 2):
                raise ArgumentTypeError(f"{self.f.__name__}: rule must return (y, t), got {type(both).__name__}")
            found = flatten_as(*both)
            if len(found) != n_y:
                raise ArgumentTypeError(f"{self.f.__name__}: rule returned {len(found)} tangents for {n_y} outputs")
            return tuple(found)

        def rules(flat: Callable[..., Any]) -> Any:
            def push(F: Any, *rest: Any) -> Any:
                ts, y, xs = _unpacked(rest)
                return tangent(xs, [_zeros(x) if t is None else t for t, x in zip(ts, xs, strict=True)], len(y))

            def pull(F: Any, g: list[Any], y: Any, *xs: Any) -> Any:
                again, back = _vjp_of_floating(lambda *ts: tangent(xs, ts, len(g)), tuple(map(_zeros, xs)))
                return back(_filled(g, again))

            return pull, push

        return _call(self.f.__name__, self.f, args, "inputs", rules)


def _is_array(x: Any) -> bool:
    return isinstance(x, Tensor | bool | int | float) or hasattr(x, "dtype")


def _zeros(x: Any) -> Any:
    return namespace(x).zeros_like(x)


def _filled(g: Any, y: Any) -> tuple[Any, ...]:
    return tuple(_zeros(v) if c is None else c for c, v in zip(g, y, strict=True))


def _unpacked(rest: tuple[Any, ...]) -> tuple[Any, Any, Any]:
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


def _vjp_of_floating(flat: Callable[..., Any], xs: tuple[Any, ...]) -> tuple[Any, Callable[[Any], list[Any]]]:
    of, at = _moving(flat, xs)
    y, pull = vjp(of, *(xs[i] for i in at))

    def back(g: Any) -> list[Any]:
        found = dict(zip(at, pull(g), strict=True))
        return [found.get(i) for i in range(len(xs))]

    return y, back


def _push(flat: Callable[..., Any], ts: Any, y: Any, xs: Any) -> Any:
    of, at = _moving(flat, xs)
    return jvp(of, tuple(xs[i] for i in at), tuple(_zeros(xs[i]) if ts[i] is None else ts[i] for i in at))[1]


def _with_residuals(own: list[Any], flat: Callable[..., Any], g: list[Any], n_y: int, xs: tuple[Any, ...]) -> list[Any]:
    """The rule's cotangents, and, where a second derivative reached the residuals, those through them."""
    used = [i for i in range(n_y, len(g)) if g[i] is not None]
    if not used:
        return own
    _, back = _vjp_of_floating(lambda *a: tuple(flat(*a)[i] for i in used), xs)
    through = back(tuple(g[i] for i in used))
    return [b if a is None else a if b is None else a + b for a, b in zip(own, through, strict=True)]


def _by_argument(name: str, cotangents: Any, args: tuple[Any, ...], xs: tuple[Any, ...]) -> list[Any]:
    if not isinstance(cotangents, tuple) or len(cotangents) != len(args):
        raise ArgumentTypeError(f"{name}: bwd must return a tuple of {len(args)} cotangents, one for each argument")
    flat: list[Any] = []
    for c, a in zip(cotangents, args, strict=True):
        flat += [None] * sum(map(_is_array, flatten(a)[0])) if c is None else map(as_value, flatten_as(a, c))
    if len(flat) != len(xs):
        raise ArgumentTypeError(f"{name}: bwd returned {len(flat)} arrays for {len(xs)} inputs; expected one for each")
    for c, x in zip(flat, xs, strict=True):
        if c is not None and c.shape != x.shape:
            raise ShapeError(f"{name}: bwd returned a cotangent of shape {c.shape}; expected {x.shape}, its input's")
    return flat
