"""The call of a primitive: a plain closure made for its arity.

Tensors of one level, with Python numbers and plain arrays beside them, take the short ways here; everything else (mixed
levels, lists, other kinds of boxes) takes `apply`.  One and two inputs without parameters, which is most operations,
are written out in full: a helper called in between costs a tenth of their time.
"""

from collections.abc import Callable
from typing import Any

from . import tape
from .explain import explain
from .precision import SCALARS, narrow_result, weak
from .record import GHOST, Ghost, apply, apply_one, apply_raw, boxed, kept
from .tape import NOTHING, clock
from .tensor import Tensor

Rule = Callable[..., Any]


def make_call(p: Any) -> Rule:
    """The public function of primitive `p`."""
    n = 3 if p.variadic or p.nondiff or p.several else len(p.inputs)
    if n > 2 or (n == 2 and p.has_params):
        return _several(p)
    if n == 2:
        return _binary(p)
    return _with_parameters(p) if p.has_params else _unary(p)


def _several(p: Any) -> Rule:
    """For any number of inputs, with or without parameters, of which some may be left out or carry no gradient."""
    raw, nondiff, n_inputs = p.raw.plain, p.nondiff, len(p.inputs)

    def call(*args: Any, **params: Any) -> Any:
        if len(args) < n_inputs and p.optional.issuperset(left_out := p.inputs[len(args) :]):
            return call(*args, *(None for _ in left_out), **params)
        level, kind, scalars = -1, None, False
        inner, nodes = [], []
        for a in args:
            node = None
            if type(a) is Tensor:
                if a.level != level:
                    if level >= 0:
                        return apply(p, args, params)
                    level = a.level
                node = a.node
                a = a.data
                if type(a) is not kind:
                    if kind is not None and level:  # one may be a value of a lower level
                        return apply(p, args, params)
                    kind = type(a)
            elif type(a) in SCALARS:
                scalars = True
            elif a is not None and (type(a) not in raw or a.dtype.kind not in "fiub"):
                return apply(p, args, params)
            inner.append(a)
            nodes.append(node)
        if kind is None:
            return apply_raw(p, args, params)
        try:
            y = raw[kind](*inner, **params) if level == 0 or kind in raw else call(*inner, **params)
        except Exception as error:
            if level == 0 and p.raw.learn(kind):
                return call(*args, **params)
            explain(p, tuple(inner), params, error)
        for i in nondiff:
            nodes[i] = None
        return boxed(p, level, narrow_result(y, inner) if scalars else y, inner, nodes, params)

    return call


def _with_parameters(p: Any) -> Rule:
    """For one input and parameters."""
    raw, new, differentiable = p.raw.plain, object.__new__, p.differentiable
    keep = _keeper(*p.keep[True,])

    def call(x: Any, **params: Any) -> Any:
        if type(x) is not Tensor:
            return apply_one(p, x, params)
        a = x.data
        try:
            y = raw[type(a)](a, **params) if not isinstance(a, Tensor) else call(a, **params)
        except Exception as error:
            if not isinstance(a, Tensor) and p.raw.learn(type(a)):
                return call(x, **params)
            explain(p, (a,), params, error)
        node = x.node
        if node is None or not differentiable or tape.paused or isinstance(y, tuple):
            return boxed(p, x.level, y, (a,), [node], params)
        t = new(Tensor)
        t.data = y
        t.level = x.level
        t.node = (p, [node], keep(y, a), params, y.shape, y.dtype, next(clock))
        return t

    return call


def _keeper(save_y: int, save_x: int) -> Rule:
    """What a node of one input keeps, of y and x."""
    if save_x == GHOST:
        return lambda y, x: [y if save_y else None, Ghost(x)]
    return lambda y, x: [y if save_y else None, x if save_x else None]


def _unary(p: Any) -> Rule:
    raw, new, differentiable = p.raw.plain, object.__new__, p.differentiable
    save_y, save_x = p.keep[True,]
    ghosts = GHOST in p.keep[True,]

    def call(x: Any) -> Any:
        if type(x) is not Tensor:
            return apply_one(p, x, {})
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


def _binary(p: Any) -> Rule:
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
                        kind = Tensor  # so that the forward is not given one
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
            if level == 0 or (kind in raw and (kind is type(z) or type(z) in SCALARS)):
                y = raw[kind](x, z)
            else:
                y = call(x, z)
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
