"""Transforms of functions: grad, value_and_grad, vjp, jvp.  Each opens a level, so they nest to any depth."""

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from . import tape
from .backward import sweep, unshared
from .dual import dual
from .namespace import namespace
from .tape import TIME, new_leaf
from .tensor import Tensor, as_array, is_floating, raw, wrap
from .tree import flatten, flatten_as

new_level = itertools.count(1).__next__  # ever growing: an inner level is above its outer one, in every thread


def stop_gradient(x: Any) -> Any:
    """The same value, a constant to every derivative; in a container, of each leaf.  Arrays pass through unchanged."""
    if isinstance(x, Tensor):
        return x.detach()
    leaves, unflatten = flatten(x)
    if not any(isinstance(v, Tensor) for v in leaves):
        return x
    return unflatten([v.detach() if isinstance(v, Tensor) else v for v in leaves])


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(y, pull) with y = f(*primals) and pull(g) the tuple of cotangents g^T J, one for each primal.

    `pull` may be called many times.  With has_aux, f returns (y, aux) and the result is (y, pull, aux).  y and g may be
    nested containers.  Raises DTypeError for a primal that is not floating, ShapeError for g not like y.
    Source: reverse mode, Murphy, Probabilistic Machine Learning, 13.3.1, algorithm 6.

    >>> import gpugrad as gg
    >>> y, pull = gg.vjp(lambda x, w: x * w, 3.0, 4.0)
    >>> [float(g) for g in pull(1.0)]
    [4.0, 3.0]
    """
    value, below, send, *aux = recorded("vjp", f, primals, has_aux, retain=True)

    def pull(g: Any) -> Any:
        if len(below) == 1 and type(g) is np.ndarray and g.shape == below[0].shape and g.dtype == below[0].dtype:
            return send([g])  # the usual case
        return send([_like("vjp", c, v) for c, v in zip(_matching("vjp", g, value, below), below, strict=True)])

    return value, pull, *aux


def recorded(
    name: str, f: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool, retain: bool, names: Any = None
) -> tuple[Any, ...]:
    """(value, its leaves, send) of f(*primals), and aux with has_aux; `name` is whoever asks, for the errors.

    send(cotangents of the leaves) gives those of the primals; more than once only with `retain`.  `names` is the
    sweep's.
    """
    level = new_level()
    inputs, unflatten = flatten(primals)
    inputs = [_input(name, x) for x in inputs]
    leaves = [new_leaf(x.shape, x.dtype) for x in inputs]
    f = f if tape.records(level) else tape.record_from(level)(f)
    out = f(*unflatten([wrap(x, leaf, level) for x, leaf in zip(inputs, leaves, strict=True)]))
    y, aux = _with_aux(name, out) if has_aux else (out, None)
    outputs, rebuild = flatten(y)
    below = [_lower(v, level) for v in outputs]
    nodes = [v.node if _at(v, level) else None for v in outputs]

    def send(cotangents: list[Any]) -> Any:
        roots = [(node, c) for node, c in zip(nodes, cotangents, strict=True) if node is not None]
        held = {id(raw(c)) for c in cotangents}
        found = {leaf[TIME]: unshared(g, held) for leaf, g in sweep(roots, level, retain, names=names)}
        return unflatten([_or_zeros(found.get(leaf[TIME]), x) for leaf, x in zip(leaves, inputs, strict=True)])

    parts = rebuild(below), below, send
    return (*parts, _lower_tree(aux, level)) if has_aux else parts


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """(y, t) with y = f(*primals) and t = J v for the tangents v, in one forward pass.

    With has_aux, f returns (y, aux) and the result is (y, t, aux).  Raises DTypeError for a primal that is not
    floating, ShapeError for a tangent not like its primal.
    Source: forward mode, Murphy, Probabilistic Machine Learning, 13.3.1, algorithm 5.

    >>> import gpugrad as gg
    >>> y, t = gg.jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(t)
    6.0
    """
    for given in (primals, tangents):
        if not isinstance(given, tuple | list):
            raise ArgumentTypeError(f"jvp: primals and tangents are sequences; got {_describe(given)}, expected (x,)")
    level = new_level()
    inputs, unflatten = flatten(tuple(primals))
    inputs = [_input("jvp", x) for x in inputs]
    given = _matching("jvp", tuple(tangents), tuple(primals), inputs)
    vectors = [_like("jvp", t, x) for t, x in zip(given, inputs, strict=True)]
    out = f(*unflatten([dual(x, t, level) for x, t in zip(inputs, vectors, strict=True)]))
    y, aux = _with_aux("jvp", out) if has_aux else (out, None)
    outputs, rebuild = flatten(y)
    below = [_lower(v, level) for v in outputs]
    pushed = [_or_zeros(v.tangent if _at(v, level) else None, x) for v, x in zip(outputs, below, strict=True)]
    result = rebuild(below), rebuild(pushed)
    return (*result, _lower_tree(aux, level)) if has_aux else result


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns (f(*args), gradient with respect to the arguments chosen by argnums).

    f returns one number, shape (); the gradient has the structure, shapes and dtypes of the chosen argument, or is a
    tuple of such for several argnums.  With has_aux, f returns (value, aux) and the result is ((value, aux), gradient).
    Raises ShapeError where f's value is no scalar, ArgumentError for argnums out of range, DTypeError for integers.

    >>> import gpugrad as gg
    >>> value, g = gg.value_and_grad(lambda x: x**3)(2.0)
    >>> float(value), float(g)
    (8.0, 12.0)
    """

    run = gradient_of("grad", f, argnums, has_aux)

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        value, g, *aux = run(args, kwargs)
        return ((value, *aux), g) if has_aux else (value, g)

    return of


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of scalar-valued f; arguments and errors as `value_and_grad`.

    With has_aux the result is (gradient, aux).

    >>> import gpugrad as gg
    >>> float(gg.grad(gg.grad(lambda x: x**3))(2.0))
    12.0
    """
    run = gradient_of("grad", f, argnums, has_aux)

    @functools.wraps(f)
    def of(*args: Any, **kwargs: Any) -> Any:
        _, g, *aux = run(args, kwargs)
        return (g, *aux) if has_aux else g

    return of


def gradient_of(
    name: str, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool = False, names: Any = None
) -> Callable[..., Any]:
    """A function of (args, kwargs) that gives (value, gradient), and aux with has_aux; arguments as `recorded`."""

    def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        chosen = chosen_arguments(name, argnums, args)
        partial = with_arguments(f, chosen, args, kwargs)
        some = tuple([args[i] for i in chosen])
        value, _, send, *aux = recorded(name, partial, some, has_aux, retain=False, names=names)
        check_scalar(name, value)
        grads = send([_one_like(value)])
        return value, grads if isinstance(argnums, Sequence) else grads[0], *aux

    return run


def check_scalar(name: str, value: Any) -> None:
    """ShapeError where a function that is to be differentiated as a whole has given more than one number."""
    if getattr(value, "shape", None) != ():
        raise ShapeError(
            f"{name}: the function returned {_describe(value)}; expected one number, shape (): reduce it with .sum() "
            "or .mean(), or use gpugrad.vjp"
        )


def as_value(x: Any) -> Any:
    """A Tensor or raw array as it is, a list or number as an array."""
    return x if isinstance(x, Tensor) else as_array(x)


def _input(name: str, x: Any) -> Any:
    """A primal as the value one level below the transform."""
    x = as_value(x)
    if not is_floating(x.dtype):
        raise DTypeError(
            f"{name}: an input has dtype {x.dtype}, which carries no gradient; expected a floating dtype "
            "(pass 2.0 rather than 2, or choose other argnums)"
        )
    return x


def _at(v: Any, level: int) -> bool:
    return isinstance(v, Tensor) and v.level == level


def _lower(v: Any, level: int) -> Any:
    """An output with this level taken off."""
    if _at(v, level):
        return v.data
    return v if isinstance(v, Tensor) else as_array(v)


def _lower_tree(x: Any, level: int) -> Any:
    leaves, unflatten = flatten(x)
    return unflatten([v.data if _at(v, level) else v for v in leaves])


def _matching(name: str, given: Any, tree: Any, expected: list[Any]) -> list[Any]:
    """The leaves of `given` that belong to those of `tree`, which are `expected`."""
    leaves = flatten_as(tree, given)
    if len(leaves) != len(expected):
        raise ArgumentTypeError(f"{name}: got {len(leaves)} arrays; expected {len(expected)}, one for each value")
    return leaves


def _like(name: str, t: Any, x: Any) -> Any:
    """A tangent or cotangent that fits x."""
    t = t if isinstance(t, Tensor) else as_array(t)
    if t.shape != x.shape:
        raise ShapeError(f"{name}: got a vector of shape {t.shape}; expected {x.shape}, the shape of its value")
    return t if t.dtype == x.dtype else namespace(t).astype(t, dtype=x.dtype)


def _or_zeros(g: Any, x: Any) -> Any:
    return namespace(x).zeros_like(x) if g is None else g


def _one_like(value: Any) -> Any:
    """1 as a value of the kind and dtype of `value`, which has shape ()."""
    plain = type(value) is np.ndarray or isinstance(value, np.generic)
    return np.array(1, value.dtype) if plain else namespace(value).ones_like(value)


def _with_aux(name: str, out: Any) -> tuple[Any, Any]:
    if not (isinstance(out, tuple) and len(out) == 2):
        raise ArgumentTypeError(
            f"{name}: has_aux=True expects the function to return (value, aux), got {_describe(out)}"
        )
    return out


def chosen_arguments(name: str, argnums: int | Sequence[int], args: tuple[Any, ...]) -> list[int]:
    """argnums as a list of indices from 0; ArgumentError for one out of range or named twice, ArgumentTypeError."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return [argnums]
    try:
        wanted = [operator.index(i) for i in (argnums if isinstance(argnums, Sequence) else (argnums,))]
    except TypeError:
        raise ArgumentTypeError(f"{name}: argnums is {argnums!r}; expected an int or a sequence of ints") from None
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise ArgumentError(
                f"{name}: argnums {i} is out of range; the function got {len(args)} positional arguments"
            )
    chosen = [i % len(args) for i in wanted]
    if len(set(chosen)) < len(chosen):
        raise ArgumentError(f"{name}: argnums {argnums} names an argument twice; expected each once")
    return chosen


def with_arguments(
    f: Callable[..., Any], chosen: list[int], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., Any]:
    """f as a function of the chosen positional arguments alone."""
    if not kwargs and chosen == list(range(len(args))):
        return f

    def partial(*some: Any) -> Any:
        full = list(args)
        for i, x in zip(chosen, some, strict=True):
            full[i] = x
        return f(*full, **kwargs)

    return partial


def _describe(x: Any) -> str:
    shape = getattr(x, "shape", None)
    return f"a {type(x).__name__}" if shape is None else f"an array of shape {shape}"
