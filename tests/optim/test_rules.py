"""Each rule against its formula in float64, over 100 steps with random gradients, and beside PyTorch."""

import numpy as np
import pytest

from gpugrad import Tensor, optim
from gpugrad.optim import bucket
from tests.optim.rules import CASES, IDS

SHAPES = [(5, 3), (), (0, 2), (7,), (40, 50)]
N_STEPS = 100

each_case = pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=IDS)


@pytest.fixture
def gradients():
    rng = np.random.default_rng(1)
    return [[rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 2) for _ in range(N_STEPS)] for shape in SHAPES]


@pytest.fixture(params=["together", "in place", "in pieces"])
def layout(request, monkeypatch):
    """The three ways a float32 or float64 parameter is updated, whatever its size."""
    gather, block = {"together": (1 << 20, 1 << 20), "in place": (-1, 1 << 20), "in pieces": (-1, 64)}[request.param]
    monkeypatch.setitem(bucket.GATHER, "numpy", gather)
    monkeypatch.setitem(bucket.BLOCK, "numpy", block)


@each_case
def test_rule_in_float64(name, rule, options, gradients, parameters, give, layout):
    params = parameters(*SHAPES)
    paths = [rule(p.data.copy(), grads, **options) for p, grads in zip(params, gradients, strict=True)]
    optimizer = getattr(optim, name)(params, **options)
    for t in range(N_STEPS):
        give(params, [grads[t] for grads in gradients])
        optimizer.step()
        if t in (0, 1, N_STEPS - 1):
            for p, path in zip(params, paths, strict=True):
                np.testing.assert_allclose(p.data, path[t], rtol=1e-9, atol=1e-11)


@each_case
def test_rule_in_float32(name, rule, options, gradients, parameters, give):
    params = parameters(*SHAPES, dtype="float32")
    paths = [rule(p.data.astype("float64"), grads, **options) for p, grads in zip(params, gradients, strict=True)]
    optimizer = getattr(optim, name)(params, **options)
    for t in range(N_STEPS):
        give(params, [grads[t] for grads in gradients])
        optimizer.step()
    for p, path in zip(params, paths, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.data, path[-1], rtol=1e-4, atol=2e-5)


@each_case
def test_beside_torch(name, rule, options, gradients, parameters, give):
    torch = pytest.importorskip("torch")
    params = parameters(*SHAPES)
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in params]
    optimizer, reference = getattr(optim, name)(params, **options), getattr(torch.optim, name)(theirs, **options)
    for t in range(N_STEPS):
        give(params, [grads[t] for grads in gradients])
        for p, grads in zip(theirs, gradients, strict=True):
            p.grad = torch.tensor(grads[t])
        optimizer.step()
        reference.step()
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_defaults_are_those_of_torch(name, parameters):
    torch = pytest.importorskip("torch")
    ours = getattr(optim, name)(parameters((2,))).defaults
    theirs = getattr(torch.optim, name)([torch.zeros(2, requires_grad=True)]).defaults
    assert ours == {key: theirs[key] for key in ours}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c22_sgd_is_exact(dtype, parameters):
    """theta <- theta - eta (dJ/dtheta)^T, bit for bit: J = 1/2 |x W^T - y|^2 has dJ/dW = (x W^T - y)^T x."""
    (w,) = parameters((3, 4), dtype=dtype)
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal((6, 3)).astype(dtype)
    residual = x @ w.T - y
    (0.5 * residual * residual).sum().backward()
    expected = w.data - np.asarray(0.01, dtype) * w.grad.data
    np.testing.assert_allclose(w.grad.data, residual.data.T @ x, rtol=1e-4)
    optim.SGD([w], lr=0.01).step()
    np.testing.assert_array_equal(w.data, expected)


def test_first_adam_step_by_hand(parameters, give):
    """m_hat = g and v_hat = g^2 at t = 1, so the step is lr sign(g), whatever the size of g."""
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    give([w], [[1e-3, -5.0, 1e4]])
    optim.Adam([w], lr=0.1, eps=0.0).step()
    np.testing.assert_allclose(w.data, [0.9, 2.1, 2.9], rtol=1e-12)


def test_centered_rmsprop_with_a_steady_gradient(parameters, give):
    """v - a^2 tends to 0 and rounds to either side of it; the root must not become NaN."""
    params = parameters((500,), dtype="float32")
    give(params, [np.linspace(0.1, 3, 500)])
    optimizer = optim.RMSprop(params, lr=1e-6, alpha=0.9, centered=True)
    for _ in range(300):
        optimizer.step()
    assert np.isfinite(params[0].data).all()


@pytest.mark.gpu
@each_case
def test_cupy_equals_numpy(name, rule, options, gradients, parameters, give):
    import cupy

    ours = parameters(*SHAPES)
    theirs = [Tensor(cupy.asarray(p.data), requires_grad=True) for p in ours]
    on_cpu, on_gpu = (getattr(optim, name)(params, **options) for params in (ours, theirs))
    for t in range(10):
        give(ours, [grads[t] for grads in gradients])
        for p, grads in zip(theirs, gradients, strict=True):
            p.grad = Tensor(cupy.asarray(grads[t]))
        on_cpu.step()
        on_gpu.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(q.data.get(), p.data, rtol=1e-9, atol=1e-12)
