"""Recording on and off: scopes, decorators, threads, and what cuts a value out of the record."""

import threading

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.tensor import wrap
from gpugrad.errors import GradientError
from tests.core.leaves import leaf, same

# --- recording on and off


def test_no_grad_records_nothing():
    x = leaf(2.0)
    with gg.no_grad():
        assert not gg.is_grad_enabled()
        y, z = x * x, ops.tanh(x)
    assert gg.is_grad_enabled()
    assert not y.requires_grad and not z.requires_grad and y.is_leaf
    assert x.requires_grad and (x * x).requires_grad


def test_scopes_nest_and_survive_errors():
    x = leaf(2.0)
    with gg.no_grad():
        with gg.enable_grad():
            assert (x * x).requires_grad
            with gg.no_grad():
                assert not (x * x).requires_grad
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
        with pytest.raises(ZeroDivisionError), gg.enable_grad():
            _ = 1 // 0
        assert not gg.is_grad_enabled()
    assert gg.is_grad_enabled()


def test_scopes_are_decorators_too():
    x = leaf(2.0)

    @gg.no_grad()
    def plain(t, *, times=1):
        """Squared."""
        return t * t * times

    @gg.enable_grad()
    def tracked(t):
        return t * t

    assert not plain(x, times=2).requires_grad and float(plain(x, times=2)) == 8.0
    assert plain.__name__ == "plain" and plain.__doc__ == "Squared."
    assert gg.is_grad_enabled()
    with gg.no_grad():
        assert tracked(x).requires_grad and not gg.is_grad_enabled()


def test_one_scope_object_can_be_entered_again_and_inside_itself():
    scope, x = gg.no_grad(), leaf(2.0)
    for _ in range(2):
        with scope:
            with scope:
                assert not (x * x).requires_grad
            assert not (x * x).requires_grad
        assert (x * x).requires_grad


def test_one_scope_object_serves_two_threads():
    scope, inside, leave = gg.no_grad(), threading.Event(), threading.Event()
    after = []

    def other():
        with gg.no_grad(), scope:
            inside.set()
            leave.wait(10)
        after.append(gg.is_grad_enabled())

    thread = threading.Thread(target=other)
    with scope:
        thread.start()
        assert inside.wait(10)
    here = gg.is_grad_enabled()  # the other thread entered last, with recording off before
    leave.set()
    thread.join()
    assert here and after == [True]


def test_detach_cuts():
    x = leaf(3.0)
    y = x * x
    cut = y.detach()
    assert cut.is_leaf and not cut.requires_grad and np.shares_memory(cut.data, y.data)
    (cut * x).backward()
    same(x.grad, [9.0])  # x^2 as a constant


def test_stop_gradient_cuts_tensors_and_passes_arrays():
    x, a = leaf(3.0), np.ones(2)
    (gg.stop_gradient(x * x) * x).backward()
    same(x.grad, [9.0])
    assert gg.stop_gradient(a) is a


def test_backward_inside_no_grad_sweeps_what_was_recorded_before():
    x = leaf(3.0)
    y = x * x
    with gg.no_grad():
        y.backward(create_graph=True)
    same(x.grad, [6.0])
    assert not x.grad.requires_grad


def test_values_come_out_only_untracked():
    x = leaf(3.0)
    for take in (lambda t: t.numpy(), np.asarray):
        with pytest.raises(GradientError, match="detach"):
            take(x * x)
    assert float(x * x) == 9.0 and (x * x).item() == 9.0 and (x * x).tolist() == [9.0]
    assert np.shares_memory(x.detach().numpy(), x.data)


def test_a_wrapped_array_is_not_copied():
    a = np.arange(3.0)
    assert gg.Tensor(a).data is a
    assert gg.tensor(a).data is not a
    assert wrap(a, None, 0).data is a
