"""Derivative rules of the user's own: custom_vjp and custom_jvp."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentTypeError, GradientError, ShapeError
from .own_rules import call_as_primitive, filled, is_array, unpacked, vjp_of_floating, zeros
from .transform import as_value
from .tree import flatten, flatten_as


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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = _positional(self.f, args, kwargs)
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
                cotangents = bwd(nest_residuals(list(y[n_y:])), nest_y(filled(g[:n_y], y[:n_y])))
                own = _by_argument(self.f.__name__, cotangents, args, xs)
                return _with_residuals(own, flat, g, n_y, xs)

            return pull, None

        y, _ = call_as_primitive(self.f.__name__, f_and_residuals, args, "y inputs", rules)
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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = _positional(self.f, args, kwargs)
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
                ts, y, xs = unpacked(rest)
                return tangent(xs, [zeros(x) if t is None else t for t, x in zip(ts, xs, strict=True)], len(y))

            def pull(F: Any, g: list[Any], y: Any, *xs: Any) -> Any:
                again, back = vjp_of_floating(lambda *ts: tangent(xs, ts, len(g)), tuple(map(zeros, xs)))
                return back(filled(g, again))

            return pull, push

        return call_as_primitive(self.f.__name__, self.f, args, "inputs", rules)


def _positional(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments in f's order, with its defaults, as the rules take them."""
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise ArgumentTypeError(
            f"{f.__name__}: {', '.join(bound.kwargs)} is keyword-only; expected positional arguments"
        )
    return bound.args


def _with_residuals(own: list[Any], flat: Callable[..., Any], g: list[Any], n_y: int, xs: tuple[Any, ...]) -> list[Any]:
    """The rule's cotangents, and, where a second derivative reached the residuals, those through them."""
    used = [i for i in range(n_y, len(g)) if g[i] is not None]
    if not used:
        return own
    _, back = vjp_of_floating(lambda *a: tuple(flat(*a)[i] for i in used), xs)
    through = back(tuple(g[i] for i in used))
    return [b if a is None else a if b is None else a + b for a, b in zip(own, through, strict=True)]


def _by_argument(name: str, cotangents: Any, args: tuple[Any, ...], xs: tuple[Any, ...]) -> list[Any]:
    if not isinstance(cotangents, tuple) or len(cotangents) != len(args):
        raise ArgumentTypeError(f"{name}: bwd must return a tuple of {len(args)} cotangents, one for each argument")
    flat: list[Any] = []
    for c, a in zip(cotangents, args, strict=True):
        flat += [None] * sum(map(is_array, flatten(a)[0])) if c is None else map(as_value, flatten_as(a, c))
    if len(flat) != len(xs):
        raise ArgumentTypeError(f"{name}: bwd returned {len(flat)} arrays for {len(xs)} inputs; expected one for each")
    for c, x in zip(flat, xs, strict=True):
        if c is not None and c.shape != x.shape:
            raise ShapeError(f"{name}: bwd returned a cotangent of shape {c.shape}; expected {x.shape}, its input's")
    return flat
