"""Products with epilogues against NumPy, through a stand-in for cuBLASLt that takes every argument literally."""

import ctypes

import ml_dtypes
import numpy as np
import pytest

from gpugrad.cuda import epilogue, runtime

TOLERANCE = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}
SIZES = [(1, 1, 1), (3, 5, 2), (33, 130, 17), (7, 8, 129)]  # rows, outputs, inputs
each = pytest.mark.parametrize(("n", "n_out", "n_in"), SIZES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def random(shape, dtype, seed=0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(kind)


def close(host, got, want, dtype, depth):
    assert got.shape == want.shape
    np.testing.assert_allclose(host.numpy(got).astype(float), want, rtol=0, atol=TOLERANCE[dtype] * max(1, depth**0.5))


def layer(n, n_out, n_in, dtype):
    """(x, w, b), and x w^T + b in float64."""
    x, w, b = random((n, n_in), dtype), random((n_out, n_in), dtype, 1), random((n_out,), dtype, 2)
    return (x, w, b), x.astype(float) @ w.astype(float).T + b.astype(float)


def counts():
    """(heuristics asked for, products) so far."""
    found = (ctypes.c_int * 2)()
    runtime.current().library("cublasLt").stand_in_counts(found)
    return tuple(found)


@each
@dtypes
def test_bias_and_relu(host, n, n_out, n_in, dtype):
    arrays, z = layer(n, n_out, n_in, dtype)
    on_host = [host.array(a) for a in arrays]
    close(host, epilogue.linear_bias(*on_host), z, dtype, n_in)
    close(host, epilogue.linear_bias(*on_host, relu=True), np.maximum(z, 0), dtype, n_in)


@each
@dtypes
def test_a_mask_of_bits_stands_for_the_output_of_relu(host, n, n_out, n_in, dtype):
    (x, w, b), z = layer(n, n_out, n_in, dtype)
    y, mask = epilogue.linear_relu_mask(host.array(x), host.array(w), host.array(b))
    close(host, y, np.maximum(z, 0), dtype, n_in)
    assert mask.dtype == np.uint8 and mask.nbytes <= n * (n_out // 8 + 16)
    delta, above = random((n, 6), dtype, 3), random((6, n_out), dtype, 4)
    dz, db = epilogue.masked_product(host.array(delta), host.array(above), mask)
    want = np.where(host.numpy(y).astype(float) > 0, delta.astype(float) @ above.astype(float), 0)
    close(host, dz, want, dtype, 6)
    close(host, db, want.sum(0), dtype, n)


@each
@dtypes
def test_the_bias_gradient_comes_with_that_of_the_weight(host, n, n_out, n_in, dtype):
    delta, x = random((n, n_out), dtype), random((n, n_in), dtype, 1)
    dw, db = epilogue.weight_and_bias_grad(host.array(delta), host.array(x))
    close(host, dw, delta.astype(float).T @ x.astype(float), dtype, n)
    close(host, db, delta.astype(float).sum(0), dtype, n)


@pytest.mark.host_only
def test_a_plan_is_made_once_for_each_kind_of_call(host):
    arrays, z = layer(11, 13, 7, "float32")
    first, second = [[host.array(a) for a in arrays] for _ in range(2)]
    epilogue.linear_bias(*first)
    before = counts()
    close(host, epilogue.linear_bias(*second), z, "float32", 7)
    assert counts() == (before[0], before[1] + 1)
    epilogue.linear_bias(first[0][:5], *first[1:])
    assert counts() == (before[0] + 1, before[1] + 2)


def test_unaligned_arrays_have_plans_of_their_own(host):
    (x, w, b), z = layer(8, 6, 4, "float32")
    flat = host.array(np.concatenate([np.zeros(1, "float32"), w.ravel(), b]))
    got = epilogue.linear_bias(host.array(x), flat[1:25].reshape(6, 4), flat[25:])
    close(host, got, z, "float32", 4)
    close(host, epilogue.linear_bias(host.array(x), host.array(w), host.array(b)), z, "float32", 4)


@pytest.mark.host_only
def test_what_has_no_algorithm_is_declined(host):
    arrays, z = layer(4, 3, 2, "float64")
    on_host = [host.array(a) for a in arrays]
    np.testing.assert_allclose(host.numpy(epilogue.linear_bias(*on_host)), z, atol=1e-14)
    assert epilogue.linear_bias(*on_host, relu=True) is NotImplemented
    assert epilogue.linear_relu_mask(*on_host) is NotImplemented
    assert epilogue.weight_and_bias_grad(on_host[0], on_host[0]) is NotImplemented


def test_what_does_not_fit_is_declined(host):
    (x, w, b), _ = layer(4, 3, 2, "float32")
    x, w, b = host.array(x), host.array(w), host.array(b)
    wrong = [(x, w, b[:2]), (x, w.T, b), (x, w, 1.0), (x[:0], w, b), (x, host.array(np.ones((3, 2))), b), (x[0], w, b)]
    assert all(epilogue.linear_bias(*args) is NotImplemented for args in wrong)
    gaps = host.array(np.ones((8, 4), "float32"))[::2, ::2]
    assert epilogue.linear_bias(gaps, w, b) is NotImplemented
    assert epilogue.weight_and_bias_grad(x, x[:2]) is NotImplemented
    assert epilogue.masked_product(x, w.T[:1], None) is NotImplemented
