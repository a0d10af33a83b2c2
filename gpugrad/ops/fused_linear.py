"""A linear layer and its activation as one operation, and all gradients of it as another: on a GPU, fused kernels.

`linear_act` keeps of its values only what the activation's derivative is taken from: y = phi(z), or z.
"""

import math
from typing import Any

from ..core.batch import batch_size
from ..core.namespace import PRIMITIVES, RAW
from ..core.primitive import primitive
from ..core.transform import as_value
from ..errors import ArgumentError
from . import self_gated, trigonometric  # noqa: F401 - the activations' primitives
from .linear import linear_, outer_sum

ACTIVATIONS: dict[str, dict[str, Any]] = {
    "identity": {},
    "relu": {},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0, "scale": 1.0},
    "sigmoid": {},
    "tanh": {},
    "softplus": {"beta": 1.0},
    "gelu": {"approximate": "none"},
    "silu": {},
    "mish": {},
}
Options = tuple[tuple[str, Any], ...]
_LINEAR: Any = linear_.primitive  # whose rules are called by name
_OUTER_SUM: Any = outer_sum.primitive


def keeps_y(activation: str) -> bool:
    """True where the derivative is taken from the output."""
    return activation == "identity" or bool(PRIMITIVES[activation].keep[True,][0])


def _pull(F: Any, activation: str, options: Options, g: Any, v: Any) -> Any:
    """g phi'(v), v = y or z."""
    return g if activation == "identity" else getattr(F, f"{activation}_grad")(g, v, **dict(options))


def _bend(F: Any, activation: str, options: Options, h: Any, g: Any, v: Any) -> Any:
    """h times the derivative of g phi'(v) by v; None where that is 0."""
    rules: tuple[Any, ...] = () if activation == "identity" else PRIMITIVES[f"{activation}_grad"].vjp_rules
    return rules[1](F, h, None, g, v, **dict(options)) if len(rules) > 1 else None


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


@primitive(saves={"x": "y w", "w": "y x", "b": "y b.shape"}, cuda="linear.linear_act")
def linear_act_(xp: Any, x: Any, w: Any, b: Any = None, *, activation: str, options: Options) -> tuple[Any, ...]:
    """(y,) or (y, z) with y = phi(z), z = x w^T + b: z only where phi's derivative is taken from it."""
    F = RAW[type(x)]
    z = F.linear(x, w, b)
    y = z if activation == "identity" else getattr(F, activation)(z, **dict(options))
    return (y,) if keeps_y(activation) else (y, z)


@linear_act_.vjp_all
def _(F, g, y, x, w, b, *, activation, options):
    g_y, g_z, v = g[0], g[1] if len(g) > 1 else None, y[-1]
    if g_z is not None:
        g_y = g_z if g_y is None else _pull(F, activation, options, g_y, v) + g_z
        activation, options, v = "identity", (), None
    found = F.linear_vjp(g_y, v, x, w, None, activation=activation, options=options, bias=b is not None)
    parts = iter(found)
    return tuple(None if absent else next(parts) for absent in (w is None, x is None, b is None))


@linear_act_.jvp
def _(F, tx, tw, tb, y, x, w, b, *, activation, options):
    t = _LINEAR.jvp_rule(F, tx, tw, tb, None, x, w, b)
    t = t if t.shape == y[0].shape else F.broadcast_to(t, shape=y[0].shape)
    return (_pull(F, activation, options, t, y[-1]), t)[: len(y)]


@linear_act_.batch
def _(F, batched, x, w, b=None, *, activation, options):
    z = _LINEAR.batch_rule(F, (*batched, False)[:3], x, w, b)
    y = z if activation == "identity" else getattr(F, activation)(z, **dict(options))
    return (y,) if keeps_y(activation) else (y, z)


@primitive(nondiff="scale", saves="g v x w scale", cuda="linear_vjp.linear_vjp")
def linear_vjp(
    xp: Any,
    g: Any,
    v: Any = None,
    x: Any = None,
    w: Any = None,
    scale: Any = None,
    *,
    activation: str,
    options: Options,
    bias: bool,
) -> tuple[Any, ...]:
    """From delta = g phi'(v): dx = delta w if w is given, dw = scale delta^T x if x is, db = scale sum(delta) if bias.

    g, v (..., n_out), x, dx (..., n_in), w, dw (n_out, n_in), db (n_out,); v = y or z as the activation keeps it, None
    for the identity.  scale: None, a number or a 0-d array, a constant; 1/N where g is of each sample's own loss and
    the gradients are of their mean.  Source: Murphy, Probabilistic Machine Learning, 13.3.3.
    """
    F = RAW[type(g)]
    delta, grads = _pull(F, activation, options, g, v), []
    if w is not None:
        grads.append(F.linear(delta, F.transpose(w, axes=(1, 0)), None))
    if x is not None:
        grads.append(_scaled(F, F.outer_sum(delta, x), scale))
    if bias:
        grads.append(_scaled(F, F.sum_to(delta, shape=delta.shape[-1:]), scale))
    return tuple(grads)


def _scaled(F: Any, y: Any, scale: Any) -> Any:
    return y if scale is None else F.astype(y * scale, dtype=y.dtype)


@linear_vjp.vjp_all
def _(F, h, y, g, v, x, w, scale, *, activation, options, bias):
    delta, h = _pull(F, activation, options, g, v), iter(h)
    h_x, h_w, h_b = (next(h) if given else None for given in (w is not None, x is not None, bias))
    h_w, h_b = (None if part is None else _scaled(F, part, scale) for part in (h_w, h_b))
    c, c_x, c_w = None, None, None
    if h_x is not None:
        c, c_w = F.linear(h_x, w, None), F.outer_sum(delta, h_x)
    if h_w is not None:
        c, c_x = _plus(c, F.linear(x, h_w, None)), F.linear(delta, F.transpose(h_w, axes=(1, 0)), None)
    if h_b is not None:
        c = _plus(c, F.broadcast_to(h_b, shape=g.shape))
    return _pull(F, activation, options, c, v), _bend(F, activation, options, c, g, v), c_x, c_w, None


@linear_vjp.jvp
def _(F, tg, tv, tx, tw, t_scale, y, g, v, x, w, scale, *, activation, options, bias):
    delta, tangents = _pull(F, activation, options, g, v), []
    t = None if tg is None else _pull(F, activation, options, tg, v)
    t = t if tv is None else _plus(t, _bend(F, activation, options, tv, g, v))
    if w is not None:
        through_w = None if tw is None else F.linear(delta, F.transpose(tw, axes=(1, 0)), None)
        through_g = None if t is None else F.linear(t, F.transpose(w, axes=(1, 0)), None)
        tangents.append(_plus(through_g, through_w))
    if x is not None:
        through_x = None if tx is None else F.outer_sum(delta, tx)
        through_g = None if t is None else F.outer_sum(t, x)
        both = _plus(through_g, through_x)
        tangents.append(None if both is None else _scaled(F, both, scale))
    if bias:
        tangents.append(None if t is None else _scaled(F, F.sum_to(t, shape=t.shape[-1:]), scale))
    return tuple(tangents)


@linear_vjp.batch
def _(F, batched, g, v=None, x=None, w=None, scale=None, *, activation, options, bias):
    of_g, of_v, of_x, of_w, of_scale = (*batched, *(False,) * 4)[:5]
    n = batch_size(batched, [g, v, x, w, scale][: len(batched)])
    g, v = (a if a is None or mine else _spread(F, a, n) for a, mine in ((g, of_g), (v, of_v)))
    delta, grads = _pull(F, activation, options, g, v), []
    if w is not None:
        w = F.transpose(w, axes=(0, 2, 1) if of_w else (1, 0))
        grads.append(_LINEAR.batch_rule(F, (True, of_w, False), delta, w, None))
    if x is not None:
        grads.append(_OUTER_SUM.batch_rule(F, (True, of_x), delta, x))
    if bias:
        lead = math.prod(delta.shape[1:-1])
        grads.append(F.sum(F.reshape(delta, shape=(n, lead, delta.shape[-1])), axis=(1,), keepdims=False))
    return tuple(
        grad if i == 0 and w is not None else _scaled(F, grad, _beside(F, scale, grad) if of_scale else scale)
        for i, grad in enumerate(grads)
    )


def _spread(F: Any, a: Any, n: int) -> Any:
    return F.broadcast_to(a, shape=(n, *a.shape))


def _beside(F: Any, scale: Any, grad: Any) -> Any:
    """One scale for each example, beside its gradient."""
    return F.reshape(scale, shape=(scale.shape[0], *(1,) * (len(grad.shape) - 1)))


def linear_act(x: Any, w: Any, b: Any = None, activation: str = "relu", **options: Any) -> Any:
    """phi(x w^T + b): x (..., n_in), w (n_out, n_in), b (n_out,) or None -> (..., n_out), phi by its name.

    activation: identity, relu, leaky_relu, elu, sigmoid, tanh, softplus, gelu, silu or mish, with the options of the
    operation of that name.  dtypes and gradients are those of `linear` followed by that operation; on a GPU bias and
    activation are one kernel, and so are delta = g phi', the bias gradient and, for narrow layers, the weight gradient.

    Raises ArgumentError for another activation or option, ShapeError where the shapes do not fit.

    >>> linear_act(np.array([[1.0, -1.0]]), np.array([[2.0, 0.0], [0.0, 3.0]]))
    array([[2., 0.]])
    """
    defaults = ACTIVATIONS.get(activation)
    if defaults is None or not options.keys() <= defaults.keys():
        expected = "one of " + ", ".join(ACTIVATIONS) if defaults is None else f"options {sorted(defaults)}"
        raise ArgumentError(f"linear_act: activation is {activation!r} with {sorted(options)}; expected {expected}")
    given = tuple({**defaults, **options}.items())
    x, w, b = as_value(x), as_value(w), b if b is None else as_value(b)
    return linear_act_(x, w, b, activation=activation, options=given)[0]


__all__ = ["linear_act"]
