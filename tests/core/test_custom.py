"""custom_vjp and custom_jvp: rules of the user's own, of first and second order, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentTypeError, GradientError, ShapeError
from gpugrad.testing import gradcheck

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=4), RNG.normal(size=4)


def close(got, expected):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-12, atol=1e-14)


def with_vjp(f, fwd, bwd):
    f = gg.custom_vjp(f)
    f.defvjp(fwd, bwd)
    return f


def with_jvp(f, rule):
    f = gg.custom_jvp(f)
    f.defjvp(rule)
    return f


cube = with_vjp(lambda x: x * x * x, lambda x: (x * x * x, x), lambda x, g: (3.0 * x * x * g,))
product = with_vjp(
    lambda x, y: (x * y, x + y),
    lambda x, y: ((x * y, x + y), (x, y)),
    lambda r, g: (g[0] * r[1] + g[1], g[0] * r[0] + g[1]),
)


# --- custom_vjp


def test_the_rule_is_used():
    calls = []
    f = with_vjp(ops.sin, lambda x: (ops.sin(x), None), lambda _, g: calls.append(1) or (7.0 * g,))
    close(f(X), np.sin(X))
    close(gg.grad(lambda x: f(x).sum())(X), np.full(4, 7.0))
    x = gg.Tensor(X, requires_grad=True)
    f(x).sum().backward()
    close(x.grad, np.full(4, 7.0))
    assert len(calls) == 2


def test_higher_orders():
    close(gg.grad(gg.grad(cube))(2.0), 12.0)
    close(gg.grad(gg.grad(gg.grad(cube)))(2.0), 6.0)
    x = gg.Tensor(X, requires_grad=True)
    cube(x).sum().backward(create_graph=True)
    (x.grad * x.grad).sum().backward()
    close(x.grad, 3 * X**2 + 36 * X**3)  # added up: the first gradient and d (3x^2)^2


def check_orders(f, expected, orders):
    """f's derivatives of these orders are those of `expected`, at X."""
    for order in orders:
        got, want = f, expected
        for _ in range(order):
            got, want = gg.elementwise_grad(got), gg.elementwise_grad(want)
        close(got(X), want(X))


def test_the_residuals_have_derivatives_too():
    # y = sigmoid(x) kept as the residual: y' = y (1 - y), whose derivative goes through the residual
    f = with_vjp(ops.sigmoid, lambda x: ((y := ops.sigmoid(x)), y), lambda y, g: (g * y * (1.0 - y),))
    check_orders(f, ops.sigmoid, range(3))


def test_several_inputs_and_outputs():
    y, pull = gg.vjp(product, X, Y)
    close(y[0], X * Y)
    got = pull((np.ones(4), 2.0 * np.ones(4)))
    close(got[0], Y + 2.0)
    close(got[1], X + 2.0)
    close(gg.grad(lambda x: product(x, Y)[1].sum())(X), np.ones(4))  # an output that nobody uses
    close(gg.jacobian(lambda x, y: product(x, y)[0], (0, 1), "reverse")(X, Y)[1], np.diag(X))


def test_containers_and_arguments_without_a_gradient():
    def fwd(tree, i, how):
        return {"y": tree["a"] * 2.0, "z": tree["b"][i]}, None

    f = with_vjp(
        lambda tree, i, how: fwd(tree, i, how)[0],
        fwd,
        lambda _, g: ({"b": ops.zeros(4), "a": g["y"] * 5.0}, None, None),
    )
    got = gg.grad(lambda t: f(t, 1, "text")["y"].sum())({"a": X, "b": Y})
    close(got["a"], np.full(4, 5.0))
    close(got["b"], np.zeros(4))


def test_none_is_a_zero_cotangent():
    f = with_vjp(lambda x, y: x * y, lambda x, y: (x * y, y), lambda y, g: (g * y, None))
    a, b = gg.grad(lambda x, y: f(x, y).sum(), (0, 1))(X, Y)
    close(a, Y)
    close(b, np.zeros(4))


def test_in_vmap_and_per_sample():
    rows = np.stack([X, Y, X + Y])
    close(gg.vmap(cube)(rows), rows**3)
    close(gg.vmap(gg.grad(lambda x: cube(x).sum()))(rows), 3 * rows**2)
    close(gg.grad(lambda r: gg.vmap(lambda x: cube(x).sum())(r).sum())(rows), 3 * rows**2)
    close(gg.vmap(gg.grad(lambda x, y: product(x, y)[0].sum()), (None, 0))(X, rows), rows)
    close(gg.jacobian(cube, mode="reverse")(X), np.diag(3 * X**2))
    close(gg.vmap(gg.grad(gg.grad(cube)))(X), 6 * X)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_rule_is_used_outside_a_map_too(depth):
    # rules that no derivative of the function would give: 7 for each use, times the batch where x is shared
    reverse = with_vjp(lambda x, y: ops.sin(x) * y, lambda x, y: (ops.sin(x) * y, y), lambda y, g: (7.0 * y * g, None))
    forward = with_jvp(lambda x, y: ops.sin(x) * y, lambda p, t: (ops.sin(p[0]) * p[1], 7.0 * p[1] * t[0]))
    rows = np.ones((2,) * depth + (4,)) * Y
    for f in (reverse, forward):
        mapped = lambda x, y, f=f: f(x, y)  # noqa: E731
        shared = lambda x, y, f=f: f(x, y)  # noqa: E731
        for _ in range(depth):
            mapped, shared = gg.vmap(mapped), gg.vmap(shared, (None, 0))
        close(gg.grad(lambda x: mapped(x, rows).sum())(rows), 7 * rows)  # noqa: B023
        close(gg.grad(lambda x: shared(x, rows).sum())(X), 7 * 2**depth * Y)  # noqa: B023
        x = gg.Tensor(rows, requires_grad=True)
        mapped(x, rows).sum().backward()
        close(x.grad, 7 * rows)
    close(gg.jvp(lambda x: mapped(x, rows), (rows,), (rows,))[1], 7 * rows * rows)
    close(gg.jvp(lambda x: shared(x, rows), (X,), (X,))[1], 7 * rows * X)


def test_a_straight_through_estimator():
    f = with_vjp(ops.round, lambda x: (ops.round(x), None), lambda _, g: (g,))
    close(gg.grad(lambda x: (f(x) * Y).sum())(X), Y)


def test_a_module_as_an_argument():
    layer = nn.Linear(4, 2, dtype="float64", rng=0)
    f = with_vjp(
        lambda m, x: m(x),
        lambda m, x: (m(x), (m.weight, x)),
        lambda r, g: (None, ops.matmul(g, r[0]) * 10.0),
    )
    with gg.no_grad():
        close(gg.grad(lambda x: f(layer, x).sum())(X), 10.0 * layer.weight.detach().numpy().sum(0))


# --- custom_jvp


square = with_jvp(lambda x: x * x, lambda p, t: (p[0] * p[0], 2.0 * p[0] * t[0]))


def test_one_rule_gives_both_modes_and_orders():
    close(square(X), X * X)
    close(gg.jvp(square, (X,), (Y,))[1], 2 * X * Y)
    close(gg.grad(lambda x: square(x).sum())(X), 2 * X)
    close(gg.hessian(lambda x: square(x).sum())(X), 2 * np.eye(4))
    assert gradcheck(square, X, order=2)
    for mode in ("forward", "reverse"):
        close(gg.jacobian(square, mode=mode)(X), np.diag(2 * X))
    close(gg.vmap(gg.grad(square))(X), 2 * X)
    close(gg.vmap(lambda x: gg.jvp(square, (x,), (1.0,))[1])(X), 2 * X)


def test_the_forward_rule_is_used_in_both_modes():
    f = with_jvp(ops.sin, lambda p, t: (ops.sin(p[0]), 7.0 * t[0]))
    close(gg.jvp(f, (X,), (Y,))[1], 7 * Y)
    close(gg.grad(lambda x: f(x).sum())(X), np.full(4, 7.0))
    x = gg.Tensor(X, requires_grad=True)
    f(x).sum().backward()
    close(x.grad, np.full(4, 7.0))


def test_a_rule_may_call_the_function():
    log1pexp = with_jvp(lambda x: ops.log1p(ops.exp(x)), lambda p, t: (log1pexp(p[0]), ops.sigmoid(p[0]) * t[0]))
    close(gg.grad(log1pexp)(1e3 * 0.1), 1.0)
    check_orders(log1pexp, ops.softplus, range(1, 4))


def test_several_arguments_and_outputs_of_a_forward_rule():
    f = with_jvp(
        lambda d, y: (d["x"] * y, y.sum()),
        lambda p, t: ((p[0]["x"] * p[1], p[1].sum()), (t[0]["x"] * p[1] + p[0]["x"] * t[1], t[1].sum())),
    )
    d, y = gg.grad(lambda d, y: f(d, y)[0].sum() + 3.0 * f(d, y)[1], (0, 1))({"x": X}, Y)
    close(d["x"], Y)
    close(y, X + 3.0)
    close(gg.jvp(lambda y: f({"x": X}, y)[0], (Y,), (Y,))[1], X * Y)


def test_an_integer_argument_of_a_forward_rule():
    f = with_jvp(lambda x, n: x**n, lambda p, t: (p[0] ** p[1], p[1] * p[0] ** (p[1] - 1) * t[0]))
    close(gg.grad(lambda x: f(x, 3).sum())(X), 3 * X**2)
    close(gg.jvp(lambda x: f(x, 3), (X,), (Y,))[1], 3 * X**2 * Y)
    close(gg.grad(lambda x: f(x, np.array([1, 2, 3, 4])).sum())(X), np.arange(1, 5) * X ** np.arange(4))


# --- what both share


@pytest.mark.parametrize("kind", [gg.custom_vjp, gg.custom_jvp])
def test_names_and_documentation_stay(kind):
    @kind
    def f(x):
        """Doc."""
        return x

    assert f.__name__ == "f" and f.__doc__ == "Doc."


def no_rule(kind):
    @kind
    def f(x):
        return x * 1.0

    return f


def returns(value, *args):
    return with_vjp(lambda *a: a[0] * 1.0, lambda *a: (a[0] * 1.0, None), lambda r, g: value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: no_rule(gg.custom_vjp)(X), GradientError, r"f: custom_vjp has no rule yet; call defvjp"),
        (lambda: no_rule(gg.custom_jvp)(X), GradientError, r"f: custom_jvp has no rule yet; call defjvp"),
        (lambda: gg.grad(lambda x: returns(X)(x).sum())(X), ArgumentTypeError, "tuple of 1 cotangents"),
        (lambda: gg.grad(lambda x: returns((X, X))(x).sum())(X), ArgumentTypeError, "tuple of 1 cotangents"),
        (lambda: gg.grad(lambda x: returns(((X, X),))(x).sum())(X), ArgumentTypeError, "2 arrays for 1 inputs"),
        (
            lambda: gg.grad(lambda x: returns((Y[:3],))(x).sum())(X),
            ShapeError,
            r"bwd returned a cotangent of shape \(3,\); expected \(4,\)",
        ),
        (lambda: gg.jvp(cube, (X,), (Y,)), GradientError, "has no forward rule; use reverse mode"),
        (
            lambda: gg.grad(lambda w: with_vjp(lambda x: x * w, lambda x: (x * w, None), lambda r, g: (g,))(X).sum())(
                Y
            ),
            GradientError,
            "not among its arguments",
        ),
        (
            lambda: with_vjp(ops.sin, ops.sin, lambda r, g: (g,))(X),
            ArgumentTypeError,
            r"fwd must return \(y, residuals\)",
        ),
        (
            lambda: gg.jvp(with_jvp(ops.sin, lambda p, t: t[0]), (X,), (Y,)),
            ArgumentTypeError,
            r"rule must return \(y, t\)",
        ),
        (
            lambda: gg.jvp(with_jvp(ops.sin, lambda p, t: (p[0], (t[0], t[0]))), (X,), (Y,)),
            ArgumentTypeError,
            "2 tangents for 1",
        ),
    ],
)
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("kind", [gg.custom_vjp, gg.custom_jvp])
def test_arguments_by_name_take_their_places(kind):
    def scaled(x, w, k=3.0):
        return x * w * k

    f = kind(scaled)
    if kind is gg.custom_vjp:
        f.defvjp(lambda x, w, k=3.0: (x * w * k, (x, w, k)), lambda r, g: (g * r[1] * r[2], g * r[0] * r[2], None))
    else:
        f.defjvp(lambda p, t: (p[0] * p[1] * p[2], (t[0] * p[1] + p[0] * t[1]) * p[2]))
    assert gg.grad(lambda x: f(w=x, x=2.0))(5.0) == 6.0
    assert gg.grad(lambda x: f(x, k=1.0, w=4.0))(5.0) == 4.0


def test_keyword_only_arguments_are_refused():
    f = gg.custom_vjp(lambda x, *, k: x * k)
    with pytest.raises(ArgumentTypeError, match="k is keyword-only; expected positional"):
        f(1.0, k=2.0)
