"""Losses: numbers worked by hand, PyTorch where it is installed, and every wrong input."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.errors import ArgumentError, IndexingError, ShapeError

RNG = np.random.default_rng(1)
Z, T, W = RNG.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0]), np.array([0.5, 1.0, 2.0, 0.25])
SOFT = RNG.dirichlet(np.ones(4), size=6)
REDUCTIONS = ["mean", "sum", "none"]
REGRESSION = {
    "mse_loss": nn.mse_loss,
    "l1_loss": nn.l1_loss,
    "huber_loss": nn.huber_loss,
    "smooth_l1_loss": nn.smooth_l1_loss,
}


def value_and_gradient(loss, x):
    t = gg.Tensor(x, requires_grad=True)
    value = loss(t)
    value.sum().backward()
    return value.detach().numpy(), t.grad.numpy()


def torch_value_and_gradient(loss, x):
    torch = pytest.importorskip("torch")
    t = torch.tensor(x, requires_grad=True)
    value = loss(torch.nn.functional, t, torch.from_numpy)
    value.sum().backward()
    return value.detach().numpy(), t.grad.numpy()


def compare(ours, torchs, x=Z):
    for got, want in zip(value_and_gradient(ours, x), torch_value_and_gradient(torchs, x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("target", [T, SOFT], ids=["index", "soft"])
def test_cross_entropy_is_pytorchs(target, weight, smoothing, reduction):
    settings = {"reduction": reduction, "label_smoothing": smoothing}

    def torchs(F, z, from_numpy):
        return F.cross_entropy(z, from_numpy(target), None if weight is None else from_numpy(weight), **settings)

    compare(lambda z: nn.cross_entropy(z, target, weight, **settings), torchs)


def test_cross_entropy_by_hand():
    """Two classes, logits (0, ln 3): p = (1/4, 3/4), so label 0 costs ln 4 and label 1 costs ln 4/3."""
    z, t, ln = np.array([[0.0, np.log(3)]] * 2), np.array([0, 1]), np.log
    assert nn.cross_entropy(z, t, reduction="none") == pytest.approx([ln(4), ln(4 / 3)])
    assert nn.cross_entropy(z, t) == pytest.approx((ln(4) + ln(4 / 3)) / 2)
    # Weights 3 and 1 for the classes: the mean divides by 3 + 1, not by 2.
    assert nn.cross_entropy(z, t, weight=[3.0, 1.0]) == pytest.approx((3 * ln(4) + ln(4 / 3)) / 4)
    # Smoothing 0.5 turns (1, 0) into (3/4, 1/4).
    assert nn.cross_entropy(z[:1], t[:1], label_smoothing=0.5) == pytest.approx(0.75 * ln(4) + 0.25 * ln(4 / 3))
    # Soft labels with weights: the mean divides by N.
    soft = np.array([[0.5, 0.5], [0.0, 1.0]])
    expected = (0.5 * 3 * ln(4) + 0.5 * ln(4 / 3) + ln(4 / 3)) / 2
    assert nn.cross_entropy(z, soft, weight=[3.0, 1.0]) == pytest.approx(expected)


def test_cross_entropy_in_float32_stays_float32():
    z = gg.Tensor(Z.astype(np.float32), requires_grad=True)
    loss = nn.cross_entropy(z, T, weight=W, label_smoothing=0.1)
    loss.backward()
    assert loss.dtype == z.grad.dtype == np.float32


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, RNG.uniform(size=(6, 4))], ids=["plain", "weighted"])
@pytest.mark.parametrize("pos_weight", [None, W], ids=["equal", "pos_weight"])
def test_binary_cross_entropy_is_pytorchs(pos_weight, weight, reduction):
    def torchs(F, z, from_numpy):
        w, p = (None if a is None else from_numpy(a) for a in (weight, pos_weight))
        return F.binary_cross_entropy_with_logits(z, from_numpy(SOFT), w, reduction=reduction, pos_weight=p)

    compare(lambda z: nn.binary_cross_entropy_with_logits(z, SOFT, weight, pos_weight, reduction), torchs)


def test_binary_cross_entropy_by_hand():
    """Logit ln 3 is probability 3/4: a positive costs ln 4/3, a negative ln 4."""
    z, t = np.full(2, np.log(3)), np.array([1.0, 0.0])
    losses = nn.binary_cross_entropy_with_logits(z, t, reduction="none")
    assert losses == pytest.approx([np.log(4 / 3), np.log(4)])
    losses = nn.binary_cross_entropy_with_logits(z, t, pos_weight=2.0, reduction="none")
    assert losses == pytest.approx([2 * np.log(4 / 3), np.log(4)])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", REGRESSION)
def test_regression_losses_are_pytorchs(name, reduction):
    target, x = SOFT * 3, Z * 2
    x[0, 0] = target[0, 0]  # a difference of exactly 0

    def torchs(F, z, from_numpy):
        return getattr(F, name)(z, from_numpy(target), reduction=reduction)

    compare(lambda z: REGRESSION[name](z, target, reduction=reduction), torchs, x)


@pytest.mark.parametrize("width", [0.3, 2.0])
def test_widths_of_huber_and_smooth_l1_are_pytorchs(width):
    compare(lambda z: nn.huber_loss(z, SOFT, width), lambda F, z, a: F.huber_loss(z, a(SOFT), delta=width))
    compare(lambda z: nn.smooth_l1_loss(z, SOFT, width), lambda F, z, a: F.smooth_l1_loss(z, a(SOFT), beta=width))


def test_squared_losses_by_hand():
    """Differences (1, 2) and (3, 0): squares 1, 4, 9, 0."""
    x, y = np.array([[1.0, 2.0], [3.0, 0.0]]), np.zeros((2, 2))
    assert nn.mse_loss(x, y) == 14 / 4
    assert nn.squared_l2_loss(x, y) == 14 / 2
    assert nn.half_squared_l2_loss(x, y) == 14 / 4
    assert nn.squared_l2_loss(x, y, reduction="none").tolist() == [5, 9]
    assert nn.half_squared_l2_loss(x, y, reduction="sum") == 7
    assert nn.l1_loss(x, y) == 6 / 4
    # delta 1: 1/2, 2 - 1/2, 3 - 1/2, 0
    assert nn.huber_loss(x, y, reduction="none").tolist() == [[0.5, 1.5], [2.5, 0.0]]
    assert nn.huber_loss(x, y, delta=2.0, reduction="none").tolist() == [[0.5, 2.0], [4.0, 0.0]]
    assert nn.smooth_l1_loss(x, y, beta=0.0) == 6 / 4
    g = gg.grad(lambda x: nn.squared_l2_loss(x, y))(x)
    assert g.tolist() == [[1, 2], [3, 0]]  # 2 d / N with N = 2 samples
    assert gg.grad(lambda x: nn.mse_loss(x, y))(x).tolist() == [[0.5, 1], [1.5, 0]]  # 2 d / 4 numbers


def test_one_output_a_sample_without_an_axis():
    assert nn.squared_l2_loss(np.array([1.0, 2.0]), np.zeros(2)) == 2.5
    assert nn.squared_l2_loss(np.ones((2, 3, 4)), np.zeros((2, 3, 4)), reduction="none").tolist() == [12, 12]


@pytest.mark.parametrize(
    "loss",
    [*REGRESSION.values(), nn.squared_l2_loss, nn.half_squared_l2_loss, nn.binary_cross_entropy_with_logits],
    ids=lambda f: f.__name__,
)
def test_wrong_inputs_of_losses(loss):
    with pytest.raises(ShapeError, match=rf"{loss.__name__}: prediction has shape \(3, 1\) and target \(3,\)"):
        loss(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ArgumentError, match=rf"{loss.__name__}: reduction is 'avg'; expected 'mean', 'sum' or 'none'"):
        loss(np.zeros(3), np.zeros(3), reduction="avg")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.cross_entropy(Z, T, reduction="avg"), ArgumentError, "cross_entropy: reduction is 'avg'"),
        (lambda: nn.cross_entropy(Z, T, label_smoothing=1.5), ArgumentError, "label_smoothing is 1.5; expected 0 to 1"),
        (lambda: nn.cross_entropy(Z, T, weight=[1.0, 2.0]), ShapeError, r"weight has shape \(2,\); expected \(4,\)"),
        (lambda: nn.cross_entropy(Z, T + 1), IndexingError, r"target\[1\] is 4, but there are 4 classes"),
        (lambda: nn.cross_entropy(Z, T + 1, label_smoothing=0.1), IndexingError, r"target\[1\] is 4"),
        (lambda: nn.cross_entropy(Z, T[:, None], label_smoothing=0.1), ShapeError, r"target has shape \(6, 1\)"),
        (lambda: nn.huber_loss(Z, SOFT, delta=0.0), ArgumentError, "huber_loss: delta is 0.0; expected"),
        (lambda: nn.smooth_l1_loss(Z, SOFT, beta=-1.0), ArgumentError, "smooth_l1_loss: beta is -1.0"),
        (
            lambda: nn.binary_cross_entropy_with_logits(Z, SOFT, weight=np.ones((2, 6, 4))),
            ShapeError,
            "does not broadcast",
        ),
    ],
)
def test_wrong_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "settings", [{}, {"weight": W}, {"label_smoothing": 0.1}, {"weight": W, "label_smoothing": 0.1}]
)
@pytest.mark.parametrize("target", [T, SOFT], ids=["index", "soft"])
def test_vmap_of_cross_entropy_is_one_loss_a_sample(target, settings):
    each = gg.vmap(lambda z, t: nn.cross_entropy(z, t, reduction="sum", **settings))(Z, target)
    np.testing.assert_allclose(each, nn.cross_entropy(Z, target, reduction="none", **settings), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_logits(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    z = gg.Tensor(Z * 100, requires_grad=False).astype(dtype).requires_grad_()
    for loss, target in ((nn.cross_entropy, T), (nn.mse_loss, gg.Tensor(Z).astype(dtype))):
        z.grad = None
        value = loss(z, target)
        value.backward()
        assert value.dtype == z.grad.dtype == z.dtype
        assert np.isfinite(value.detach().numpy().astype(float))
        wide = z.detach().astype("float64")
        assert float(value.detach()) == pytest.approx(float(loss(wide, target)), rel=0.02)
