"""Launchers of the linear layer, alone and with its activation, against float64, on the CPU."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.cuda import linear as launchers
from gpugrad.ops import fused_linear
from gpugrad.ops.linear import linear_
from tests.cuda.test_linear_vjp import ACTIVATIONS, DTYPES, TOLERANCE, random, wide


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "n_out"), [((1, 1), 1), ((33, 5), 31), ((3,), 4), ((2, 3, 8), 16), ((0, 3), 2), ((5, 0), 2)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer(host, dtype, shape, n_out, bias):
    x, w, b = random(shape, dtype), random((n_out, shape[-1]), dtype, 1), random((n_out,), dtype, 2) if bias else None
    y = launchers.linear(host.array(x), host.array(w), None if b is None else host.array(b))
    want = linear_.primitive.forward(np, *wide(x, w, b))
    assert y.shape == want.shape and y.dtype == x.dtype
    np.testing.assert_allclose(host.numpy(y).astype(float), want, atol=TOLERANCE[dtype] * 4)


def test_a_transposed_weight_is_taken_as_it_lies(host):
    g, w = random((5, 4), "float32"), random((4, 3), "float32", 1)
    np.testing.assert_allclose(host.numpy(launchers.linear(host.array(g), host.array(w).T)), g @ w, atol=1e-6)


def test_a_layer_that_does_not_fit_is_declined(host):
    x, w, b = host.array(np.ones((4, 3))), host.array(np.ones((2, 3))), host.array(np.ones(2))
    for args in [(x, w.T), (x, w, b[:1]), (x, w, host.array(np.ones(2, "float32"))), (x[::2, ::2], w), (x, b)]:
        assert launchers.linear(*args) is NotImplemented


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_with_its_activation(host, dtype, activation, bias):
    x, w, b = random((9, 5), dtype), random((7, 5), dtype, 1), random((7,), dtype, 2) if bias else None
    options = ACTIVATIONS[activation]
    on_host = [None if a is None else host.array(a) for a in (x, w, b)]
    got = launchers.linear_act(*on_host, activation=activation, options=options)
    want = fused_linear.linear_act_.primitive.forward(np, *wide(x, w, b), activation=activation, options=options)
    assert len(got) == len(want)
    for a, e in zip(got, want, strict=True):
        np.testing.assert_allclose(host.numpy(a).astype(float), e, atol=TOLERANCE[dtype] * 2)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (2, 3, 5), (3,)])
def test_the_layer_with_its_activation_for_other_shapes(host, shape):
    x, w, b = random(shape, "float32"), random((6, shape[-1]), "float32", 1), random((6,), "float32", 2)
    got = launchers.linear_act(*map(host.array, (x, w, b)), activation="relu", options=())
    want = np.maximum(x @ w.T + b, 0)
    assert len(got) == 1 and got[0].shape == want.shape
    np.testing.assert_allclose(host.numpy(got[0]), want, atol=1e-6)


def test_a_layer_trains_as_on_the_cpu(host):
    """Forward, backward and double backward of linear_act through the launchers, against NumPy."""
    arrays = [random(s, "float64", i) for i, s in enumerate(((6, 3), (4, 3), (4,)))]

    def gradients(make):
        x, w, b = (gg.Tensor(make(a), requires_grad=True) for a in arrays)
        y = ops.linear_act(x, w, b, activation="silu")
        (y * y).sum().backward(create_graph=True)
        (w.grad * w.grad).sum().backward()
        return [t.grad.data for t in (x, w, b)]

    for on_host, plain in zip(gradients(host.array), gradients(np.array), strict=True):
        np.testing.assert_allclose(host.numpy(on_host), plain, atol=1e-12)
    assert host.launched("linear_delta") == 2 and host.launched("bias_act_fwd") == 1
