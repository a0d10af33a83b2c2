"""Primitive: one operation's forward, its derivative rules, and what of it a reverse sweep must keep."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

from ..backend import Backend
from . import tape
from .calls import make_call
from .declaring import forward_for, or_else, refuse_misdeclared, with_defaults
from .namespace import OPS, PRIMITIVES, RawTable, forget_bindings
from .precision import widened
from .record import keep_masks

Rule = Callable[..., Any]


class Operation(Protocol):
    """What `@primitive` makes of a forward: a function, with decorators for its rules."""

    primitive: "Primitive"
    vjp: Callable[..., None]
    vjp_all: Callable[[Rule], None]
    jvp: Callable[[Rule], Rule]
    batch: Callable[[Rule], Rule]
    check: Callable[[Rule], Rule]
    forward: Callable[[str], Callable[[Rule], Rule]]
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
        cuda: str | None = None,
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
        self.losses: dict[Any, Any] = {}  # what a node does not keep, by which inputs are tracked
        self.jvp_kind = jvp
        self.vjp_rules: tuple[Rule, ...] = ()
        self.vjp_all_rule: Rule | None = None
        self.jvp_rule: Rule | None = None
        self.batch_rule: Rule | None = None
        self.call: Rule
        self.check_rule: Rule | None = None
        self.makers: dict[str, Callable[[Any], Rule]] = {}  # array library -> maker, of xp, of a forward for it alone
        if cuda:
            self.makers["cupy"] = functools.partial(_fused, cuda)
        self.raw = RawTable(self.bind)

    def bind(self, backend: Backend) -> Rule:
        """The forward on one array library, as a function of arrays and parameters alone."""
        rule = getattr(backend.xp, self.direct) if self.direct else functools.partial(self.forward, backend.xp)
        rule = widened(rule) if self.widen else rule
        if make := self.makers.get(backend.name):
            rule = or_else(make(backend.xp), rule)
        rule = rule if tape.watch is None else tape.watch.instrument(self, rule)
        return rule if tape.tracer is None else tape.tracer.instrument(self, rule)


def primitive(**declared: Any) -> Callable[[Rule], Operation]:
    """Make the decorated forward `f(xp, *arrays, **params)` an operation with derivative rules, and return it.

    xp is the library of the arrays, numpy or cupy.  The rules follow by decorators, here for op:

    op.vjp(rule, ...): a rule(F, g, y, *inputs, **params) an input, which gives its cotangent; op.vjp_all: one for all.
    op.jvp: rule(F, *tangents, y, *inputs, **params), None for a zero tangent.   op.batch, op.check: vmap's rule, and
    what raises the clear error after a failure.   op.forward("cupy"): a forward for that library alone, a kernel say;
    where it returns NotImplemented the general one runs.

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
    cuda: "module.function" of gpugrad/cuda, for CuPy arrays; where it gives NotImplemented, the forward runs.

    Raises ArgumentError for a name that is taken, a forward without xp, or a word that means nothing.

    >>> import gpugrad as gg
    >>> @gg.primitive(family="elementwise", jvp="elementwise", saves="x")
    ... def doc_cubed(xp, x):
    ...     return x * x * x
    >>> doc_cubed.vjp(lambda F, g, y, x: g * 3.0 * x * x)
    >>> float(gg.grad(gg.grad(doc_cubed))(2.0))
    12.0
    """

    def register(forward: Rule) -> Operation:
        refuse_misdeclared(forward, declared)
        p = Primitive(forward, **declared)
        call: Any = with_defaults(make_call(p), forward)
        call.__name__ = call.__qualname__ = p.name
        call.__doc__, call.__module__ = forward.__doc__, forward.__module__
        call.__signature__ = p.signature
        call.primitive = p
        call.vjp = functools.partial(_set_vjp, p)
        for kind in ("vjp_all", "jvp", "batch", "check"):
            setattr(call, kind, functools.partial(_set_rule, p, f"{kind}_rule"))
        call.forward = functools.partial(forward_for, p)
        p.call = call
        if p.name in PRIMITIVES:  # written again, as in a notebook: what was bound is of the old one
            forget_bindings()
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


def _fused(word: str, xp: Any) -> Rule:
    """The launcher of our own kernels for a primitive, imported when a CuPy array first comes."""
    from ..cuda.dispatch import launcher

    return launcher(word)


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
