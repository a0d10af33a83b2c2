"""Primitive: one operation's forward, its derivative rules, and what of it a reverse sweep must keep.

The call of a primitive is a plain closure made for its arity.  Tensors of one level and Python numbers take the short
way; everything else (arrays among Tensors, mixed levels, other kinds of boxes) takes `apply`.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

from ..backend import Backend
from . import tape
from .explain import explain
from .namespace import OPS, PRIMITIVES, RawTable
from .precision import weak, widened
from .record import GHOST, apply, keep_masks, kept
from .tape import NOTHING, clock
from .tensor import Tensor

Rule = Callable[..., Any]


class Operation(Protocol):
    """What `@primitive` makes of a forward: a function, with decorators for its rules."""

    primitive: "Primitive"
    vjp: Callable[..., None]
    vjp_all: Callable[[Rule], None]
    jvp: Callable[[Rule], Rule]
    batch: Callable[[Rule], Rule]
    check: Callable[[Rule], Rule]
    __name__: str

    def __call__(self, *args: Any, **params: Any) -> Any: ...


class Primitive:
    """The record of one operation; `ops/` holds one block for each."""

    def __init__(
        self,
        forward: Rule,
        saves: str | dict[str, str] = "",
        jvp: str | None = None,
        family: str | None = None,
        direct: str | None = None,
        widen: bool = False,
        nondiff: str = "",
        differentiable: bool = True,
        several: bool = False,
    ) -> None:
        self.signature = _signature(forward)
        signature = self.signature.parameters.values()
        names = [p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.name = forward.__name__.rstrip("_")
        self.doc = forward.__doc__
        self.inputs = tuple(names)
        rest = [p.name for p in signature if p.kind is p.VAR_POSITIONAL]
        self.variadic = bool(rest)
        self.keeps_rest = bool(rest) and rest[0] in str(saves).split()
        self.has_params = any(p.kind is p.KEYWORD_ONLY for p in signature)
        self.forward = forward
        self.direct = direct
        self.widen = widen
        self.family = family
        self.differentiable = differentiable
        self.several = several
        self.mixes = len(names) > 1 or self.variadic  # shapes broadcast and dtypes promote only between inputs
        self.nondiff = frozenset(names.index(n) for n in nondiff.split())
        self.optional = frozenset(p.name for p in signature if p.default is None)  # inputs that may be None
        self.keep = keep_masks(self.inputs, saves, self.variadic)
        self.jvp_kind = jvp
        self.vjp_rules: tuple[Rule, ...] = ()
        self.vjp_all_rule: Rule | None = None
        self.jvp_rule: Rule | None = None
        self.batch_rule: Rule | None = None
        self.call: Rule
        self.check_rule: Rule | None = None
        self.raw = RawTable(self.bind)

    def bind(self, backend: Backend) -> Rule:
        """The forward on one array library, as a function of arrays and parameters alone."""
        rule = getattr(backend.xp, self.direct) if self.direct else functools.partial(self.forward, backend.xp)
        rule = widened(rule) if self.widen else rule
        return rule if tape.watch is None else tape.watch.instrument(self, rule)

    def make_call(self) -> Rule:
        """The public function of this primitive, by arity."""
        if self.several or self.nondiff or self.variadic or self.has_params or len(self.inputs) > 2:
            return _general(self)
        return _unary(self) if len(self.inputs) == 1 else _binary(self)


def primitive(**declared: Any) -> Callable[[Rule], Operation]:
    """Make the decorated forward `f(xp, *arrays, **params)` a primitive and return its public function.

    saves: names of what the reverse rule needs, "y" for the output, "x.shape" for shape and dtype alone; a dictionary
        gives them per input ({"a": "b"}: the gradient of a needs b), so that only what is needed is kept alive.
    jvp: "linear" (the operation applied to the tangents), "bilinear", "elementwise" (the reverse rule, since a
        diagonal Jacobian is its own transpose), or None where a rule follows with `@op.jvp`.
    family: how a batch axis passes through ("elementwise", "reduce", ...).
    direct: name of the NumPy function that is the forward, called with no wrapper; the body is then empty.
    widen: compute 2-byte floats in float32 and round once.
    nondiff: inputs that never carry a gradient (indices, labels, masks).
    differentiable: False for operations without a derivative.
    several: True where a forward of one or two inputs, without parameters, gives a tuple of arrays.
    """

    def register(forward: Rule) -> Operation:
        p = Primitive(forward, **declared)
        call: Any = p.make_call()
        call.__name__ = call.__qualname__ = p.name
        call.__doc__, call.__module__ = forward.__doc__, forward.__module__
        call.__signature__ = p.signature
        call.primitive = p
        call.vjp = functools.partial(_set_vjp, p)
        for kind in ("vjp_all", "jvp", "batch", "check"):
            setattr(call, kind, functools.partial(_set_rule, p, f"{kind}_rule"))
        p.call = call
        PRIMITIVES[p.name] = p
        setattr(OPS, p.name, call)
        return call

    return register


elementwise = functools.partial(primitive, family="elementwise", jvp="elementwise")


def _set_vjp(p: Primitive, *rules: Rule) -> None:
    """One rule for each input that has a gradient: rule(F, g, y, *inputs, **params) -> that input's cotangent."""
    p.vjp_rules = rules


def _set_rule(p: Primitive, slot: str, rule: Rule) -> Rule:
    setattr(p, slot, rule)
    return rule


def _signature(forward: Rule) -> inspect.Signature:
    """The public signature, without xp: read off the code, as inspect.signature takes a third of the import time."""
    code, P = forward.__code__, inspect.Parameter
    n, n_keyword = code.co_argcount, code.co_kwonlyargcount
    positional, keyword = code.co_varnames[:n], code.co_varnames[n : n + n_keyword]
    defaults = dict(zip(reversed(positional), reversed(forward.__defaults__ or ()), strict=False))
    parameters = [
        P(name, P.POSITIONAL_OR_KEYWORD, default=defaults.get(name, P.empty)) for name in positional if name != "xp"
    ]
    if code.co_flags & inspect.CO_VARARGS:
        parameters.append(P(code.co_varnames[n + n_keyword], P.VAR_POSITIONAL))
    by_name = forward.__kwdefaults__ or {}
    parameters += [P(name, P.KEYWORD_ONLY, default=by_name.get(name, P.empty)) for name in keyword]
    return inspect.Signature(parameters)


def _general(p: Primitive) -> Rule:
    def call(*args: Any, **params: Any) -> Any:
        return apply(p, args, params)

    return call


def _unary(p: Primitive) -> Rule:
    raw, new, differentiable = p.raw.plain, object.__new__, p.differentiable
    save_y, save_x = p.keep[True,]
    ghosts = GHOST in p.keep[True,]

    def call(x: Any) -> Any:
        if type(x) is not Tensor:
            return apply(p, (x,), {})
        a = x.data
        try:
            y = raw[type(a)](a) if not isinstance(a, Tensor) else call(a)
        except Exception as error:
            if not isinstance(a, Tensor) and p.raw.learn(type(a)):
                return call(x)
            explain(p, (a,), {}, error)
        t = new(Tensor)
        t.data = y
        t.level = x.level
        if x.node is None or not differentiable or (tape.paused and not tape.records(x.level)):
            t.node = None
            return t
        saved = [y if save_y else None, kept(save_x, a) if ghosts else a if save_x else None]
        t.node = (p, [x.node], saved, None, y.shape, y.dtype, next(clock))
        return t

    return call


def _like(array: Any, x: Any) -> bool:
    """True for a raw array of the type and dtype of the raw array x."""
    return type(array) is type(x) and not isinstance(array, Tensor) and array.dtype == x.dtype


def _binary(p: Primitive) -> Rule:
    raw, new, differentiable = p.raw.plain, object.__new__, p.differentiable
    keep_ab, keep_a, keep_b = p.keep[True, True], p.keep[True, False], p.keep[False, True]
    saves_nothing, ghosts = not any(keep_ab), GHOST in keep_a + keep_b

    def call(a: Any, b: Any) -> Any:
        if type(a) is Tensor:
            x = a.data
            kind = type(x)
            level = a.level
            node_a = a.node
            if type(b) is Tensor:
                z = b.data
                node_b = b.node
                if b.level != level:  # the lower one is a constant to the level of the higher
                    if b.level < level:
                        z = b
                        node_b = None
                    else:
                        x = a
                        node_a = None
                        kind = type(z)
                        level = b.level
            elif weak(b, x) or _like(b, x):
                z = b
                node_b = None
            else:
                return apply(p, (a, b), {})
        elif type(b) is Tensor and (weak(a, b.data) or _like(a, b.data)):
            x = a
            node_a = None
            z = b.data
            kind = type(z)
            level = b.level
            node_b = b.node
        else:
            return apply(p, (a, b), {})
        try:
            y = raw[kind](x, z) if level == 0 or (kind in raw and kind is type(z)) else call(x, z)
        except Exception as error:
            if level == 0 and p.raw.learn(kind):
                return call(a, b)
            explain(p, (x, z), {}, error)
        t = new(Tensor)
        t.data = y
        t.level = level
        if (node_a is None and node_b is None) or not differentiable or (tape.paused and not tape.records(level)):
            t.node = None
            return t
        if saves_nothing:
            saved = NOTHING
        else:
            keep_y, keep_x, keep_z = keep_a if node_b is None else keep_b if node_a is None else keep_ab
            saved = [y if keep_y else None, x if keep_x else None, z if keep_z else None]
            if ghosts:
                saved[1:] = kept(keep_x, x), kept(keep_z, z)
        t.node = (p, [node_a, node_b], saved, None, y.shape, y.dtype, next(clock))
        return t

    return call
