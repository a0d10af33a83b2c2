"""Kernels and launchers of layer norm and batch norm against float64, on the CPU."""

import ml_dtypes
import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.cuda import norm as launchers
from gpugrad.cuda.runtime import Limits
from gpugrad.ops.normalize import normalize, normalize_vjp
from gpugrad.ops.standardize import standardized

TOLERANCE = {"float32": 4e-6, "float64": 1e-13, "float16": 2e-3, "bfloat16": 1.6e-2}  # of the largest |value|
STATISTICS = {"float32": 4e-6, "float64": 1e-13, "float16": 4e-6, "bfloat16": 4e-6}
DTYPES = list(TOLERANCE)
EPS = 1e-5


def random(shape, dtype="float64", seed=0, center=0.0):
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return (np.random.default_rng((seed, *shape)).normal(size=shape) + center).astype(kind)


def close(host, got, want, tolerance):
    error = np.abs(host.numpy(got).astype(float) - want).max(initial=0)
    assert got.shape == want.shape and error <= tolerance * max(1.0, np.abs(want).max(initial=0)), error


def wide(*arrays):
    return [None if a is None else a.astype(float) for a in arrays]


def check(host, shape, axis, dtype, weight=True, bias=True, center=0.0):
    """Forward and gradients on the host against float64."""
    behind = shape[axis[0] :] if axis[-1] == len(shape) - 1 else shape[1:]
    x = random(shape, dtype, center=center)
    w, b = random(behind, dtype, 1) if weight else None, random(behind, dtype, 2) if bias else None
    on_host = [None if a is None else host.array(a) for a in (x, w, b)]
    y, mean, var = launchers.normalize(*on_host, axis=axis, eps=EPS)
    x, w, b = wide(x, w, b)
    want, mean64, var64 = normalize.primitive.forward(np, x, np.ones(behind) if w is None else w, b, axis=axis, eps=EPS)
    assert y.dtype == on_host[0].dtype and mean.dtype == var.dtype == (np.float64 if dtype == "float64" else np.float32)
    close(host, y, want, TOLERANCE[dtype] * max(1, abs(center)))
    close(host, mean, mean64, STATISTICS[dtype])
    close(host, var, var64, STATISTICS[dtype] * max(1, abs(center)))
    if weight:
        g = random(shape, dtype, 3)
        params = {"axis": axis, "eps": EPS, "bias": bias}
        got = launchers.normalize_vjp(host.array(g), on_host[0], on_host[1], mean, var, **params)
        expected = normalize_vjp.primitive.forward(np, g.astype(float), x, w, mean64, var64, **params)
        assert len(got) == len(expected) == 2 + bias
        for d, e in zip(got, expected, strict=True):
            close(host, d, e, 4 * TOLERANCE[dtype] * max(1, abs(center)))


ROWS = [(1, 1), (3, 2), (33, 31), (5, 33), (2, 1000), (3, 1025), (2, 2100), (70, 8)]
COLUMNS = [(2, 1), (3, 2), (33, 31), (31, 33), (257, 8), (1000, 3), (5, 600), (64, 64)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", ROWS)
def test_rows(host, dtype, shape):
    check(host, shape, (1,), dtype)
    assert host.launched("row_norm_fwd") == host.launched("row_norm_vjp") == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", COLUMNS)
def test_columns(host, dtype, shape):
    check(host, shape, (0,), dtype)
    assert host.launched("column_norm_fwd") == host.launched("column_norm_vjp") == 1


@pytest.mark.parametrize(("weight", "bias"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize(
    ("shape", "axis"), [((9, 5), (1,)), ((9, 5), (0,)), ((2, 3, 4, 5), (2, 3)), ((4,), (0,)), ((2, 3, 4), (0, 1, 2))]
)
def test_parameters_that_are_not_there_and_several_axes(host, shape, axis, weight, bias):
    check(host, shape, axis, "float32", weight, bias)
    x = random(shape, "float32")
    got = launchers.standardize(host.array(x), axis=axis, eps=EPS)
    for part, want in zip(got, standardized(np, x.astype(float), axis, EPS), strict=True):
        close(host, part, want, 4e-6)


@pytest.mark.parametrize("axis", [(0,), (1,)])
def test_a_mean_far_from_zero_does_not_spoil_the_variance(host, axis):
    check(host, (300, 40), axis, "float32", center=1000.0)


ONE_MULTIPROCESSOR = Limits(arch=90, n_sm=1, shared_bytes=232448)  # so that a block has several rows, or runs of them


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(("shape", "axis"), [((100, 33), (1,)), ((9, 1500), (1,)), ((600, 9), (0,))])
def test_blocks_with_several_rows(host, dtype, shape, axis):
    host.device = ONE_MULTIPROCESSOR
    check(host, shape, axis, dtype)


@pytest.mark.parametrize("order", (0, 1, 2))
@pytest.mark.parametrize(("shape", "axis"), [((70, 33), (1,)), ((9, 1500), (1,)), ((130, 33), (0,))])
def test_any_order_of_threads_gives_the_same_bits(host, order, shape, axis):
    host.device = ONE_MULTIPROCESSOR
    x, g = host.array(random(shape, "float32")), host.array(random(shape, "float32", 1))
    w = host.array(random(shape[1:], "float32", 2))

    def all_of_them():
        y, mean, var = launchers.normalize(x, w, w, axis=axis, eps=EPS)
        found = launchers.normalize_vjp(g, x, w, mean, var, axis=axis, eps=EPS, bias=True)
        return [host.numpy(a).copy() for a in (y, mean, var, *found)]

    want = all_of_them()
    host.order(order, seed=9)
    for got, expected in zip(all_of_them(), want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_what_is_declined(host):
    x, w = host.array(np.ones((4, 3, 2))), host.array(np.ones(3))
    params = {"axis": (0, 2), "eps": EPS}
    assert launchers.normalize(x, w, w, **params) is NotImplemented
    assert launchers.standardize(x, axis=(0,), eps=EPS) is NotImplemented
    assert launchers.standardize(x[:, ::2], axis=(2,), eps=EPS) is NotImplemented
    assert launchers.standardize(host.array(np.ones((0, 3))), axis=(1,), eps=EPS) is NotImplemented
    m, statistics = x[0], host.array(np.ones((3, 1)))
    two = host.array(np.ones(2))
    assert launchers.normalize(m, w, None, axis=(1,), eps=EPS) is NotImplemented
    assert launchers.normalize(m, host.array(np.ones(2, "float32")), None, axis=(1,), eps=EPS) is NotImplemented
    params = {"axis": (1,), "eps": EPS, "bias": True}
    assert launchers.normalize_vjp(m, m, two, statistics, statistics, **params) is not NotImplemented
    assert launchers.normalize_vjp(m, m, two, two, statistics, **params) is NotImplemented
    assert (
        launchers.normalize_vjp(m, m, two, statistics, host.array(np.ones((3, 1), "float32")), **params)
        is NotImplemented
    )


def test_rows_too_long_for_the_shared_memory_are_declined(host):
    host.device = Limits(arch=75, n_sm=2, shared_bytes=65536)
    x, w = host.array(np.ones((2, 9000), "float32")), host.array(np.ones(9000, "float32"))
    _, mean, var = launchers.normalize(x, w, w, axis=(1,), eps=EPS)
    assert launchers.normalize_vjp(x, x, w, mean, var, axis=(1,), eps=EPS, bias=True) is NotImplemented


@pytest.mark.parametrize(("spare", "served"), [(0, False), (255, False), (256, True)])
def test_a_row_leaves_room_for_the_shared_memory_of_the_kernel_itself(host, spare, served):
    x, w = host.array(np.ones((2, 7000), "float32")), host.array(np.ones(7000, "float32"))
    host.device = Limits(arch=90, n_sm=2, shared_bytes=2 * 7000 * 4 + spare)
    _, mean, var = launchers.normalize(x, w, w, axis=(1,), eps=EPS)
    got = launchers.normalize_vjp(x, x, w, mean, var, axis=(1,), eps=EPS, bias=True)
    assert (got is not NotImplemented) == served


def test_rows_longer_than_the_kernels_count_are_declined(host, monkeypatch):
    monkeypatch.setattr(launchers, "MOST_COLUMNS", 6)
    x = host.array(np.ones((2, 2, 3)))
    assert launchers.standardize(x, axis=(1, 2), eps=EPS) is not NotImplemented
    assert launchers.standardize(x, axis=(0, 1, 2), eps=EPS) is NotImplemented


@pytest.mark.parametrize("layer", ["layer_norm", "batch_norm"])
def test_gradients_of_both_orders_through_the_engine(host, layer):
    arrays = [random((6, 4)), random((4,), seed=1), random((4,), seed=2)]

    def gradients(make):
        tensors = [gg.Tensor(make(a), requires_grad=True) for a in arrays]
        y = getattr(ops, layer)(*tensors)
        y = y[0] if isinstance(y, tuple) else y
        (y * y * y).sum().backward(create_graph=True)
        (tensors[1].grad * tensors[1].grad).sum().backward()
        return [t.grad.data for t in tensors]

    for on_host, plain in zip(gradients(host.array), gradients(np.array), strict=True):
        np.testing.assert_allclose(host.numpy(on_host), plain, atol=1e-9)
    kind = "row" if layer == "layer_norm" else "column"
    assert host.launched(f"{kind}_norm_fwd") == 1 and host.launched(f"{kind}_norm_vjp") == 2  # one for each sweep
