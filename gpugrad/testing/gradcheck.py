"""gradcheck: analytic derivatives of both modes against float64 differences along random directions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import array_device
from ..backend.device import to_numpy
from ..core.tensor import Tensor, as_array, raw
from ..core.transform import jvp, vjp
from ..core.tree import flatten
from ..errors import ArgumentError, DTypeError, GradientError

MODES = ("reverse", "forward")


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    modes: Sequence[str] = MODES,
    eps: float = 1e-4,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    n_directions: int = 2,
    seed: int = 0,
) -> bool:
    """True, or GradientError with the worst entry: are the derivatives of f at `inputs` right, up to `order`?

    For random unit tangents v and cotangents u, with J the Jacobian of f, three numbers must agree to
    atol + rtol * scale: the difference quotient (8 <u, f(x+hv) - f(x-hv)> - <u, f(x+2hv) - f(x-2hv)>) / 12h with
    h = eps, forward mode's <u, J v>, and reverse mode's <J^T u, v>.  For order 2 and more the same is asked of the
    functions that each mode makes, so all four orders of nesting are covered.

    inputs: float64 arrays of NumPy or CuPy, or containers of them, inside the domain of f, away from kinks by more than
    2 eps.  f returns an array or a nest.
    Raises DTypeError for inputs that are not float64, ArgumentError for arguments with which nothing would be checked,
    GradientError on a mismatch.
    Source: the fourth-order central difference; the adjoint identity <u, J v> = <J^T u, v>.

    >>> import numpy as np
    >>> gradcheck(lambda x: x * x * x, np.array([1.0, -2.0]), order=3)
    True
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if set(modes) - set(MODES) or not modes:
        raise ArgumentError(f"gradcheck: modes are {modes}; expected some of {MODES}")
    for name, value in (("order", order), ("n_directions", n_directions), ("eps", eps)):
        if not value > 0:
            raise ArgumentError(f"gradcheck: {name} is {value}; expected a positive number")
    leaves, nest = flatten(inputs)
    if not leaves:
        raise ArgumentError("gradcheck: got no inputs; expected the arrays at which f is checked")
    arrays = [_float64(i, x) for i, x in enumerate(leaves)]
    rng = np.random.default_rng(seed)
    path = getattr(f, "__name__", "f")
    _check(lambda *xs: f(*nest(xs)), arrays, order, modes, (eps, rtol, atol), n_directions, rng, path)
    return True


def _check(
    f: Callable[..., Any],
    xs: list[Any],
    order: int,
    modes: tuple[str, ...],
    tolerances: tuple[float, float, float],
    n_directions: int,
    rng: np.random.Generator,
    path: str,
) -> None:
    eps, rtol, atol = tolerances
    for _ in range(n_directions):
        vs = [_direction(rng, x.shape, x) for x in xs]
        u = [_direction(rng, y.shape, xs[0]) for y in _values(f, xs)]
        numeric = _quotient(f, xs, vs, u, eps)
        scale = atol + rtol * max(abs(numeric), _magnitude(f, xs, vs, u, eps))
        for mode in modes:
            exact = _exact(mode, f, xs, vs, u)
            if not abs(exact - numeric) <= scale:
                raise GradientError(_report(mode, f, xs, u, eps, path, exact, numeric, scale))
    if order > 1:
        for mode, g in _derivatives(f, vs, u, modes).items():
            _check(g, xs, order - 1, modes, tolerances, 1, rng, f"{mode} of {path}")


def _float64(i: int, x: Any) -> Any:
    array = as_array(x)
    if array.dtype != np.float64:
        raise DTypeError(f"gradcheck: input {i} has dtype {array.dtype}; expected float64, as differences need it")
    return array


def _direction(rng: np.random.Generator, shape: tuple[int, ...], beside: Any) -> Any:
    v = rng.standard_normal(shape)
    return _on(beside, np.asarray(v / max(1.0, float(np.linalg.norm(v)))))


def _on(x: Any, array: Any) -> Any:
    """A NumPy array on the device of x."""
    return array if isinstance(x, np.ndarray | np.generic) else array_device(x).asarray(array)


def _host(y: Any) -> Any:
    return np.asarray(to_numpy(raw(y) if isinstance(y, Tensor) else y), dtype=np.float64)


def _values(f: Callable[..., Any], xs: list[Any]) -> list[Any]:
    return [_host(y) for y in flatten(f(*xs))[0]]


def _dot(a: list[Any], b: list[Any]) -> float:
    return float(sum(np.vdot(_host(x), _host(y)) for x, y in zip(a, b, strict=True)))


def _quotient(f: Callable[..., Any], xs: list[Any], vs: list[Any], u: list[Any], eps: float) -> float:
    def at(step: float) -> list[Any]:
        return _values(f, [x + step * eps * v for x, v in zip(xs, vs, strict=True)])

    near = [p - m for p, m in zip(at(1), at(-1), strict=True)]
    far = [p - m for p, m in zip(at(2), at(-2), strict=True)]
    return (8 * _dot(u, near) - _dot(u, far)) / (12 * eps)


def _magnitude(f: Callable[..., Any], xs: list[Any], vs: list[Any], u: list[Any], eps: float) -> float:
    """How large the summands of <u, J v> are, so that cancellation between them is no failure."""
    plus = _values(f, [x + eps * v for x, v in zip(xs, vs, strict=True)])
    minus = _values(f, [x - eps * v for x, v in zip(xs, vs, strict=True)])
    return float(
        sum(np.sum(np.abs(w * (p - m))) for w, p, m in zip(map(_host, u), plus, minus, strict=True)) / (2 * eps)
    )


def _exact(mode: str, f: Callable[..., Any], xs: list[Any], vs: list[Any], u: list[Any]) -> float:
    if mode == "forward":
        return _dot(u, flatten(jvp(f, tuple(xs), tuple(vs))[1])[0])
    return _dot(vs, list(_pull(f, xs, u)))


def _pull(f: Callable[..., Any], xs: Sequence[Any], u: list[Any]) -> tuple[Any, ...]:
    _, pull = vjp(lambda *a: tuple(flatten(f(*a))[0]), *xs)
    return pull(tuple(u))


def _derivatives(f: Callable[..., Any], vs: list[Any], u: list[Any], modes: tuple[str, ...]) -> dict[str, Any]:
    made = {"reverse": lambda *a: _pull(f, a, u), "forward": lambda *a: jvp(f, a, tuple(vs))[1]}
    return {mode: made[mode] for mode in modes}


def _report(
    mode: str,
    f: Callable[..., Any],
    xs: list[Any],
    u: list[Any],
    eps: float,
    path: str,
    exact: float,
    numeric: float,
    allowed: float,
) -> str:
    worst = (-1.0, "")
    for i, x in enumerate(xs):
        for at in list(np.ndindex(x.shape))[:1000]:
            one = np.zeros(x.shape)
            one[at] = 1.0
            basis = [_on(z, one if k == i else np.zeros(z.shape)) for k, z in enumerate(xs)]
            analytic, difference = _exact(mode, f, xs, basis, u), _quotient(f, xs, basis, u, eps)
            gap = abs(analytic - difference)
            if not gap <= worst[0]:
                where = f"input {i} at {at} (value {float(x[at]):.6g})"
                worst = (gap, f"{where}: {mode} gives {analytic:.9g}, differences {difference:.9g}")
    return (
        f"gradcheck: {mode} mode of {path} is wrong: <u, J v> is {exact:.9g}, by differences {numeric:.9g}, allowed "
        f"{allowed:.2g}; worst entry: {worst[1]}"
    )
