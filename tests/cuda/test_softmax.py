"""Launchers of softmax.cu on host memory, against the primitives' own forwards in float64."""

import numpy as np
import pytest

from gpugrad.core.namespace import PRIMITIVES
from gpugrad.cuda import softmax as kernels
from tests.cuda.logits import SHAPES, assert_close, drawn, each_dtype, reference


@each_dtype
def test_softmax_and_its_kin(host, dtype):
    for order, shape in enumerate(SHAPES):
        host.order(order % 3, seed=1)
        x, g, axis = drawn(shape, dtype), drawn(shape, dtype, 1, 1.0), (1,)
        y, log_y = (np.asarray(reference(name, x, axis=axis)) for name in ("softmax", "log_softmax"))
        assert_close(host, kernels.softmax(host.array(x), axis=axis), y, dtype)
        assert_close(host, kernels.log_softmax(host.array(x), axis=axis), log_y, dtype)
        want = reference("logsumexp", x, axis=axis, keepdims=False)
        assert_close(host, kernels.logsumexp(host.array(x), axis=axis, keepdims=False), want, dtype)
        for name, v in (("softmax_grad", y.astype(dtype)), ("log_softmax_grad", log_y.astype(dtype))):
            got = getattr(kernels, name)(host.array(g), host.array(v), axis=axis)
            assert_close(host, got, reference(name, g, v, axis=axis), dtype, terms=shape[1])


def test_several_trailing_axes_and_shapes_kept(host):
    x = drawn((3, 4, 5), np.float32)
    for axis in ((2,), (1, 2), (0, 1, 2)):
        assert_close(host, kernels.softmax(host.array(x), axis=axis), reference("softmax", x, axis=axis), np.float32)
        for keepdims in (True, False):
            want = reference("logsumexp", x, axis=axis, keepdims=keepdims)
            assert_close(host, kernels.logsumexp(host.array(x), axis=axis, keepdims=keepdims), want, np.float32)


@pytest.mark.parametrize("n_cols", [70_000, 100_003])
def test_long_rows(host, n_cols):
    """A block of 512 threads a row, in packs and one by one."""
    host.order(2, seed=n_cols)
    z = drawn((2, n_cols), np.float32)
    assert_close(host, kernels.softmax(host.array(z), axis=(1,)), reference("softmax", z, axis=(1,)), np.float32)


def test_more_rows_than_the_grid_has_and_views_that_are_not_aligned(host):
    x = drawn((20_001, 2), np.float32)
    assert_close(host, kernels.softmax(host.array(x), axis=(1,)), reference("softmax", x, axis=(1,)), np.float32)
    flat = host.array(drawn(1 + 6 * 40, np.float32))
    view = flat[1:].reshape(6, 40)
    want = reference("log_softmax", host.numpy(view), axis=(1,))
    assert_close(host, kernels.log_softmax(view, axis=(1,)), want, np.float32)


@pytest.mark.parametrize("n_cols", [5, 40, 1200])
def test_infinities_and_nan_as_on_numpy(host, n_cols):
    """Elements of +inf share the weight, -inf has none, and NaN goes through the whole row."""
    x = drawn((6, n_cols), np.float32)
    x[0, 1] = -np.inf
    x[1, :] = -np.inf
    x[2, 0] = x[2, 3] = np.inf
    x[3, 2] = np.nan
    x[4, :] = 1e30
    x[5, :] = -3e38
    for name in ("softmax", "log_softmax"):
        want = PRIMITIVES[name].raw[np.ndarray](x, axis=(1,)).astype(np.float64)
        assert_close(host, getattr(kernels, name)(host.array(x), axis=(1,)), want, np.float32)
    want = PRIMITIVES["logsumexp"].raw[np.ndarray](x, axis=(1,), keepdims=False).astype(np.float64)
    assert_close(host, kernels.logsumexp(host.array(x), axis=(1,), keepdims=False), want, np.float32)


def test_what_cannot_be_served_is_declined(host):
    z = host.array(np.ones((4, 6), np.float32))
    assert kernels.softmax_grad(z, host.numpy(z), axis=(1,)) is NotImplemented
    for bad in (z.T, host.array(np.ones((4, 6), np.int32)), host.array(np.ones((0, 6), np.float32))):
        assert kernels.softmax(bad, axis=(1,)) is NotImplemented
        assert kernels.softmax_grad(z, bad, axis=(1,)) is NotImplemented
    assert kernels.softmax(z, axis=(0,)) is NotImplemented
    assert kernels.softmax(z, axis=()) is NotImplemented
    assert kernels.softmax_grad(z[0], z, axis=(1,)) is NotImplemented
    assert host.launches == []
