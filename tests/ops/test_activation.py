"""Activations at their kinks, in their tails, and in two-byte floats."""

import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError

inf, nan = np.inf, np.nan


def gradient(f, x, weights=1.0, dtype=np.float64):
    leaf = gg.Tensor(np.asarray(x, dtype), requires_grad=True)
    f(leaf).backward(np.broadcast_to(np.asarray(weights, dtype), leaf.shape))
    return leaf.grad.tolist()


def test_relu_has_gradient_zero_at_zero():
    assert gradient(ops.relu, [-1.0, 0.0, 2.0], weights=5.0) == [0.0, 0.0, 5.0]
    assert gradient(ops.relu, [-1.0, 0.0, 2.0], weights=np.array([inf, nan, 3.0])) == [0.0, 0.0, 3.0]
    assert np.isnan(ops.relu(np.array([nan]))).all()
    assert ops.relu(np.array([-2, 3])).dtype == np.int64


def test_a_root_of_relu_stays_finite():
    """The slope of sqrt at 0 is infinite, and relu does not let it through."""
    with np.errstate(divide="ignore"):
        assert gradient(lambda x: ops.sqrt(ops.relu(x)), [-1.0, 4.0]) == [0.0, 0.25]


def test_kinks():
    at_zero = [0.0]
    assert gradient(ops.leaky_relu, at_zero) == [0.01]
    assert gradient(lambda x: ops.leaky_relu(x, 0.2), at_zero) == [0.2]
    assert gradient(lambda x: ops.elu(x, 0.5), at_zero) == [0.5]
    np.testing.assert_allclose(gradient(ops.selu, at_zero), [1.0507009873554805 * 1.6732632423543772])
    assert gradient(ops.hardtanh, [-1.0, 0.0, 1.0]) == [0.0, 1.0, 0.0]
    assert gradient(ops.relu6, [0.0, 3.0, 6.0]) == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_kin_far_out(dtype):
    """Nothing overflows (warnings are errors here), and the small tail is exact."""
    x = np.array([-1e4, -30.0, 0.0, 30.0, 1e4], dtype)
    tail = math.exp(-30.0)
    np.testing.assert_allclose(ops.sigmoid(x), [0.0, tail / (1 + tail), 0.5, 1 / (1 + tail), 1.0], rtol=1e-6)
    np.testing.assert_allclose(ops.softplus(x), [0.0, math.log1p(tail), math.log(2), 30.0, 1e4], rtol=1e-6)
    np.testing.assert_allclose(ops.log_sigmoid(x), [-1e4, -30.0, -math.log(2), -math.log1p(tail), 0.0], rtol=1e-6)
    np.testing.assert_allclose(ops.silu(x), [0.0, -30 * tail, 0.0, 30.0, 1e4], rtol=1e-6)
    np.testing.assert_allclose(ops.mish(x), [0.0, -30 * tail, 0.0, 30.0, 1e4], rtol=1e-6)
    for f, slopes in {
        ops.sigmoid: [0.0, tail, 0.25, tail, 0.0],
        ops.softplus: [0.0, tail, 0.5, 1.0, 1.0],
        ops.log_sigmoid: [1.0, 1.0, 0.5, tail, 0.0],
        ops.silu: [0.0, -29 * tail, 0.5, 1.0, 1.0],
        ops.mish: [0.0, -29 * tail, 0.6, 1.0, 1.0],
        ops.gelu: [0.0, 0.0, 0.5, 1.0, 1.0],
    }.items():
        np.testing.assert_allclose(
            gradient(f, x, dtype=dtype), slopes, rtol=1e-5, atol=1e-7 if dtype == np.float32 else 1e-12
        )
    for f in (ops.sigmoid, ops.softplus, ops.log_sigmoid, ops.elu, ops.selu):
        assert np.isfinite(gg.grad(gg.grad(lambda t, f=f: f(t).sum()))(dtype(-1e4)))


def test_infinities():
    x = np.array([-inf, inf])
    assert ops.sigmoid(x).tolist() == [0.0, 1.0]
    assert ops.softplus(x).tolist() == [0.0, inf]
    assert ops.log_sigmoid(x).tolist() == [-inf, 0.0]
    assert ops.elu(x).tolist() == [-1.0, inf]
    assert ops.relu(x).tolist() == [0.0, inf]


def test_gelu_by_its_two_formulas():
    x = np.array([-1.0, 0.5, 2.0])
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]
    inner = [math.sqrt(2 / math.pi) * (v + 0.044715 * v**3) for v in x]
    np.testing.assert_allclose(ops.gelu(x), exact, rtol=1e-14)
    np.testing.assert_allclose(
        ops.gelu(x, "tanh"), [0.5 * v * (1 + math.tanh(u)) for v, u in zip(x, inner, strict=True)], rtol=1e-13
    )
    with pytest.raises(ArgumentError, match="'none' or 'tanh'"):
        ops.gelu(x, approximate="fast")


def test_arguments_out_of_range():
    with pytest.raises(ArgumentError, match="softplus: beta is 0"):
        ops.softplus(np.ones(2), beta=0)
    with pytest.raises(ArgumentError, match="elu: alpha is -1"):
        ops.elu(np.ones(2), alpha=-1)
    with pytest.raises(ArgumentError, match="hardtanh: min_val is 2, above max_val 1"):
        ops.hardtanh(np.ones(2), 2, 1)


def test_each_keeps_one_array_at_most():
    """What a node holds decides the memory of training: the output alone, or the input alone."""
    x = gg.Tensor(np.linspace(-1, 1, 5), requires_grad=True)
    from_output = (ops.relu, ops.elu, ops.selu, ops.sigmoid, ops.softplus, ops.log_sigmoid, ops.tanh, ops.hardtanh)
    from_input = (ops.gelu, ops.silu, ops.mish, ops.leaky_relu)
    for f in from_output:
        y = f(x)
        assert y.node[2][0] is y.data and y.node[2][1] is None, f.__name__
    for f in from_input:
        y = f(x)
        assert y.node[2][0] is None and y.node[2][1] is x.data, f.__name__


def test_beside_pytorch():
    torch = pytest.importorskip("torch")
    x = np.concatenate([np.linspace(-6, 6, 25), [0.0, 1.0, -1.0, 20.5, -20.5]])
    names = ["relu", "elu", "selu", "sigmoid", "silu", "mish", "softplus", "gelu"]
    pairs = [(getattr(ops, n), getattr(torch.nn.functional, n)) for n in names]
    pairs += [(ops.log_sigmoid, torch.nn.functional.logsigmoid), (ops.leaky_relu, torch.nn.functional.leaky_relu)]
    pairs += [(lambda t: ops.gelu(t, "tanh"), lambda t: torch.nn.functional.gelu(t, approximate="tanh"))]
    pairs += [(ops.hardtanh, torch.nn.functional.hardtanh), (ops.relu6, torch.nn.functional.relu6)]
    for mine, theirs in pairs:
        t = torch.tensor(x, requires_grad=True)
        theirs(t).sum().backward()
        np.testing.assert_allclose(mine(x), theirs(t).detach().numpy(), rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(gradient(mine, x), t.grad.numpy(), rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("f", [ops.gelu, ops.silu, ops.mish, ops.softplus, ops.sigmoid, ops.elu, ops.leaky_relu])
def test_bfloat16_is_rounded_once(f):
    pytest.importorskip("ml_dtypes")
    x = gg.Tensor(np.linspace(-3, 3, 41)).astype("bfloat16")
    wide = f(x.astype("float32").numpy())
    assert f(x).dtype == x.dtype
    np.testing.assert_array_equal(f(x).numpy(), wide.astype(x.dtype))
