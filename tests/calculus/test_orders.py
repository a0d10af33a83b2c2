"""Derivatives of derivatives: closed forms to order ten, and all combinations of transforms to order three (C15)."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops

ORDERS = range(1, 11)


def close(got, expected, rtol=1e-12):
    got = got.detach() if isinstance(got, gg.Tensor) else got
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-13)


WAYS = {
    "grad": gg.grad,
    "value_and_grad": lambda f: lambda x: gg.value_and_grad(f)(x)[1],
    "vjp": lambda f: lambda x: gg.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f: lambda x: gg.jvp(f, (x,), (1.0,))[1],
    "linearize": lambda f: lambda x: gg.linearize(f, x)[1](1.0),
    "jacfwd": gg.jacfwd,
    "jacrev": gg.jacrev,
    "elementwise_grad": gg.elementwise_grad,
}
FORWARD_AND_REVERSE = ("jvp", "grad")


def derivative(ways, f):
    """f differentiated once for each way, the last one innermost."""
    for way in reversed(ways):
        f = WAYS[way](f)
    return f


def all_ways(order):
    return itertools.product(WAYS, repeat=order)


# --- sin to order ten: the k-th derivative is sin(x + k pi / 2)


@pytest.mark.parametrize("x", [0.0, 0.7, -2.5])
@pytest.mark.parametrize(
    "ways",
    [("grad",) * 10, ("jvp",) * 10, ("jvp", "grad") * 5, ("grad", "jvp") * 5, ("jvp",) * 5 + ("grad",) * 5],
    ids=["reverse", "forward", "in turn", "in turn, reverse outside", "forward over reverse"],
)
def test_c15_sin_to_order_ten(ways, x):
    for order in ORDERS:
        close(derivative(ways[:order], ops.sin)(x), np.sin(x + order * np.pi / 2))


def test_c15_sin_to_order_ten_by_backward():
    points = np.array([0.0, 0.7, -2.5])
    x = gg.Tensor(points, requires_grad=True)
    y = ops.sin(x)
    for order in ORDERS:
        x.grad = None
        y.backward(np.ones(3), create_graph=True)
        y = x.grad
        close(y, np.sin(points + order * np.pi / 2))
    x.grad = None  # nothing is left of the graphs


# --- every transform in every transform


@pytest.mark.parametrize("order", [1, 2, 3])
def test_c15_every_combination_of_transforms(order):
    # x^2 sin x: 2x sin + x^2 cos; (2 - x^2) sin + 4x cos; (6 - x^2) cos - 6x sin
    x = 0.7
    s, c = np.sin(x), np.cos(x)
    expected = [2 * x * s + x**2 * c, (2 - x**2) * s + 4 * x * c, (6 - x**2) * c - 6 * x * s][order - 1]
    for ways in all_ways(order):
        close(derivative(ways, lambda x: x * x * ops.sin(x))(x), expected)


def nested(ways, f, at_y, at_z):
    """A function of x: d/dx d/dy d/dz f(x, y, z) by three ways, at points that may depend on x."""

    def by_z(x, y):
        return WAYS[ways[2]](lambda z: f(x, y, z))(at_z(x))

    def by_y(x):
        return WAYS[ways[1]](lambda y: by_z(x, y))(at_y(x))

    return WAYS[ways[0]](by_y)


def test_c15_mixed_partial_derivatives_in_every_combination():
    # x^2 y^3 z^4 at (2, 3, 1/2): d3/dx dy dz = 2x 3y^2 4z^3 = 4 * 27 * 1/2
    for ways in all_ways(3):
        close(nested(ways, lambda x, y, z: x**2 * y**3 * z**4, lambda x: 3.0, lambda x: 0.5)(2.0), 54.0)


# --- perturbation confusion: Siskind and Pearlmutter, Nesting forward-mode AD in a functional framework, 2008


def confusable(outer, inner, at):
    """d/dx [x d/dy (x + y)] = 1; one perturbation taken for the other gives 2."""
    return WAYS[outer](lambda x: x * WAYS[inner](lambda y: x + y)(at(x)))


def test_c15_perturbations_are_not_confused_in_any_pair():
    for outer, inner in all_ways(2):
        for at in (lambda x: 1.0, lambda x: x, lambda x: x * x):
            close(confusable(outer, inner, at)(1.0), 1.0)


def confusable_thrice(ways, f):
    """d/dx [x d/dy [y d/dz f(x, y, z)]] with y = z = x."""
    first, second, third = (WAYS[way] for way in ways)
    return first(lambda x: x * second(lambda y: y * third(lambda z: f(x, y, z))(x))(x))


def test_c15_perturbations_are_not_confused_in_any_three():
    # x + y + z: d/dx [x d/dy y] = 1.  x y z: d/dx [x d/dy (y x y)] = d/dx [2 x^3] at y = x: 6 x^2 = 24 at 2
    for ways in all_ways(3):
        close(confusable_thrice(ways, lambda x, y, z: x + y + z)(2.0), 1.0)
        close(confusable_thrice(ways, lambda x, y, z: x * y * z)(2.0), 24.0)
