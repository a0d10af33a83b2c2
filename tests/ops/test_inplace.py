"""t[key] = value: in memory where nothing is recorded, recorded elsewhere, refused where a gradient would be lost."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.errors import DTypeError, GradientError, IndexingError, ShapeError


def test_untracked_tensors_are_written_in_memory():
    array = np.zeros((2, 3))
    t = Tensor(array)
    t[0, 1:] = [1.0, 2.0]
    t[1] = Tensor(7.0)
    t[Tensor(np.array([1, 1])), 0] = 5
    t[t > 6.0] = 9
    assert array.tolist() == [[0.0, 1.0, 2.0], [5.0, 9.0, 9.0]]
    view = t[0]
    view[...] = -1.0
    assert array[0].tolist() == [-1.0, -1.0, -1.0]


def test_a_recorded_write_by_hand():
    """y = 2x = (2, 4, 6), y_1 = a^2, a = 3, L = sum of (1, 10, 100) y: dL/dx = (2, 0, 200), dL/da = 10 * 2a = 60."""
    x, a = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor(3.0, requires_grad=True)
    y = x * 2.0
    alias = y.data
    y[1] = a * a
    assert y.tolist() == [2.0, 9.0, 6.0]
    assert alias.tolist() == [2.0, 4.0, 6.0]
    (y * np.array([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 200.0]
    assert a.grad.item() == 60.0


def test_a_constant_buffer_takes_recorded_values():
    x = Tensor(2.0, requires_grad=True)
    array = np.zeros(4)
    buffer = Tensor(array)
    for i in range(4):
        buffer[i] = x ** float(i)
    assert buffer.tolist() == [1.0, 2.0, 4.0, 8.0]
    assert array.tolist() == [0.0, 0.0, 0.0, 0.0]
    buffer.sum().backward()
    assert x.grad.item() == 1.0 + 4.0 + 12.0  # 0 + 1 + 2x + 3x^2


def test_buffers_in_every_transform():
    def f(x):
        y = ops.zeros(3)
        y[0] = x * x
        y[1:] = ops.stack([x, y[0]]) * x
        return y.sum()  # x^2 + x^2 + x^3

    assert gg.grad(f)(2.0) == 4 * 2.0 + 3 * 4.0
    assert gg.jvp(f, (2.0,), (1.0,))[1] == 20.0
    assert gg.grad(gg.grad(f))(2.0) == 4.0 + 6 * 2.0
    assert gg.jvp(gg.grad(f), (2.0,), (1.0,))[1] == 16.0
    assert gg.grad(lambda x: gg.jvp(f, (x,), (1.0,))[1])(2.0) == 16.0


def test_the_input_of_a_transform_may_be_written_and_is_not_changed():
    def f(x):
        x[0] = 5.0
        return (x * x).sum()

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gg.grad(f)(x), [0.0, 4.0])
    np.testing.assert_array_equal(gg.jvp(f, (x,), (np.ones(2),))[1], 4.0)
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_a_leaf_is_refused_outside_no_grad():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match=r"setitem: the tensor is a leaf .*no_grad\(\).*index_set"):
        x[0] = 3.0
    with gg.no_grad():
        x[0] = 3.0
    assert x.tolist() == [3.0, 2.0]
    assert x.is_leaf
    (x * x).sum().backward()
    assert x.grad.tolist() == [6.0, 4.0]
    with pytest.raises(GradientError, match="leaf"):
        gg.jvp(lambda v: x.__setitem__(0, v), (1.0,), (1.0,))


def test_a_write_between_forward_and_backward_is_noticed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    constant = Tensor([3.0, 4.0])
    y = x * constant
    constant[0] = 5.0
    with pytest.raises(GradientError, match=r"multiply saved a value of shape \(2,\) that was overwritten"):
        y.sum().backward()
    z = x * x
    with gg.no_grad():
        x[1] = 0.0
    with pytest.raises(GradientError, match="overwritten"):
        z.sum().backward()


def test_a_recorded_write_counts_as_a_write_of_the_old_values():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2.0
    square = y * y
    y[0] = 7.0
    with pytest.raises(GradientError, match="overwritten"):
        square.sum().backward()


def test_recorded_values_and_integers():
    x = Tensor([1.5, 2.5], requires_grad=True)
    t = Tensor(np.array([1, 2]))
    with pytest.raises(DTypeError, match=r"int64 cannot hold a value that carries a gradient; .*astype\('float64'\)"):
        t[0] = x[0]
    t[0] = x.detach()[1]
    assert t.tolist() == [2, 2]


def test_the_dtype_stays_and_the_gradient_of_the_value_keeps_its_own():
    x = Tensor(np.zeros(3, dtype="float32"))
    v = Tensor([0.1, 0.2], requires_grad=True)
    x[1:] = v
    assert x.dtype == np.float32
    x.backward(np.array([1.0, 2.0, 3.0], dtype="float32"))
    assert v.grad.dtype == np.float64
    assert v.grad.tolist() == [2.0, 3.0]


def test_read_only_and_0d_values_become_new_ones():
    t = ops.broadcast_to(Tensor([1.0, 2.0]), (2, 2))
    t[0, 0] = 9.0
    assert t.tolist() == [[9.0, 2.0], [1.0, 2.0]]
    frozen = np.zeros(2)
    frozen.flags.writeable = False
    s = Tensor(frozen)
    s[0] = 1.0
    assert s.tolist() == [1.0, 0.0]
    assert frozen.tolist() == [0.0, 0.0]
    total = Tensor([1.0, 2.0]).sum()
    total[()] = 8.0
    assert total.item() == 8.0
    number = Tensor(2.0, requires_grad=True) * 3.0
    number[...] = 1.0
    assert number.item() == 1.0


def test_errors():
    t = Tensor(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"setitem: the value has shape \(2,\), which does not broadcast to \(3,\)"):
        t[0] = np.ones(2)
    with pytest.raises(IndexingError, match="setitem: index 2 is out of range"):
        t[2] = 0.0
    with pytest.raises(IndexingError, match="setitem: an index array holds 5 to 5"):
        t[[5]] = 0.0
    with pytest.raises(IndexingError, match="setitem: an index array holds 5 to 5"):
        (t * Tensor(1.0, requires_grad=True))[[5]] = 0.0
    assert t.tolist() == np.zeros((2, 3)).tolist()
