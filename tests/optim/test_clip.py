"""Clipping against numbers worked by hand, and beside PyTorch."""

import math

import numpy as np
import pytest

from gpugrad import Tensor
from gpugrad.errors import ArgumentError, ArgumentTypeError, GradientError, NonFiniteError
from gpugrad.optim import clip_grad_norm_, clip_grad_value_
from gpugrad.optim.clip import clip_by_known_norm_, grad_norm

SHAPES = [(3, 4), (5,), (), (0, 2)]


@pytest.fixture
def two(parameters, give):
    """Gradients (3, 4) and 12: the norm is 13, the maximum 12, the sum 19."""
    params = parameters((2,), ())
    give(params, [[3.0, -4.0], 12.0])
    return params


def test_norm_by_hand(two):
    total = clip_grad_norm_(two, 6.5)
    assert float(total) == 13.0
    scale = 6.5 / (13 + 1e-6)
    np.testing.assert_allclose(two[0].grad.data, [3 * scale, -4 * scale], rtol=1e-15)
    np.testing.assert_allclose(two[1].grad.data, 12 * scale, rtol=1e-15)


def test_a_small_norm_changes_nothing(two):
    assert float(clip_grad_norm_(two, 14)) == 13.0
    assert two[0].grad.tolist() == [3.0, -4.0] and two[1].grad.item() == 12.0


@pytest.mark.parametrize(("norm_type", "total"), [(1, 19.0), (math.inf, 12.0), (3, (27 + 64 + 1728) ** (1 / 3))])
def test_other_norms_by_hand(two, norm_type, total):
    assert float(clip_grad_norm_(two, 1.9, norm_type)) == pytest.approx(total, rel=1e-14)
    np.testing.assert_allclose(two[0].grad.data, np.array([3.0, -4.0]) * 1.9 / total, rtol=1e-6)


def test_value_by_hand(two):
    clip_grad_value_(two, 3.5)
    assert two[0].grad.tolist() == [3.0, -3.5] and two[1].grad.item() == 3.5


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_beside_torch(norm_type, dtype, parameters, give):
    torch = pytest.importorskip("torch")
    params = parameters(*SHAPES[:3], dtype=dtype)
    rng = np.random.default_rng(8)
    grads = [rng.standard_normal(p.shape).astype(dtype) for p in params]
    give(params, grads)
    theirs = [torch.zeros(p.shape, requires_grad=True) for p in params]
    for p, g in zip(theirs, grads, strict=True):
        p.grad = torch.tensor(g).to(torch.float32)
    total = clip_grad_norm_(params, 0.5, norm_type)
    reference = torch.nn.utils.clip_grad_norm_(theirs, 0.5, norm_type)
    assert float(total) == pytest.approx(float(reference), rel=1e-5)
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-5, atol=1e-8)
        assert p.grad.dtype == p.dtype


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_squares_out_of_range_of_float32(size, parameters, give):
    params = parameters((4,), dtype="float32")
    give(params, [np.full(4, size)])
    assert float(clip_grad_norm_(params, 1.0)) == pytest.approx(2 * size, rel=1e-6, abs=0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_gradients_are_summed_in_float32(dtype, parameters, give):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    params = parameters((1000,), dtype=dtype)
    give(params, [np.full(1000, 300.0)])
    total = clip_grad_norm_(params, 1.0)
    assert float(total) == pytest.approx(300 * math.sqrt(1000), rel=1e-2)
    np.testing.assert_allclose(params[0].grad.data.astype("float32"), 1 / math.sqrt(1000), rtol=1e-2)
    assert params[0].grad.dtype == params[0].dtype
    give(params, [np.linspace(-2, 2, 1000)])
    clip_grad_value_(params, 1.0)
    assert np.abs(params[0].grad.data.astype("float32")).max() == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite(bad, two):
    two[0].grad = Tensor([3.0, bad])
    with pytest.raises(NonFiniteError, match="norm of the gradients is"):
        clip_grad_norm_(two, 1.0, error_if_nonfinite=True)
    assert two[1].grad.item() == 12.0
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(clip_grad_norm_(two, 1.0))
    clip_grad_value_(two, 1.0)


def test_parameters_without_gradient(parameters):
    params = parameters((2,), (3,))
    assert float(clip_grad_norm_(params, 1.0)) == 0.0
    clip_grad_value_(params, 1.0)
    assert float(clip_grad_norm_(params[0], 1.0)) == 0.0
    assert float(clip_grad_norm_([], 1.0)) == 0.0


def test_empty_gradients(parameters, give):
    params = parameters((0, 2))
    give(params, [np.ones((0, 2))])
    for norm_type in (2, 1, math.inf):
        assert float(clip_grad_norm_(params, 1.0, norm_type)) == 0.0


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_clipping_a_recorded_gradient_is_dated(clip, parameters):
    (w,) = parameters((3,))
    (w * w * w).sum().backward(create_graph=True)
    y = (w.grad * w.grad).sum()
    clip(w, 1e-3)
    with pytest.raises(GradientError, match="overwritten"):
        y.backward()


def test_refused(two):
    with pytest.raises(ArgumentError, match="max_norm is -1"):
        clip_grad_norm_(two, -1)
    with pytest.raises(ArgumentError, match="max_norm is nan"):
        clip_grad_norm_(two, math.nan)
    with pytest.raises(ArgumentError, match="norm_type is 0"):
        clip_grad_norm_(two, 1, 0)
    with pytest.raises(ArgumentError, match="clip_value is -1"):
        clip_grad_value_(two, -1)
    with pytest.raises(ArgumentTypeError, match="got a ndarray"):
        clip_grad_norm_([two[0].data], 1)


@pytest.mark.parametrize("max_norm", [1e9, 0.5, 0.0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_clipping_by_a_norm_found_before_gives_the_same_bits(max_norm, dtype):
    def parameters():
        found = [Tensor(np.zeros(n, dtype), requires_grad=True) for n in (3, 40)]
        for p in found:
            p.grad = Tensor(np.linspace(-2, 3, p.size).astype(dtype))
        return found

    first, second = parameters(), parameters()
    norm = grad_norm(second)
    assert clip_grad_norm_(first, max_norm) == norm
    clip_by_known_norm_(second, max_norm, np.array(norm))
    for p, q in zip(first, second, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_no_gradients_have_the_norm_zero():
    p = Tensor(np.zeros(3), requires_grad=True)
    assert grad_norm([p]) == 0.0
    clip_by_known_norm_([p], 1.0, grad_norm([p]))
    assert p.grad is None
