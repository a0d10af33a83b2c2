"""Forward mode: a value and its tangent, pushed through together, level by level."""

from typing import Any

from ..errors import GradientError
from . import tape
from .namespace import OPS, RAW, namespace
from .record import INTERPRETERS, apply, apply_raw, operand
from .tensor import Tensor

_new = object.__new__


class Dual(Tensor):
    """A Tensor of one forward-mode level: `data` is the value one level down, `tangent` None for zero."""

    __slots__ = ()
    tangent: Any


def dual(data: Any, tangent: Any, level: int) -> Dual:
    """A Dual from parts that are known to fit."""
    d = _new(Dual)
    d.data, d.tangent, d.level, d.node = data, tangent, level, None
    return d


def push(p: Any, level: int, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Compute one level down, and the tangent by the primitive's forward rule."""
    primals, tangents, boxed = [], [], False
    for a in args:
        if isinstance(a, Tensor) and a.level == level:
            x, t = a.data, a.tangent
        else:
            x, t = operand(p, a), None
        boxed = boxed or isinstance(x, Tensor) or isinstance(t, Tensor)
        primals.append(x)
        tangents.append(t)
    for i in p.nondiff:
        tangents[i] = None
    y = (apply if boxed else apply_raw)(p, tuple(primals), params)
    if not p.differentiable or all([t is None for t in tangents]):
        return tuple(dual(v, None, level) for v in y) if isinstance(y, tuple) else dual(y, None, level)
    t = _tangent(p, OPS if boxed else RAW[type(y[0] if isinstance(y, tuple) else y)], tangents, y, primals, params)
    if tape.watch is not None:
        tape.watch.check_tangent(p, [*primals, *tangents], t)
    if isinstance(y, tuple):
        return tuple(dual(v, None if s is None else fit(s, v), level) for v, s in zip(y, t, strict=True))
    return dual(y, None if t is None else fit(t, y), level)


def _tangent(p: Any, F: Any, tangents: list[Any], y: Any, primals: list[Any], params: dict[str, Any]) -> Any:
    if p.jvp_rule is not None:
        return p.jvp_rule(F, *tangents, y, *primals, **params)
    if p.jvp_kind is None:
        raise GradientError(
            f"jvp: {p.name} has no forward rule; use reverse mode (vjp, jacrev, hessian(f, mode='reverse'), and for "
            "hvp the gradient of (grad(f)(x) * v).sum()), or give it one"
        )
    return _DERIVED[p.jvp_kind](p, F, tangents, y, primals, params)


def _linear(p: Any, F: Any, tangents: list[Any], y: Any, primals: list[Any], params: dict[str, Any]) -> Any:
    def tangent(i: int, x: Any, t: Any) -> Any:
        if t is not None:
            return t
        return x if i in p.nondiff else namespace(x).zeros_like(x)

    return getattr(F, p.name)(*map(tangent, range(len(primals)), primals, tangents), **params)


def _bilinear(p: Any, F: Any, tangents: list[Any], y: Any, primals: list[Any], params: dict[str, Any]) -> Any:
    (ta, tb), (a, b) = tangents, primals
    f = getattr(F, p.name)
    left = None if ta is None else f(ta, b, **params)
    right = None if tb is None else f(a, tb, **params)
    return _sum(left, right)


def _elementwise(p: Any, F: Any, tangents: list[Any], y: Any, primals: list[Any], params: dict[str, Any]) -> Any:
    total = None
    for rule, t in zip(p.vjp_rules, tangents, strict=True):
        if t is not None:
            total = _sum(total, rule(F, t, y, *primals, **params))
    return total


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


_DERIVED = {"linear": _linear, "bilinear": _bilinear, "elementwise": _elementwise}


def fit(t: Any, y: Any) -> Any:
    """A tangent of y's shape and dtype."""
    if t.shape != y.shape:
        t = namespace(t).broadcast_to(t, shape=y.shape)
    return t if t.dtype is y.dtype or t.dtype == y.dtype else namespace(t).astype(t, dtype=y.dtype)


INTERPRETERS[Dual] = push
