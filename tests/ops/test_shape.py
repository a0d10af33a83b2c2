"""Layout at the awkward points: views, spellings, dtypes, creation, and errors that name the fix."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

X = np.arange(6.0).reshape(2, 3)


def test_both_spellings_and_methods():
    t = Tensor(X)
    for y in (t.reshape(3, 2), t.reshape((3, 2)), t.reshape([3, -1]), ops.reshape(X, 3, 2), ops.reshape(X, (-1, 2))):
        np.testing.assert_array_equal(y, X.reshape(3, 2))
    cube = Tensor(np.arange(24.0).reshape(2, 3, 4))
    for y in (cube.transpose(2, 0, 1), cube.transpose((2, 0, 1)), cube.permute(-1, 0, 1)):
        np.testing.assert_array_equal(y, cube.numpy().transpose(2, 0, 1))
    for y in (cube.T, cube.transpose(), cube.transpose(None)):
        np.testing.assert_array_equal(y, cube.numpy().T)
    np.testing.assert_array_equal(cube.mT, np.swapaxes(cube.numpy(), -1, -2))
    assert t.flatten().shape == t.ravel().shape == (6,)
    assert t.expand_dims(0).shape == t.unsqueeze(0).shape == (1, 2, 3)
    assert t.expand_dims(0).squeeze().shape == t.swapaxes(0, 1).T.shape == (2, 3)
    assert t.broadcast_to((4, 2, 3)).shape == (4, 2, 3)


def test_views_share_memory_and_gradients_do_not():
    t = Tensor(X)
    for y in (t.reshape(3, 2), t.T, t.expand_dims(1), t.flip(), t.broadcast_to((2, 2, 3)), t.diagonal(), t[1:]):
        assert np.shares_memory(y.data, X)
    x = Tensor(X.copy(), requires_grad=True)
    g = np.ones((3, 2))
    x.reshape(3, 2).backward(g)
    g[0] = 9.0
    np.testing.assert_array_equal(x.grad, np.ones((2, 3)))


def test_astype_converts_the_gradient_back():
    x = Tensor(X.astype("float32"), requires_grad=True)
    y = x.astype("float64") * 2.0
    y.backward(np.full((2, 3), 0.1))
    assert y.dtype == np.float64
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, np.full((2, 3), np.float32(0.2)))
    assert not x.astype("int64").requires_grad
    assert not x.astype(bool).requires_grad
    np.testing.assert_array_equal(Tensor([1.7, -1.7]).astype("int64"), [1, -1])


def test_bfloat16_sums_in_float32():
    bf16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.ones((4096, 2), dtype=bf16)
    y = ops.sum_to(Tensor(x), shape=(2,))
    assert y.dtype == bf16
    assert y.tolist() == [4096.0, 4096.0]  # adding ones one by one in bfloat16 stays at 256
    h = ops.sum_to(Tensor(np.full((4096, 2), 0.1, dtype="float16")), shape=(1, 2))
    np.testing.assert_allclose(h.numpy().astype(float), 409.5, rtol=2e-3)


def test_creation():
    for got, want in (
        (ops.zeros((2, 3)), np.zeros((2, 3))),
        (ops.zeros(4, dtype="int32"), np.zeros(4, "int32")),
        (ops.ones((2,), dtype="float32", device="cpu"), np.ones(2, "float32")),
        (ops.full((2, 2), 3), np.full((2, 2), 3)),
        (ops.full(2, 1.5, dtype="float16"), np.full(2, 1.5, "float16")),
        (ops.arange(4), np.arange(4)),
        (ops.arange(1.0, 2.0, 0.25), np.arange(1.0, 2.0, 0.25)),
        (ops.arange(5, 1, -2, dtype="float32"), np.arange(5, 1, -2, dtype="float32")),
        (ops.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (ops.eye(2, 3, 1), np.eye(2, 3, 1)),
        (ops.zeros(()), np.zeros(())),
    ):
        assert isinstance(got, Tensor)
        assert not got.requires_grad
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert ops.ones(2, dtype="float32").device == gg.Tensor(X).device


def test_full_like_keeps_the_gradient_of_an_array_value():
    v = Tensor([2.0, 3.0, 4.0], requires_grad=True)
    y = ops.full_like(Tensor(X.astype("float32")), v)
    assert y.dtype == np.float32
    y.backward(X)
    np.testing.assert_array_equal(v.grad, [3.0, 5.0, 7.0])  # 0 + 3, 1 + 4, 2 + 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.reshape(X, 4, 2), ShapeError, r"shape \(2, 3\) has 6 elements, which do not fill \(4, 2\)"),
        (lambda: ops.reshape(X, 4, -1), ShapeError, r"do not fill \(4, -1\)"),
        (lambda: ops.reshape(X, -1, -1), ShapeError, r"do not fill \(-1, -1\)"),
        (lambda: ops.reshape(np.zeros((0, 2)), 0, -1), ShapeError, "do not fill"),
        (lambda: ops.reshape(X, 2.0, 3), ArgumentTypeError, "shape is 2.0; expected an int"),
        (lambda: ops.transpose(X, 0, 0), ShapeError, "name an axis twice"),
        (lambda: ops.transpose(X, 0), ShapeError, "got 1 axes"),
        (lambda: ops.transpose(X, 0, 2), ShapeError, "axis 2 is out of range for 2 axes; expected -2 to 1"),
        (lambda: ops.broadcast_to(X, (2, 4)), ShapeError, r"\(2, 3\) does not broadcast to \(2, 4\)"),
        (lambda: ops.squeeze(X, 0), ShapeError, "axis 0 has length 2; expected 1"),
        (lambda: ops.expand_dims(X, (0, 0)), ShapeError, "name an axis twice"),
        (lambda: ops.moveaxis(X, (0, 1), 0), ShapeError, "2 source axes and 1 destinations"),
        (lambda: ops.flip(1.0, axis=0), ShapeError, "expected none, since the array is 0-d"),
        (lambda: ops.roll(X, (1, 2, 3), (0, 1)), ShapeError, "3 shifts for 2 axes"),
        (lambda: ops.repeat(X, [1, 2, 3, 4], axis=0), ShapeError, "4 counts for axis 0 of length 2"),
        (lambda: ops.flatten(X, 1, 0), ShapeError, "start_axis 1 comes after end_axis 0"),
        (lambda: ops.astype(X, "complex128"), DTypeError, "expected a float, integer or bool dtype"),
        (lambda: ops.astype(X, "float33"), DTypeError, "float33"),
        (lambda: ops.diagonal(np.zeros(3)), ShapeError, "expected at least two axes"),
        (lambda: ops.pad(X, -1), ArgumentError, "no negative width"),
        (lambda: ops.pad(X, ((1, 1),) * 3), ShapeError, "for each of 2 axes"),
        (lambda: ops.pad(X, 1, mode="mean"), ArgumentError, "mode is 'mean'"),
        (lambda: ops.pad(np.zeros((0, 2)), 1, mode="edge"), ShapeError, "nothing to repeat"),
        (lambda: Tensor([1.0]).mT, ShapeError, "at least two axes"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
