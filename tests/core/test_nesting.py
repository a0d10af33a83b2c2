"""Modes inside modes to depth 3, without confusing whose perturbation is whose."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.testing import gradcheck

MODES = ("reverse", "forward")


def derivative(mode, f):
    """f' of a function of one number, by one mode."""
    if mode == "reverse":
        return gg.grad(f)
    return lambda x: gg.jvp(f, (x,), (1.0,))[1]


def modes(depth):
    return pytest.mark.parametrize("chosen", list(itertools.product(MODES, repeat=depth)), ids="-".join)


def close(got, expected):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=1e-13)


# --- derivatives of derivatives


@modes(2)
def test_second_derivative(chosen):
    # x^3 at 2: 6x = 12.  tanh at 0.5: -2 t (1 - t^2)
    outer, inner = chosen
    close(derivative(outer, derivative(inner, lambda x: x * x * x))(2.0), 12.0)
    t = np.tanh(0.5)
    close(derivative(outer, derivative(inner, ops.tanh))(0.5), -2 * t * (1 - t**2))


@modes(3)
def test_third_derivative(chosen):
    # x^4 at 2: 24 x = 48.  sin at 0.7: -cos 0.7.  x sin x: -3 sin x - x cos x
    for f, x, expected in (
        (lambda x: x * x * x * x, 2.0, 48.0),
        (ops.sin, 0.7, -np.cos(0.7)),
        (lambda x: x * ops.sin(x), 0.7, -3 * np.sin(0.7) - 0.7 * np.cos(0.7)),
    ):
        for mode in reversed(chosen):
            f = derivative(mode, f)
        close(f(x), expected)


@modes(2)
def test_a_mixed_partial_derivative(chosen):
    # f = x^2 y^3: d/dx d/dy f = 6 x y^2 = 6 * 2 * 9 = 108
    outer, inner = chosen

    def by_y(x):
        return derivative(inner, lambda y: x * x * y * y * y)(3.0)

    close(derivative(outer, by_y)(2.0), 108.0)


@pytest.mark.parametrize("depth", [5])
def test_deep_nesting_of_one_mode(depth):
    # x^5: the fifth derivative is 120
    for mode in MODES:

        def f(x):
            return x * x * x * x * x

        for _ in range(depth):
            f = derivative(mode, f)
        close(f(1.7), 120.0)


# --- perturbation confusion


@modes(2)
def test_perturbations_are_not_confused(chosen):
    # d/dx [x * d/dy (x + y)] = d/dx [x * 1] = 1; mixing the two perturbations up gives 2
    outer, inner = chosen
    close(derivative(outer, lambda x: x * derivative(inner, lambda y: x + y)(1.0))(1.0), 1.0)
    close(derivative(outer, lambda x: x * derivative(inner, lambda y: x + y)(x))(1.0), 1.0)


@modes(2)
def test_the_inner_point_may_depend_on_the_outer_variable(chosen):
    # d/dx [x * d/dy (x y^2) at y = x] = d/dx [x * 2 x^2] = 6 x^2 = 24 at 2
    outer, inner = chosen
    close(derivative(outer, lambda x: x * derivative(inner, lambda y: x * y * y)(x))(2.0), 24.0)


@modes(3)
def test_three_variables_are_not_confused(chosen):
    # h(x) = x * d/dy [y * d/dz (x y z) at z = 1] at y = 1 = x * d/dy [x y^2] = 2 x^2; h'(3) = 12
    first, second, third = chosen

    def in_y(x):
        return lambda y: y * derivative(third, lambda z: x * y * z)(1.0)

    close(derivative(first, lambda x: x * derivative(second, in_y(x))(1.0))(3.0), 12.0)


@modes(2)
def test_an_inner_derivative_of_a_constant_is_zero(chosen):
    # d/dx [d/dy (x^2)] = 0: the inner function does not depend on its own variable
    outer, inner = chosen
    close(derivative(outer, lambda x: derivative(inner, lambda y: x * x + 0.0 * y)(1.0))(3.0), 0.0)
    close(derivative(outer, lambda x: derivative(inner, lambda y: x * x)(1.0))(3.0), 0.0)


@modes(2)
def test_an_outer_derivative_past_a_finished_inner_one(chosen):
    # (d/dy y^2 at 3) * x = 6x: the inner value is a constant to the outer mode
    outer, inner = chosen
    close(derivative(outer, lambda x: derivative(inner, lambda y: y * y)(3.0) * x)(5.0), 6.0)


@modes(2)
def test_a_function_that_differs_by_branch(chosen):
    outer, inner = chosen

    def f(x):
        return x * x * x if float(x) > 0 else -x * x

    close(derivative(outer, derivative(inner, f))(2.0), 12.0)
    close(derivative(outer, derivative(inner, f))(-2.0), -2.0)


@modes(2)
def test_vectors_through_both_levels(chosen):
    # f(x) = sum(x^3 c): H v = 6 x c v
    outer, inner = chosen
    x, c, v = np.array([1.0, -2.0, 0.5]), np.array([3.0, 1.0, -1.0]), np.array([1.0, 2.0, -4.0])

    def directional(g):
        """The derivative of vector-valued g along v."""
        if outer == "forward":
            return lambda x: gg.jvp(g, (x,), (v,))[1]
        return lambda x: gg.vjp(g, x)[1](v)[0]  # the Hessian is symmetric

    def gradient(x):
        if inner == "reverse":
            return gg.grad(lambda x: (x * x * x * c).sum())(x)
        return 3.0 * x * x * c  # the same by hand

    close(directional(gradient)(x), 6 * x * c * v)


# --- .backward() and the transforms together


def test_backward_through_a_gradient():
    # p = d/dx x^3 = 3x^2; loss = p^2 = 9x^4; 36 x^3 = 288 at 2
    x = gg.Tensor(np.array(2.0), requires_grad=True)
    p = gg.grad(lambda v: v * v * v)(x)
    (p * p).backward()
    close(x.grad.numpy(), 288.0)


def test_backward_through_a_tangent():
    # t = 3 x^2 * 5; dt/dx = 30 x = 60 at 2
    x = gg.Tensor(np.array(2.0), requires_grad=True)
    _, t = gg.jvp(lambda v: v * v * v, (x,), (5.0,))
    t.backward()
    close(x.grad.numpy(), 60.0)


def test_backward_to_a_tangent_vector():
    # t = 3 x^2 s; dt/ds = 3 x^2 = 12 at 2
    x, s = 2.0, gg.Tensor(np.array(5.0), requires_grad=True)
    _, t = gg.jvp(lambda v: v * v * v, (x,), (s,))
    t.backward()
    close(s.grad.numpy(), 12.0)


def test_a_closure_over_leaves_of_backward():
    # g(x) = d/dx (w x^2) = 2 w x; then d(2 w x)/dw = 2x = 6
    w = gg.Tensor(np.array(4.0), requires_grad=True)
    g = gg.grad(lambda x: w * x * x)(3.0)
    assert float(g) == 24.0 and g.requires_grad
    g.backward()
    close(w.grad.numpy(), 6.0)


def test_a_closure_over_leaves_in_forward_mode():
    w = gg.Tensor(np.array(4.0), requires_grad=True)
    y, t = gg.jvp(lambda x: w * x * x, (3.0,), (1.0,))
    (y + t).backward()  # w x^2 + 2 w x: 9 + 6
    close(w.grad.numpy(), 15.0)


def test_a_plain_gradient_leaves_closed_over_leaves_alone():
    w = gg.Tensor(np.array(4.0), requires_grad=True)
    gg.grad(lambda x: w * x * x)(3.0)
    assert w.grad is None


def test_backward_inside_a_function_under_a_transform():
    # Inside, .backward() on other leaves: its result is a number to the transform.
    def f(x):
        w = gg.Tensor(np.array(3.0), requires_grad=True)
        (w * w).backward()
        return x * w.grad  # 6x

    for mode in MODES:
        close(derivative(mode, f)(2.0), 6.0)


def test_a_gradient_penalty():
    # loss = sum((d/dx sum(w x^2))^2) = sum(4 w^2 x^2); d/dw = 8 w x^2
    w = gg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    x = np.array([3.0, -1.0])
    g = gg.grad(lambda x: (w * x * x).sum())(x)
    (g * g).sum().backward()
    close(w.grad.numpy(), 8 * np.array([1.0, 2.0]) * x * x)


def test_a_pull_may_be_used_under_another_transform():
    # pull(u) = u * 3 x^2: linear in u, so d pull / du = 3 x^2 = 12
    _, pull = gg.vjp(lambda x: x * x * x, 2.0)
    for mode in MODES:
        close(derivative(mode, lambda u: pull(u)[0])(1.0), 12.0)


def test_no_grad_inside_makes_a_constant_of_reverse_mode():
    def f(x):
        with gg.no_grad():
            c = x * x
        return c * x

    close(gg.grad(f)(3.0), 9.0)  # c = 9 as a constant
    close(gg.jvp(f, (3.0,), (1.0,))[1], 27.0)  # forward mode records nothing, so nothing is switched off


def test_transforms_work_inside_no_grad():
    with gg.no_grad():
        close(gg.grad(lambda x: x * x * x)(2.0), 12.0)
        close(gg.grad(gg.grad(lambda x: x * x * x))(2.0), 12.0)
        assert not gg.is_grad_enabled()


def test_no_grad_outside_still_holds_for_the_levels_outside():
    w = gg.Tensor(np.array(4.0), requires_grad=True)
    with gg.no_grad():
        g = gg.grad(lambda x: w * x * x)(3.0)
        value, pull = gg.vjp(lambda x: w * x, 3.0)
        assert not value.requires_grad and not pull(1.0)[0].requires_grad
    assert float(g) == 24.0 and not g.requires_grad

    def outer(x):
        with gg.no_grad():
            return gg.grad(lambda y: x * y * y)(3.0) + 0.0 * x  # 6x, a constant to the outer gradient

    close(gg.grad(outer)(2.0), 0.0)


@modes(2)
def test_enable_grad_inside_a_function_under_no_grad(chosen):
    outer, inner = chosen

    @gg.no_grad()
    def off(f, x):
        with gg.enable_grad():
            return f(x)

    f = derivative(outer, derivative(inner, lambda x: x * x * x))
    close(off(f, 2.0), 12.0)


def test_gradcheck_of_a_function_with_a_gradient_inside():
    def f(x):
        return gg.grad(lambda y: (ops.tanh(x * y) * y).sum())(x * 1.0)

    assert gradcheck(f, np.array([0.3, -0.8]), order=2)


def test_plain_and_recorded_cotangents_add_up():
    """z gets two plain cotangents, which are summed in one buffer, and then one that depends on x."""

    def f(x):
        pull = gg.vjp(lambda z: z * x + z * 2.0 + z * 3.0, np.ones(3))[1]
        return pull(np.ones(3))[0].sum()

    assert float(f(np.full(3, 5.0))) == 30.0
    np.testing.assert_array_equal(gg.grad(f)(np.ones(3)), np.ones(3))
