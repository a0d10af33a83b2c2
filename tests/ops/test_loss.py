"""Cross entropy of logits: closed forms, extreme logits, every wrong target named, vmap."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import DTypeError, IndexingError, ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits(dtype):
    z = gg.Tensor(np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype), requires_grad=True)
    loss = ops.softmax_cross_entropy(z, np.array([0, 1, 2]))
    np.testing.assert_allclose(loss.detach().numpy(), [0.0, 2e4, np.log(3)], rtol=1e-6)
    loss.sum().backward()
    third = 1 / 3
    np.testing.assert_allclose(z.grad.numpy(), [[0, 0, 0], [1, -1, 0], [third, third, third - 1]], atol=1e-7)


def test_gradient_is_p_sum_y_minus_y():
    z, y = RNG.normal(size=(4, 3)), RNG.uniform(size=(4, 3))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    g = gg.grad(lambda z: ops.softmax_cross_entropy(z, y).sum())(z)
    np.testing.assert_allclose(g, p * y.sum(axis=1, keepdims=True) - y, rtol=1e-12)
    by_target = gg.grad(lambda y: ops.softmax_cross_entropy(z, y).sum())(y)
    np.testing.assert_allclose(by_target, -np.log(p), rtol=1e-12)


def test_index_and_one_hot_agree_over_any_leading_axes():
    z, t = RNG.normal(size=(2, 3, 5)), RNG.integers(5, size=(2, 3))
    by_index = ops.softmax_cross_entropy(z, t)
    assert by_index.shape == (2, 3)
    np.testing.assert_allclose(by_index, ops.softmax_cross_entropy(z, np.eye(5)[t]), rtol=1e-14)
    assert float(ops.softmax_cross_entropy(z[0, 0], 2)) == ops.softmax_cross_entropy(z[0], [2, 2, 2])[0]


def test_a_masked_class_costs_nothing():
    z = np.array([[1.0, -np.inf, 1.0]])
    assert ops.softmax_cross_entropy(z, np.array([0])) == pytest.approx([np.log(2)])
    np.testing.assert_allclose(
        gg.grad(lambda z: ops.softmax_cross_entropy(z, np.array([0])).sum())(z), [[-0.5, 0, 0.5]]
    )


def test_labels_as_a_tensor_and_not_contiguous():
    z, t = RNG.normal(size=(3, 4)).T, np.array([[0, 9], [2, 9], [1, 9], [1, 9]])[:, 0]
    expected = ops.softmax_cross_entropy(z.copy(), t.copy())
    assert (ops.softmax_cross_entropy(gg.Tensor(z), gg.Tensor(t)).numpy() == expected).all()
    by_view = gg.grad(lambda z: ops.softmax_cross_entropy(z, t).sum())(z)
    assert (by_view == gg.grad(lambda z: ops.softmax_cross_entropy(z, t).sum())(z.copy())).all()


def test_no_samples():
    z = np.ones((0, 3))
    assert ops.softmax_cross_entropy(z, np.zeros(0, np.int64)).shape == (0,)
    assert gg.grad(lambda z: ops.softmax_cross_entropy(z, np.zeros(0, np.int64)).sum())(z).shape == (0, 3)


@pytest.mark.parametrize("labels", [np.array([0, 2, 1, 1]), RNG.uniform(size=(4, 3))], ids=["index", "soft"])
def test_vmap_equals_the_batch(labels):
    z = RNG.normal(size=(4, 3))
    expected = ops.softmax_cross_entropy(z, labels)
    np.testing.assert_allclose(gg.vmap(ops.softmax_cross_entropy)(z, labels), expected, rtol=1e-14)
    np.testing.assert_allclose(
        gg.vmap(gg.grad(ops.softmax_cross_entropy))(z, labels),
        gg.grad(lambda z: ops.softmax_cross_entropy(z, labels).sum())(z),
        rtol=1e-14,
    )
    one = gg.vmap(ops.softmax_cross_entropy, in_axes=(0, None))(z, labels[0])
    np.testing.assert_allclose(one, [ops.softmax_cross_entropy(row, labels[0]) for row in z], rtol=1e-14)
    hessians = gg.vmap(gg.hessian(ops.softmax_cross_entropy))(z, labels)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    weight = 1.0 if labels.ndim == 1 else labels.sum(axis=1)[:, None, None]
    closed = weight * (p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :])
    np.testing.assert_allclose(hessians, closed, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (np.array([0, 3, 1, 1]), IndexingError, r"target\[1\] is 3, but there are 3 classes; expected 0 to 2"),
        (np.array([0, 1, 1, -1]), IndexingError, r"target\[3\] is -1, but there are 3 classes"),
        (np.array([0, 1, -100, 1], np.int8), IndexingError, r"target\[2\] is -100"),
        (np.array([0.0, 1.0, 2.0, 1.0]), ShapeError, r"target has shape \(4,\) and dtype float64; expected \(4, 3\)"),
        (np.array([True, False, True, True]), DTypeError, "target has dtype bool; expected integers"),
        (np.array([0, 1, 2]), ShapeError, r"target has shape \(3,\).*; expected \(4,\), one class index a sample"),
        (np.array([[0], [1], [2], [0]]), ShapeError, r"target has shape \(4, 1\)"),
        (np.eye(4), ShapeError, r"target has shape \(4, 4\)"),
    ],
)
def test_wrong_targets(target, error, message):
    for z in (np.zeros((4, 3)), gg.Tensor(np.zeros((4, 3)), requires_grad=True)):
        with pytest.raises(error, match=f"cross_entropy: {message}"):
            ops.softmax_cross_entropy(z, target)


def test_no_classes():
    with pytest.raises(ShapeError, match=r"logits have shape \(2, 0\); expected \(..., C\) with C >= 1"):
        ops.softmax_cross_entropy(np.zeros((2, 0)), np.array([0, 0]))


def test_sigmoid_cross_entropy_at_extreme_logits():
    z = np.array([1e4, -1e4, 1e4, -1e4, 20.0, -20.0], np.float32)
    t = np.array([1, 0, 0, 1, 1, 0], np.float32)
    tail = np.log1p(np.exp(-20.0))
    np.testing.assert_allclose(ops.sigmoid_cross_entropy(z, t), [0, 0, 1e4, 1e4, tail, tail], rtol=1e-5)
    g = gg.grad(lambda z: ops.sigmoid_cross_entropy(z, t).sum())(z)
    np.testing.assert_allclose(g, [0, 0, 1, -1, 0, 0], atol=1e-7)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64"])
def test_labels_of_any_integer_dtype_and_logits_in_any_order(dtype):
    rng = np.random.default_rng(3)
    z, t = rng.normal(size=(50, 7)), rng.integers(0, 7, 50)
    losses = lambda z, t: ops.softmax_cross_entropy(z, t).sum()  # noqa: E731
    for logits in (np.asfortranarray(z), z[::-1][::-1], z):
        for labels in (t.astype(dtype), np.repeat(t, 2).astype(dtype)[::2]):
            np.testing.assert_array_equal(losses(logits, labels), losses(z, t))
            np.testing.assert_array_equal(gg.grad(losses)(logits, labels), gg.grad(losses)(z, t))
            mean = lambda z: ops.cross_entropy_mean(z, labels)[0]  # noqa: B023, E731
            np.testing.assert_allclose(gg.grad(mean)(logits), gg.grad(losses)(z, t) / 50, rtol=1e-12)
