"""`.backward()` and what surrounds it: leaves, accumulation, freeing, seeds."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tests.core.leaves import leaf, same

# --- leaves and what is computed from them


def test_a_leaf_is_what_no_recorded_operation_made():
    x, c = leaf(1.0, 2.0), gg.Tensor([3.0, 4.0])
    y = x * c
    assert x.is_leaf and c.is_leaf and not y.is_leaf
    assert x.requires_grad and not c.requires_grad and y.requires_grad
    assert (c * c).is_leaf and not (c * c).requires_grad


def test_gradients_stay_on_leaves_alone():
    x = leaf(1.0, 2.0)
    y = x * x
    y.sum().backward()
    same(x.grad, [2.0, 4.0])  # d(x^2)/dx = 2x
    assert y.grad is None


def test_a_constant_gets_none():
    x, c = leaf(1.0, 2.0), gg.Tensor([3.0, 4.0])
    (x * c).sum().backward()
    same(x.grad, [3.0, 4.0])
    assert c.grad is None


def test_a_leaf_that_does_not_take_part_gets_none():
    x, w = leaf(1.0), leaf(2.0)
    (x * x).backward()
    assert w.grad is None


def test_backward_of_a_leaf_itself():
    x = leaf(5.0)
    x.backward()
    same(x.grad, [1.0])


def test_a_shared_node_adds_what_its_children_send():
    x = leaf(3.0)
    h = x * x
    (h * h + h).sum().backward()  # x^4 + x^2: 4 x^3 + 2 x = 108 + 6
    same(x.grad, [114.0])


def test_gradients_add_up_over_sweeps_until_cleared():
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * x).sum().backward()
    same(x.grad, [6.0, 12.0])  # three times 2x
    x.grad = None
    (x * x).sum().backward()
    same(x.grad, [2.0, 4.0])


def test_grad_can_be_set_and_is_added_to():
    x = leaf(1.0, 2.0)
    x.grad = gg.Tensor([10.0, 20.0])
    (x * x).sum().backward()
    same(x.grad, [12.0, 24.0])
    with pytest.raises(GradientError, match="requires_grad_"):
        gg.Tensor([1.0]).grad = gg.Tensor([1.0])


def test_a_leaf_can_be_switched_off_and_a_computed_tensor_not():
    x = leaf(1.0)
    y = x * x
    with pytest.raises(GradientError, match=r"detach"):
        y.requires_grad_(False)
    x.requires_grad = False
    assert not (x * x).requires_grad
    assert y.requires_grad_() is y and not y.is_leaf  # it does already


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
def test_integers_and_bools_carry_no_gradient_and_say_so(dtype):
    with pytest.raises(DTypeError, match=rf"dtype {dtype} carries no gradient; expected float16.*astype"):
        gg.Tensor(np.ones(2, dtype), requires_grad=True)
    t = gg.Tensor(np.ones(2, dtype))
    with pytest.raises(DTypeError, match="carries no gradient"):
        t.requires_grad_()
    assert not t.requires_grad


# --- seeds


def test_the_seed_of_one_element_is_one():
    for shape in ((), (1,), (1, 1)):
        x = gg.Tensor(np.full(shape, 3.0), requires_grad=True)
        (x * x).backward()
        assert x.grad.shape == shape
        same(x.grad, np.full(shape, 6.0))


@pytest.mark.parametrize("kind", [np.array, gg.Tensor, list])
def test_a_given_seed_weighs_the_outputs(kind):
    x = leaf(1.0, 2.0, 3.0)
    (x * x).backward(kind([1.0, 10.0, 100.0]))
    same(x.grad, [2.0, 40.0, 600.0])  # 2x times the seed


def test_many_outputs_need_a_seed():
    with pytest.raises(ArgumentError, match=r"shape \(2,\).*one element only.*gradient="):
        (leaf(1.0, 2.0) * 2.0).backward()
    with pytest.raises(ArgumentError, match=r"shape \(0,\)"):
        (gg.Tensor(np.ones(0), requires_grad=True) * 2.0).backward()


def test_a_seed_of_another_shape_is_refused():
    y = leaf(1.0, 2.0) * 2.0
    for wrong in (np.ones(3), np.ones((1, 2)), np.float64(1.0), gg.Tensor(np.ones((2, 1)))):
        with pytest.raises(ShapeError, match=r"gradient has shape .*expected \(2,\)"):
            y.backward(wrong)


@pytest.mark.parametrize("given", [np.float64, np.float16, np.int64])
@pytest.mark.parametrize("kind", [np.asarray, gg.Tensor])
def test_a_seed_of_another_dtype_is_cast(kind, given):
    x = leaf(0.0, 0.0, dtype="float32")
    ops.tanh(x).backward(kind(np.array([1, 2], given)))
    assert x.grad.dtype == np.float32
    same(x.grad, [1.0, 2.0])  # tanh'(0) = 1
    x.grad = None
    x.backward(kind(np.array([1, 2], given)))
    assert x.grad.dtype == np.float32


def test_a_boxed_seed_is_refused():
    x = leaf(1.0, 2.0)

    def f(z):
        (x * x).backward(z, create_graph=True)
        return z.sum()

    with pytest.raises(GradientError, match="inside a transform"):
        gg.grad(f)(np.ones(2))
    assert x.grad is None


def test_nothing_recorded_says_what_to_do():
    with pytest.raises(GradientError, match=r"not recorded; set requires_grad=True.*no_grad"):
        (gg.Tensor([1.0]) * 2.0).backward()


# --- graphs that are kept, let go, and differentiated again


def test_a_second_sweep_says_that_the_values_are_gone():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GradientError, match=r"let go by an earlier backward pass.*retain_graph=True"):
        y.backward()
    same(x.grad, [2.0, 4.0])  # and nothing was added


def test_a_shared_part_that_was_let_go_is_named():
    x = leaf(1.0, 2.0)
    h = ops.tanh(x)
    h.sum().backward()
    with pytest.raises(GradientError, match="saved by tanh"):
        (h * 2.0).sum().backward()


def test_retain_graph_allows_any_number_of_sweeps():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    same(x.grad, [6.0, 12.0])


def test_create_graph_keeps_the_graph_unless_told():
    x = leaf(2.0)
    y = x * x * x
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    same(x.grad, [24.0])
    z = x * x * x
    z.backward(create_graph=True, retain_graph=False)
    with pytest.raises(GradientError, match="let go"):
        z.backward()


def check_derivatives(y, x, derivatives):
    """y's derivatives by x, each taken of the one before by backward(create_graph=True)."""
    for expected in derivatives:
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        same(y, [expected])


def test_three_derivatives_of_a_power_by_create_graph():
    # y = x^4 at x = 2: y' = 4 x^3 = 32, y'' = 12 x^2 = 48, y''' = 24 x = 48, y'''' = 24
    x = leaf(2.0)
    check_derivatives(x * x * x * x, x, (32.0, 48.0, 48.0, 24.0))


def test_third_derivative_through_a_saved_output():
    # t = tanh 0.5: t' = 1 - t^2, t'' = -2 t t', t''' = -2 t'^2 - 2 t t'' = -2 (1 - t^2)(1 - 3 t^2)
    x = leaf(0.5)
    t = np.tanh(0.5)
    check_derivatives(ops.tanh(x), x, (1 - t**2, -2 * t * (1 - t**2), -2 * (1 - t**2) * (1 - 3 * t**2)))


def test_without_create_graph_the_gradient_is_a_constant():
    x = leaf(2.0)
    (x * x).backward()
    assert not x.grad.requires_grad


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor():
    x = leaf(1.0, 2.0)
    h = x * 3.0
    h.retain_grad()
    (h * h).sum().backward(retain_graph=True)
    same(h.grad, [6.0, 12.0])  # 2h
    same(x.grad, [18.0, 36.0])  # 3 * 2h
    (h * 1.0).sum().backward()
    same(h.grad, [7.0, 13.0])  # 1 more, on top
    with pytest.raises(GradientError, match="does not require"):
        gg.Tensor([1.0]).retain_grad()
