"""LayerNorm and BatchNorm1d beside PyTorch: outputs, gradients, running statistics over steps, evaluation."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)


def test_layer_norm_by_hand():
    """(1, 3) has mean 2 and variance 1; with eps 0.44 the standard deviation is 1.2."""
    m = nn.LayerNorm(2, eps=0.44, dtype="float64")
    m.load_state_dict({"weight": [6.0, 12.0], "bias": [0.0, 1.0]})
    np.testing.assert_allclose(m(np.array([[1.0, 3.0]])).detach().numpy(), [[-5.0, 11.0]], rtol=1e-14)


@pytest.mark.parametrize(("shape", "settings"), [(5, {}), ((3, 5), {"eps": 0.1}), (5, {"bias": False})])
def test_layer_norm_is_pytorchs(shape, settings):
    torch = pytest.importorskip("torch")
    x = RNG.normal(2, 3, size=(4, 3, 5))
    ours, theirs = nn.LayerNorm(shape, dtype="float64", **settings), torch.nn.LayerNorm(shape, **settings).double()
    state = {name: RNG.normal(size=value.shape) for name, value in ours.state_dict().items()}
    ours.load_state_dict(state)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    compare(ours, theirs, x, torch)


def compare(ours, theirs, x, torch):
    """Outputs, and the gradients of x and of every parameter, for one random cotangent."""
    a, b = gg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    g = RNG.normal(size=y.shape)
    y.backward(gg.Tensor(g))
    z.backward(torch.from_numpy(g))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-12)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-12)
        p.grad = q.grad = None


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5)])
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.3, "eps": 0.01}, {"momentum": None}, {"affine": False}])
def test_batch_norm_is_pytorchs_over_steps(shape, settings):
    torch = pytest.importorskip("torch")
    ours, theirs = nn.BatchNorm1d(3, dtype="float64", **settings), torch.nn.BatchNorm1d(3, **settings).double()
    for step in range(5):
        compare(ours, theirs, RNG.normal(step, 1 + step, size=shape), torch)
        state = theirs.state_dict()
        for name, value in ours.state_dict().items():
            np.testing.assert_allclose(value, state[name].numpy(), rtol=1e-12)
            assert value.dtype == state[name].numpy().dtype
    compare(ours.eval(), theirs.eval(), RNG.normal(size=shape), torch)
    assert int(ours.num_batches_tracked) == 5


def test_batch_norm_by_hand():
    """Batch (1, 3): mean 2, variance 1, unbiased 2.  Running: 0.9 * 0 + 0.1 * 2 and 0.9 * 1 + 0.1 * 2."""
    m = nn.BatchNorm1d(1, dtype="float64")
    m(np.array([[1.0], [3.0]]))
    assert m.running_mean.tolist() == pytest.approx([0.2])
    assert m.running_var.tolist() == pytest.approx([1.1])
    y = m.eval()(np.array([[0.2 + 1.1**0.5]]))
    np.testing.assert_allclose(y.detach().numpy(), [[1.0]], rtol=1e-5)


def test_without_running_values_evaluation_uses_the_batch():
    m = nn.BatchNorm1d(2, track_running_stats=False)
    x = RNG.normal(size=(5, 2)).astype(np.float32)
    assert list(m.buffers()) == []
    assert (m(x).detach().numpy() == m.eval()(x).detach().numpy()).all()


def test_running_values_move_inside_a_transform():
    m = nn.BatchNorm1d(2)
    x = RNG.normal(size=(5, 2)).astype(np.float32)
    gg.grad(lambda m: (m(x) * x).sum())(m)
    assert int(m.num_batches_tracked) == 1
    assert type(m.running_mean.data) is np.ndarray
    gg.jvp(lambda x: m(x), (x,), (x,))
    assert int(m.num_batches_tracked) == 2
    assert type(m.running_mean.data) is np.ndarray


def test_batch_norm_cannot_train_inside_vmap():
    m = nn.BatchNorm1d(2)
    x = np.ones((3, 4, 2), np.float32)
    with pytest.raises(ShapeError, match=r"a buffer cannot hold a value that differs between the examples of vmap"):
        gg.vmap(m)(x)
    assert gg.vmap(m.eval())(x).shape == (3, 4, 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_dtypes_keep_statistics_in_float32(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    m = nn.BatchNorm1d(2, dtype=dtype)
    x = gg.Tensor(1000 * RNG.normal(size=(64, 2))).astype(dtype)  # a variance of 1e6 is too large for float16
    y = m(x)
    y.sum().backward()
    assert y.dtype == m.weight.grad.dtype == m.weight.dtype
    assert m.running_var.dtype == np.float32
    assert 5e4 < float(m.running_var[0]) < 2e5
    assert np.abs(y.detach().numpy().astype(float).std(axis=0) - 1).max() < 0.02
    assert m.eval()(x).dtype == m.weight.dtype
    assert nn.LayerNorm(2, dtype=dtype)(x).dtype == m.weight.dtype


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.LayerNorm(3)(np.ones((2, 4))), ShapeError, r"LayerNorm: x has shape \(2, 4\); .* to be \(3,\)"),
        (lambda: nn.LayerNorm((2, 3))(np.ones(3)), ShapeError, r"LayerNorm: x has shape \(3,\)"),
        (lambda: nn.LayerNorm(()), ArgumentError, "normalized_shape is empty"),
        (lambda: nn.LayerNorm((3, 0)), ArgumentError, "normalized_shape is 0; expected an int of at least 1"),
        (lambda: nn.BatchNorm1d(3)(np.ones((2, 4))), ShapeError, r"x has shape \(2, 4\); expected \(N, 3\) or"),
        (lambda: nn.BatchNorm1d(3)(np.ones(3)), ShapeError, r"x has shape \(3,\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), ShapeError, "expected more than one value a channel in training"),
        (lambda: nn.BatchNorm1d(3, momentum=2.0), ArgumentError, "momentum is 2.0; expected 0 to 1"),
        (lambda: nn.BatchNorm1d(-1), ArgumentError, "num_features is -1"),
        (
            lambda: gg.ops.layer_norm(np.ones((2, 3)), np.ones(2)),
            ShapeError,
            r"weight has shape \(2,\); expected \(3,\)",
        ),
        (lambda: gg.ops.layer_norm(np.ones(3), n_axes=2), ShapeError, "expected at least 2 axes"),
        (lambda: gg.ops.batch_norm(np.ones((2, 3)), np.ones(2)), ShapeError, r"weight has shape \(2,\); x has 3"),
        (lambda: gg.ops.batch_norm(np.ones(3)), ShapeError, r"batch_norm: x has shape \(3,\)"),
    ],
)
def test_wrong_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
