"""Launchers of softmax_xent.cu on host memory, against the primitives' own forwards in float64."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.core.tensor import raw
from gpugrad.cuda import softmax_xent as kernels
from tests.cuda.logits import SHAPES, assert_close, drawn, each_dtype, labels_for, reference


@pytest.mark.parametrize("n_cols", [70_000, 100_003])
def test_rows_of_many_classes(host, n_cols):
    """A block of 512 threads a row, in packs and one by one."""
    host.order(2, seed=n_cols)
    z, t = drawn((2, n_cols), np.float32), np.array([3, n_cols - 1])
    want = reference("cross_entropy_mean", z, t, None, smoothing=0.1)
    got = kernels.cross_entropy_mean(host.array(z), host.array(t), smoothing=0.1)
    for mine, theirs in zip(got[:2], want, strict=False):
        assert_close(host, mine, theirs, np.float32, terms=n_cols)
    assert int(host.numpy(got[2])) == want[2]


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
    for bad in (z.T, whole, none):
        assert kernels.cross_entropy_index(bad, t) is NotImplemented
    assert kernels.cross_entropy_index(z, t[:3]) is NotImplemented
    assert kernels.cross_entropy_index(z, z) is NotImplemented
    assert kernels.cross_entropy_soft(z, host.array(np.ones((4, 6)))) is NotImplemented
    assert kernels.cross_entropy_soft(z, t) is NotImplemented
    assert kernels.cross_entropy_index_grad(g[:3], z, t) is NotImplemented
    assert kernels.cross_entropy_mean(z, t, g, smoothing=0.0) is NotImplemented
    assert kernels.cross_entropy_mean(z, t, host.array(np.ones(6)), smoothing=0.0) is NotImplemented
    assert host.launches == []


def test_more_classes_than_the_kernels_count_are_declined(host, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_COLUMNS", 5)
    z, t = host.array(np.ones((4, 6), np.float32)), host.array(np.zeros(4, np.int64))
    assert kernels.cross_entropy_index(z, t) is NotImplemented
    assert kernels.cross_entropy_mean(z, t, smoothing=0.0) is NotImplemented


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
