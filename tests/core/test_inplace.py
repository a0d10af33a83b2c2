"""Writes in place: dated by a clock, so that no sweep computes with values that were overwritten since."""

import gc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core import tape
from gpugrad.core.namespace import OPS, PRIMITIVES
from gpugrad.core.primitive import primitive
from gpugrad.core.tape import mark_written
from gpugrad.errors import DTypeError, GradientError, ShapeError

OVERWRITTEN = r"saved a value of shape \(2,\) that was overwritten in place.*write after backward"


def leaf(*values):
    return gg.Tensor(np.array(values, np.float64), requires_grad=True)


def step(w, lr=0.1):
    """What an optimizer does: writes to a leaf's memory, and says so."""
    mark_written(w.data)
    w.data -= lr * np.ones_like(w.data)


# --- the clock


def test_a_step_between_forward_and_backward_raises():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    step(w)
    with pytest.raises(GradientError, match=rf"multiply {OVERWRITTEN}"):
        y.backward()
    assert x.grad is None and w.grad is None


def test_a_step_after_backward_is_what_training_does():
    x, w = gg.Tensor([1.0, 2.0]), leaf(3.0, 4.0)
    for _ in range(3):
        w.grad = None
        (x * w).sum().backward()
        step(w)
    assert w.grad.tolist() == [1.0, 2.0]


def test_a_kept_graph_cannot_be_swept_after_the_step():
    w = leaf(3.0, 4.0)
    y = (w * w).sum()
    y.backward(retain_graph=True)
    step(w)
    with pytest.raises(GradientError, match=OVERWRITTEN):
        y.backward()


def test_a_write_to_what_no_rule_needs_is_no_fault():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x + w).sum()  # the gradient of a sum needs no value
    z = (x * gg.tensor(w.data)).sum()  # of a copy
    step(w)
    y.backward()
    z.backward()
    assert x.grad.tolist() == [4.0, 5.0] and w.grad.tolist() == [1.0, 1.0]


def test_an_operation_recorded_after_the_write_is_fine():
    w = leaf(3.0, 4.0)
    step(w, 1.0)
    (w * w).sum().backward()
    assert w.grad.tolist() == [4.0, 6.0]


def test_a_saved_output_counts_too():
    y = ops.tanh(leaf(0.1, 0.2))
    mark_written(y.data)
    with pytest.raises(GradientError, match=rf"tanh {OVERWRITTEN}"):
        y.sum().backward()


def test_saved_outputs_of_an_operation_of_several_count():
    @primitive(saves="y", several=True)
    def planted_pair(xp, x):
        """(x, exp x)."""
        return xp.array(x), xp.exp(x)

    planted_pair.vjp_all(lambda F, g, y, x: (g[1] * y[1],))
    try:
        _, e = planted_pair(leaf(0.1, 0.2))
        mark_written(e.data)
        with pytest.raises(GradientError, match=rf"planted_pair {OVERWRITTEN}"):
            e.sum().backward()
    finally:
        del PRIMITIVES["planted_pair"]
        delattr(OPS, "planted_pair")


def test_a_write_through_a_view_dates_the_buffer_and_the_other_way_round():
    base = np.arange(4.0)
    x = leaf(1.0, 1.0)
    for saved, written in (
        (base[:2], base),
        (base, base[1:2]),
        (base[:2], base[::2]),
        (base.reshape(2, 2)[0], base[:3]),
    ):
        x.grad = None
        y = (x * gg.Tensor(saved)[:2]).sum()
        mark_written(written)
        with pytest.raises(GradientError, match=OVERWRITTEN):
            y.backward()


def test_a_write_to_an_equal_but_other_buffer_is_none():
    a = np.arange(2.0)
    x = leaf(1.0, 1.0)
    y = (x * gg.Tensor(a)).sum()
    mark_written(a.copy())
    y.backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_a_freed_buffer_gives_no_false_alarm_when_its_place_is_used_again():
    x = leaf(1.0, 1.0)
    known = len(tape._writes)
    reused = 0
    for _ in range(200):
        a = np.ones(2)
        mark_written(a)
        place = id(a)
        del a
        b = np.ones(2)  # most often at the place of a
        y = (x * gg.Tensor(b)).sum()
        mark_written(np.zeros(1))  # makes the sweep look at every date
        reused += id(b) == place
        y.backward()
        del b, y
    assert reused > 0 and len(tape._writes) <= known


def test_a_buffer_written_twice_counts_from_the_last():
    w = leaf(3.0, 4.0)
    step(w)
    y = (w * w).sum()
    step(w)
    with pytest.raises(GradientError, match=OVERWRITTEN):
        y.backward()


def test_dates_are_dropped_with_their_buffers():
    gc.collect()
    before = len(tape._writes)
    arrays = [np.ones(1) for _ in range(10)]
    for a in arrays:
        mark_written(a)
        mark_written(a[:1])
    assert len(tape._writes) == before + 10
    del arrays, a
    assert len(tape._writes) == before


def test_a_write_inside_a_transform_is_noticed():
    w = np.array([3.0, 4.0])

    def f(x):
        y = (x * w).sum()
        mark_written(w)
        return y

    with pytest.raises(GradientError, match=OVERWRITTEN):
        gg.grad(f)(np.ones(2))


# --- t += u, t[key] = v


def test_where_nothing_is_recorded_they_write_in_place():
    a = np.array([1.0, 2.0])
    t = gg.Tensor(a)
    same = t
    t += gg.Tensor([10.0, 20.0])
    t *= 2.0
    t[0] = 7.0
    assert t is same and a.tolist() == [7.0, 44.0] and t.data is a


def test_in_place_writes_are_dated():
    x = leaf(1.0, 1.0)
    for write in (lambda t: t.__iadd__(1.0), lambda t: t.__setitem__(0, 5.0)):
        c = gg.Tensor([1.0, 2.0])
        y = (x * c).sum()
        write(c)
        with pytest.raises(GradientError, match=OVERWRITTEN):
            y.backward()


def test_a_leaf_is_stepped_in_place_under_no_grad():
    w = leaf(3.0, 4.0)
    before = w.data
    y = (w * w).sum()
    with gg.no_grad():
        w -= 0.5 * w
    assert w.data is before and w.requires_grad and w.is_leaf and w.data.tolist() == [1.5, 2.0]
    with pytest.raises(GradientError, match=OVERWRITTEN):
        y.backward()
    (w * w).sum().backward()
    assert w.grad.tolist() == [3.0, 4.0]


def test_a_computed_tensor_that_is_part_of_a_recording_gets_a_new_array():
    # y = x c, y += x: dy/dx = c + 1; the product's own rule is not disturbed, and the old array stays as it was
    x, c = leaf(1.0, 2.0), gg.Tensor([3.0, 4.0])
    y = x * c
    old = y.data
    y += x
    assert y.data is not old and old.tolist() == [3.0, 8.0]
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 5.0]


def test_each_operator_in_place_records_its_operation():
    # ((x + 1) * x - x) / x with each step in place = x; and powers: x ** 2 in place
    x = leaf(2.0, 4.0)
    y = x * 1.0
    y += 1.0
    y *= x
    y -= x
    y /= x
    np.testing.assert_allclose(y.detach().numpy(), [2.0, 4.0])
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 1.0])


def test_gradients_flow_to_a_written_value_and_to_what_stays():
    # t = 2x with t[0] = v^2: sum(t) has dx = [0, 2], dv = 2v
    x, v = leaf(1.0, 2.0), gg.Tensor(3.0, requires_grad=True)
    t = x * 2.0
    t[0] = v * v
    assert t.detach().numpy().tolist() == [9.0, 4.0]
    t.sum().backward()
    assert x.grad.tolist() == [0.0, 2.0] and float(v.grad) == 6.0


def test_a_constant_becomes_part_of_the_recording_by_what_is_written():
    x, t = leaf(1.0, 2.0), gg.Tensor([0.0, 0.0, 0.0])
    t[1:] = x * x
    t.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    total = gg.Tensor([0.0, 0.0])
    total += x * x
    total.sum().backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_a_write_that_would_cut_off_a_leaf_is_refused():
    w = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match=r"leaf that requires a gradient.*no_grad"):
        w[0] = 5.0
    assert w.data.tolist() == [1.0, 2.0] and w.is_leaf


def test_what_does_not_fit_is_refused_and_nothing_is_written():
    t = gg.Tensor([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        t += np.ones(3)
    with pytest.raises(ShapeError):
        t[:] = np.ones(3)
    with pytest.raises(IndexError, match="index 5 is out of range"):
        t[5] = 1.0
    assert t.tolist() == [1.0, 2.0]


def test_a_gradient_in_an_integer_tensor_is_refused():
    t = gg.Tensor([1, 2])
    with pytest.raises(DTypeError, match="int64"):
        t[0] = gg.Tensor(1.0, requires_grad=True)


def test_in_place_under_the_transforms():
    # f(x): t = [0, 0]; t[i] = x_i^2; t += x: gradient 2x + 1
    def f(x):
        t = ops.zeros_like(x) * x
        for i in range(2):
            t[i] = x[i] * x[i]
        t += x
        return t.sum()

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(gg.grad(f)(x), 2 * x + 1)
    np.testing.assert_allclose(gg.jvp(f, (x,), (np.array([1.0, 10.0]),))[1], 3 * 1 + 5 * 10)
    second = gg.jvp(gg.grad(f), (x,), (np.array([1.0, 0.0]),))[1]
    np.testing.assert_allclose(second, [2.0, 0.0])
