"""Hooks on tensors: when they are called, with what, what they may change, and how they are removed."""

import gc
import weakref

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError, GradientError

X = np.array([1.0, -2.0, 3.0])


def leaf():
    return gg.Tensor(X, requires_grad=True)


def test_a_hook_sees_the_whole_gradient_once():
    # x^2 + 3x + 2x: the hook of x gets the sum over its uses, not the parts
    x, seen = leaf(), []
    x.register_hook(lambda g: seen.append(g.numpy().copy()))
    (x * x + 3.0 * x + 2.0 * x).sum().backward()
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], 2 * X + 5)
    np.testing.assert_array_equal(x.grad, 2 * X + 5)


def test_a_hook_on_a_computed_tensor():
    x, seen = leaf(), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(g.numpy().tolist()))
    (y * y).sum().backward()
    assert seen == [(4 * X).tolist()]  # 2 y
    assert y.grad is None


def test_what_a_hook_returns_goes_on():
    x = leaf()
    y = x * 2.0
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [20.0] * 3)
    np.testing.assert_array_equal(y.grad, [10.0] * 3)  # as it goes on


@pytest.mark.parametrize("hook", [3, None, "print"])
def test_a_hook_that_cannot_be_called_is_refused(hook):
    x = leaf()
    expected = rf"register_hook: hook is a {type(hook).__name__}; expected a function"
    with pytest.raises(ArgumentError, match=expected):
        x.register_hook(hook)
    x.sum().backward()  # and was not kept
    np.testing.assert_array_equal(x.grad, np.ones(3))


def test_hooks_run_in_the_order_registered():
    x = leaf()
    x.register_hook(lambda g: g + 1.0)
    x.register_hook(lambda g: g * 10.0)
    x.sum().backward()
    np.testing.assert_array_equal(x.grad, [20.0] * 3)


def test_a_removed_hook_is_silent():
    x, seen = leaf(), []
    handle = x.register_hook(lambda g: seen.append(1))
    x.sum().backward()
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert seen == [1]


def test_a_hook_may_remove_itself():
    x, seen, handles = leaf(), [], []
    handles.append(x.register_hook(lambda g: seen.append(1) or handles[0].remove()))
    for _ in range(2):
        x.sum().backward()
    assert seen == [1]


def test_a_hook_runs_in_every_sweep():
    x, seen = leaf(), []
    y = x * x
    y.register_hook(lambda g: seen.append(1))
    for _ in range(3):
        y.sum().backward(retain_graph=True)
    assert seen == [1, 1, 1]


def test_a_hook_is_part_of_the_recorded_gradient():
    # g = 2x times 3: d/dx sum(6x) = 6
    x = leaf()
    y = x * 1.0
    y.register_hook(lambda g: g * 3.0)
    (y * y).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    np.testing.assert_array_equal(first.detach(), 6 * X)
    first.sum().backward()
    np.testing.assert_array_equal(x.grad.detach(), [18.0] * 3)  # the hook meets the second sweep too


def test_clipping_a_parameter_s_gradient():
    model = nn.Linear(3, 2, dtype="float64", rng=0)
    for p in model.parameters():
        p.register_hook(lambda g: ops.clip(g, -0.5, 0.5))
    (model(X[None]) * 100.0).sum().backward()
    assert all(np.abs(p.grad.numpy()).max() == 0.5 for p in model.parameters())


def test_hooks_inside_a_transform():
    def f(x):
        y = x * 1.0
        y.register_hook(lambda g: g * 3.0)
        return (y * y).sum()

    np.testing.assert_array_equal(gg.grad(f)(X), 6 * X)
    np.testing.assert_array_equal(gg.vmap(gg.grad(f))(np.stack([X, -X])), [6 * X, -6 * X])


def test_a_hook_keeps_no_graph_alive():
    x = leaf()
    y = x * 2.0
    y.register_hook(lambda g: None)
    alive = weakref.ref(y)
    del y
    assert alive() is None or gc.collect() or alive() is None


def test_a_constant_has_no_gradient_to_hook():
    with pytest.raises(GradientError, match="register_hook: this tensor does not require a gradient"):
        gg.Tensor(X).register_hook(print)


def test_a_hook_that_raises_is_not_hidden():
    x = leaf()
    x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        x.sum().backward()
    assert x.grad is None


def test_a_hook_of_the_wrong_shape_is_refused():
    x = leaf()
    y = x * 1.0
    y.register_hook(lambda g: g[:2])
    with pytest.raises(gg.errors.ShapeError, match=r"hook .*\(2,\).*\(3,\)"):
        y.sum().backward()
