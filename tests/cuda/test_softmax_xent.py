"""Launchers of softmax_xent.cu on host memory, against the primitives' own forwards in float64."""

import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.core.tensor import raw
from gpugrad.cuda import softmax_xent as kernels

ml_dtypes = pytest.importorskip("ml_dtypes")

# Rows by rows of a few lanes, of a warp, and of a block of 256 and 512 threads; in packs and one by one.
SHAPES = (
    (1, 1),
    (5, 2),
    (33, 3),
    (7, 10),
    (31, 8),
    (9, 31),
    (4, 33),
    (3, 257),
    (2, 1000),
    (40, 600),
    (3, 1031),
    (2, 4112),
)
TOLERANCE = {np.float32: 4e-6, np.float64: 1e-14, np.float16: 2.0**-10, ml_dtypes.bfloat16: 2.0**-7}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda t: np.dtype(t).name)


def drawn(shape, dtype, seed=0, scale=3.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


def labels_for(shape, dtype=np.int64):
    return (np.arange(shape[0]) * 7 % shape[1]).astype(dtype)


def reference(name, *args, **params):
    """The primitive's forward on NumPy arrays, in float64."""
    wide = [a if a is None or a.dtype.kind in "iu" else a.astype(np.float64) for a in args]
    with np.errstate(all="ignore"):
        return PRIMITIVES[name].forward(np, *wide, **params)


def assert_close(host, got, want, dtype, terms=1):
    """Within the tolerance of the larger of 1 and |want|; float32's and float64's grows with the terms added up."""
    got = host.numpy(got)
    assert got.dtype == dtype and got.shape == np.shape(want)
    got, want = got.astype(np.float64), np.asarray(want)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    off = np.abs(got[finite] - want[finite]) / np.maximum(1, np.abs(want[finite]))
    assert off.max(initial=0) <= TOLERANCE[dtype] * max(1, math.log2(terms) / 4)


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
def test_rows_of_many_classes(host, n_cols):
    """A block of 512 threads a row, in packs and one by one."""
    host.order(2, seed=n_cols)
    z, t = drawn((2, n_cols), np.float32), np.array([3, n_cols - 1])
    assert_close(host, kernels.softmax(host.array(z), axis=(1,)), reference("softmax", z, axis=(1,)), np.float32)
    want = reference("cross_entropy_mean", z, t, None, smoothing=0.1)
    got = kernels.cross_entropy_mean(host.array(z), host.array(t), smoothing=0.1)
    for mine, theirs in zip(got[:2], want, strict=False):
        assert_close(host, mine, theirs, np.float32, terms=n_cols)
    assert int(host.numpy(got[2])) == want[2]


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


@each_dtype
def test_cross_entropy_of_each_sample(host, dtype):
    for order, shape in enumerate(SHAPES):
        host.order(order % 3, seed=2)
        z, t = drawn(shape, dtype), labels_for(shape)
        soft = np.abs(drawn(shape, dtype, 3, 1.0)) / np.asarray(shape[1], dtype)
        g = drawn(shape[:1], dtype, 4, 1.0)
        for name, target in (("cross_entropy_index", t), ("cross_entropy_soft", soft)):
            loss, p = reference(name, z, target)
            got_loss, got_p = getattr(kernels, name)(host.array(z), host.array(target))
            assert_close(host, got_loss, loss, dtype, terms=shape[1])
            assert_close(host, got_p, p, dtype)
            grad = getattr(kernels, f"{name}_grad")
            rounded = p.astype(dtype)
            want = reference(f"{name}_grad", g, rounded, target)
            assert_close(host, grad(host.array(g), host.array(rounded), host.array(target)), want, dtype, shape[1])
            one = np.broadcast_to(g[:1], g.shape)
            want = reference(f"{name}_grad", one, rounded, target)
            got = grad(host.array(one), host.array(rounded), host.array(target))
            assert_close(host, got, want, dtype, terms=shape[1])


@pytest.mark.parametrize("label_dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_every_kind_of_label(host, label_dtype):
    z = drawn((20, 11), np.float32)
    t = labels_for(z.shape, label_dtype)
    loss, _ = kernels.cross_entropy_index(host.array(z), host.array(t))
    assert_close(host, loss, reference("cross_entropy_index", z, t)[0], np.float32)


def mean_cases(shape, dtype):
    z, t = drawn(shape, dtype), labels_for(shape)
    soft = np.abs(drawn(shape, dtype, 3, 1.0)) / np.asarray(shape[1], dtype)
    weight = (np.arange(shape[1]) % 4 + 0.5).astype(dtype)
    return [(z, target, w, s) for target in (t, soft) for w in (None, weight) for s in (0.0, 0.25)]


@each_dtype
def test_mean_cross_entropy_with_its_gradient_and_hits(host, dtype):
    for order, shape in enumerate(SHAPES):
        host.order(order % 3, seed=3)
        for z, target, weight, smoothing in mean_cases(shape, dtype):
            loss, slope, n_hits = reference("cross_entropy_mean", z, target, weight, smoothing=smoothing)
            args = (a if a is None else host.array(a) for a in (z, target, weight))
            got = kernels.cross_entropy_mean(*args, smoothing=smoothing)
            assert_close(host, got[0], loss, dtype, terms=shape[1])
            assert_close(host, got[1], slope, dtype, terms=shape[1])
            assert host.numpy(got[2]).dtype == np.int64 and int(host.numpy(got[2])) == n_hits


@pytest.mark.parametrize(("n_sm", "n_cols"), [(4, 3), (132, 31)])
def test_the_mean_over_many_rows_is_the_same_in_every_run(host, n_sm, n_cols):
    """More rows than a small card's grid has; on a large card more parts than the last block has threads."""
    host.device = host.device._replace(n_sm=n_sm)
    z, t = drawn((20_001, n_cols), np.float32), labels_for((20_001, n_cols))
    weight = (np.arange(n_cols) + 1).astype(np.float32)
    want = reference("cross_entropy_mean", z, t, weight, smoothing=0.0)
    seen = set()
    for order in (0, 1, 2):
        host.order(order, seed=7)
        loss, slope, n_hits = kernels.cross_entropy_mean(*map(host.array, (z, t, weight)), smoothing=0.0)
        assert_close(host, loss, want[0], np.float32)
        assert_close(host, slope, want[1], np.float32)
        assert int(host.numpy(n_hits)) == want[2]
        seen.add(host.numpy(loss).tobytes() + host.numpy(slope).tobytes())
    assert len(seen) == 1


def test_equal_logits_count_as_a_hit_of_the_first(host):
    z = np.zeros((4, 40), np.float32)
    t = np.array([0, 1, 39, 0])
    assert int(host.numpy(kernels.cross_entropy_mean(host.array(z), host.array(t), smoothing=0.0)[2])) == 2


def test_a_label_out_of_range_makes_its_row_nan(host):
    z, t = drawn((3, 4), np.float32), np.array([1, 4, -1])
    loss, p = kernels.cross_entropy_index(host.array(z), host.array(t))
    np.testing.assert_array_equal(np.isnan(host.numpy(loss)), [False, True, True])
    assert np.isfinite(host.numpy(p)).all()
    loss, slope, _ = kernels.cross_entropy_mean(host.array(z), host.array(t), smoothing=0.0)
    assert np.isnan(host.numpy(loss))
    np.testing.assert_array_equal(np.isnan(host.numpy(slope)).all(axis=1), [False, True, True])
    g = host.array(np.ones(3, np.float32))
    dz = host.numpy(kernels.cross_entropy_index_grad(g, p, host.array(t)))
    np.testing.assert_array_equal(np.isnan(dz).all(axis=1), [False, True, True])


def test_a_class_of_logit_minus_infinity_has_no_weight(host):
    z = np.array([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, 5.0]], np.float32)
    loss, slope, _ = kernels.cross_entropy_mean(host.array(z), host.array(np.array([0, 2])), smoothing=0.0)
    np.testing.assert_allclose(host.numpy(loss), np.log(2) / 2, rtol=1e-6)
    np.testing.assert_allclose(host.numpy(slope), [[-0.25, 0, 0.25], [0, 0, 0]], atol=1e-7)


def test_what_cannot_be_served_is_declined(host):
    z, t, g = (host.array(a) for a in (np.ones((4, 6), np.float32), np.zeros(4, np.int64), np.ones(4, np.float32)))
    whole = host.array(np.ones((4, 6), np.int32))
    none = host.array(np.ones((0, 6), np.float32))
    assert kernels.cross_entropy_index(z, host.numpy(t)) is NotImplemented
    assert kernels.cross_entropy_index_grad(host.numpy(g), z, t) is NotImplemented
    assert kernels.softmax_grad(z, host.numpy(z), axis=(1,)) is NotImplemented
    for bad in (z.T, whole, none):
        assert kernels.softmax(bad, axis=(1,)) is NotImplemented
        assert kernels.cross_entropy_index(bad, t) is NotImplemented
        assert kernels.softmax_grad(z, bad, axis=(1,)) is NotImplemented
    assert kernels.softmax(z, axis=(0,)) is NotImplemented
    assert kernels.softmax(z, axis=()) is NotImplemented
    assert kernels.softmax_grad(g, z, axis=(1,)) is NotImplemented
    assert kernels.cross_entropy_index(z, t[:3]) is NotImplemented
    assert kernels.cross_entropy_index(z, z) is NotImplemented
    assert kernels.cross_entropy_soft(z, host.array(np.ones((4, 6)))) is NotImplemented
    assert kernels.cross_entropy_soft(z, t) is NotImplemented
    assert kernels.cross_entropy_index_grad(g[:3], z, t) is NotImplemented
    assert kernels.cross_entropy_mean(z, t, g, smoothing=0.0) is NotImplemented
    assert kernels.cross_entropy_mean(z, t, host.array(np.ones(6)), smoothing=0.0) is NotImplemented
    assert host.launches == []


def test_the_operations_reach_the_kernels(host):
    """First and second derivatives on arrays of the device are those of NumPy."""
    z, t = drawn((5, 4), np.float32), labels_for((5, 4))

    def loss(z, t):
        return nn.cross_entropy(z, t) + ops.cross_entropy_mean(z, t)[0] + ops.sum(ops.softmax(z) * ops.log_softmax(z))

    def hvp(z, t):
        return gg.grad(lambda z: ops.sum(gg.grad(loss)(z, t) * z))(z)

    for f in (loss, gg.grad(loss), hvp):
        got = host.numpy(raw(f(host.array(z), host.array(t))))
        np.testing.assert_allclose(got, raw(f(z, t)), rtol=2e-5, atol=2e-5)
    assert (
        host.launched("xent_fwd<float, 0>") and host.launched("xent_total") and host.launched("softmax_vjp<float, 0>")
    )
