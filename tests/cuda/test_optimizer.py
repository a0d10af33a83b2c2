"""Optimizers and clipping by kernels on host memory, against the same optimizers on NumPy arrays."""

import numpy as np
import pytest

from gpugrad import Tensor, optim
from gpugrad.cuda import optimizer as kernels
from gpugrad.errors import DeviceError
from tests.cuda.rules import Signs

ml_dtypes = pytest.importorskip("ml_dtypes")

DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
RULES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9}),
]
SHAPES = ((8, 4), (3,), (), (0, 2), (31,), (1031,), (5, 7), (33,), (64, 64))
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: np.dtype(t).name)


def drawn(shape, dtype, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def pair(host, name, options, dtype, shapes=SHAPES):
    """The same optimizer twice: over arrays of the device, and over NumPy's."""
    there = [Tensor(host.array(drawn(s, dtype, k)), requires_grad=True) for k, s in enumerate(shapes)]
    here = [Tensor(drawn(s, dtype, k), requires_grad=True) for k, s in enumerate(shapes)]
    return [(params, getattr(optim, name)(params, **options)) for params in (there, here)]


def give(host, there, here, dtype, seed, skip=()):
    for k, (p, q) in enumerate(zip(there, here, strict=True)):
        g = drawn(q.shape, dtype, 1000 * seed + k)
        p.grad = None if k in skip else Tensor(host.array(g))
        q.grad = None if k in skip else Tensor(g)


def assert_same(host, there, here, tolerance):
    for p, q in zip(there, here, strict=True):
        got, want = host.numpy(p.data).astype(np.float64), np.asarray(q.data).astype(np.float64)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def assert_same_state(host, one, other, tolerance):
    for mine, theirs in zip(one._buckets[0], other._buckets[0], strict=True):
        for name, flat in mine.flat.items():
            np.testing.assert_allclose(host.numpy(flat), theirs.flat[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), RULES)
@each_dtype
def test_ten_updates_are_numpys(host, name, options, dtype):
    """2-byte parameters have float32 master weights, which are as near as float32's."""
    (there, one), (here, other) = pair(host, name, options, dtype)
    for t in range(10):
        host.order(t % 3, seed=t)
        give(host, there, here, dtype, t)
        one.step()
        other.step()
    tolerance = 5 * TOLERANCE.get(np.dtype(dtype).name, 2e-6)
    assert_same_state(host, one, other, tolerance)
    unit = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(np.dtype(dtype).name, tolerance)
    assert_same(host, there, here, unit)
    assert len(host.launches) == 10


def test_one_launch_for_64_arrays_whatever_their_sizes(host):
    shapes = [(k % 7 + 1, 3) for k in range(150)]
    (there, one), (here, other) = pair(host, "Adam", {"lr": 0.01}, np.float32, shapes)
    give(host, there, here, np.float32, 1)
    one.step()
    other.step()
    assert_same(host, there, here, 2e-6)
    assert host.launched("adam<float>") == len(host.launches) == 3


def test_parameters_without_gradient_keep_their_own_step_count(host):
    (there, one), (here, other) = pair(host, "Adam", {"lr": 0.01}, np.float32)
    for t, skip in enumerate(((), (0, 5), (), (1,))):
        give(host, there, here, np.float32, t, skip)
        one.step()
        other.step()
    assert_same(host, there, here, 1e-5)
    assert_same_state(host, one, other, 1e-5)


def test_gradients_in_another_order_are_copied_and_views_need_not_be_aligned(host):
    base, g = drawn(41, np.float32, 0), drawn((4, 10), np.float32, 1)
    there = Tensor(host.array(base)[1:].reshape(10, 4), requires_grad=True)
    here = Tensor(base[1:].reshape(10, 4).copy(), requires_grad=True)
    there.grad, here.grad = Tensor(host.array(g).T), Tensor(g.T)
    for p in (there, here):
        optim.SGD([p], lr=0.5, momentum=0.9).step()
    assert_same(host, [there], [here], 1e-6)
    assert host.launched("sgd<float>") == 1


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=lambda t: np.dtype(t).name)
def test_a_2_byte_parameter_that_somebody_wrote_is_taken_over(host, dtype):
    (there, one), (here, other) = pair(host, "SGD", {"lr": 1e-4}, dtype, [(40,)])
    for t in range(3):
        give(host, there, here, dtype, t)
        one.step()
        other.step()
        host.numpy(there[0].data)[3:9] = here[0].data[3:9] = np.asarray(t + 1, dtype)
    assert_same_state(host, one, other, 1e-6)
    master = host.numpy(one._buckets[0][0].flat["master"])
    assert np.any(master != master.astype(dtype).astype(np.float32))


def test_coefficients_in_device_memory_are_read_at_the_launch(host):
    p, g, m, v = (drawn(100, np.float32, k) for k in range(4))
    c = np.array([0.0, 0.1, 0.99, 0.01, 0.02, 1e-6], np.float32)
    mixed = [host.array(x) if i % 2 else float(x) for i, x in enumerate(c)]
    got = []
    for given in (mixed, list(map(float, c))):
        arrays = [host.array(a) for a in (p, g, m, v**2)]
        flat = kernels.Flat([0], arrays[2:])
        assert kernels.adam(arrays[:1], arrays[1:2], flat, given, decay=False, decoupled=False) is None
        got.append(host.numpy(arrays[0]))
    np.testing.assert_array_equal(*got)
    assert not np.array_equal(got[0], p)


def test_a_rule_with_an_update_of_its_own_does_not_take_the_kernel(host):
    p = Tensor(host.array(np.zeros(4, np.float32)), requires_grad=True)
    p.grad = Tensor(host.array(np.array([3, -2, 0, 9], np.float32)))
    Signs([p], lr=0.5).step()
    np.testing.assert_array_equal(host.numpy(p.data), [-0.5, 0.5, 0, -0.5])
    assert host.launches == []


def test_what_cannot_be_served_is_declined(host):
    p, g, half = (host.array(a) for a in (np.ones(4, np.float32), np.ones(4, np.float32), np.ones(4, np.float16)))
    options = {"decay": False, "nesterov": False}
    c = (0.1, 0.0, 0.0, 1.0)
    empty = kernels.Flat([0], [])
    assert kernels.sgd([], [], empty, c, **options) is NotImplemented
    assert kernels.sgd([p], [half], empty, c, **options) is NotImplemented
    assert kernels.sgd([p], [g[:3]], empty, c, **options) is NotImplemented
    assert kernels.sgd([p], [np.ones(4, np.float32)], empty, c, **options) is NotImplemented
    assert kernels.sgd([p, half], [g, half], kernels.Flat([0, 4], []), c, **options) is NotImplemented
    assert kernels.sgd([half], [half], empty, c, **options) is NotImplemented
    assert kernels.sgd([p], [g], kernels.Flat([0], [], p), c, **options) is NotImplemented
    assert kernels.sgd([p], [g], kernels.Flat([0], [half]), c, **options) is NotImplemented
    assert kernels.sgd([p], [g], empty, (half[:1], *c[1:]), **options) is NotImplemented
    strided = host.array(np.ones(8, np.float32))[::2]
    assert kernels.sgd([strided], [g], empty, c, **options) is NotImplemented
    assert kernels.grad_norm([p, half]) is NotImplemented
    assert kernels.grad_norm([strided]) is NotImplemented
    assert kernels.clip_by_norm([strided], host.array(np.float64(1.0)), 1.0) is NotImplemented
    assert kernels.clip_by_norm([p], np.float32(1.0), 1.0) is NotImplemented
    assert host.launches == []


@pytest.mark.host_only
def test_arrays_of_another_device_are_refused(host, monkeypatch):
    """The launch sees no array of a list, and a kernel that met them would end all work on the device."""
    p = Tensor(host.array(np.ones(4, np.float32)), requires_grad=True)
    p.grad = Tensor(host.array(np.ones(4, np.float32)))
    monkeypatch.setattr(host, "stream", lambda: (1, 0))
    steps = (optim.SGD([p], lr=0.1).step, lambda: optim.clip_grad_norm_([p], 1.0))
    for step in steps:
        with pytest.raises(DeviceError, match=r"arrays of cuda:0 to change, but cuda:1 is .* cupy\.cuda\.Device\(0\)"):
            step()
    assert host.launches == []


@each_dtype
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clipping_by_the_global_norm(host, dtype, max_norm):
    (there, _), (here, _) = pair(host, "SGD", {}, dtype)
    seen = set()
    for order in (0, 1, 2):
        host.order(order, seed=4)
        give(host, there, here, dtype, 1)
        got, want = (optim.clip_grad_norm_(params, max_norm) for params in (there, here))
        np.testing.assert_allclose(float(host.numpy(got)), float(want), rtol=1e-6)
        unit = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(np.dtype(dtype).name, 2e-6)
        assert_same(host, [p.grad for p in there], [q.grad for q in here], unit)
        seen.add(host.numpy(got).tobytes() + b"".join(host.numpy(p.grad.data).tobytes() for p in there))
    assert len(seen) == 1
    assert host.launched("square_sums") == host.launched("norm_total") == host.launched("clip_by_norm") == 3


def test_a_norm_beyond_the_range_of_float32(host):
    p = Tensor(host.array(np.ones(5, np.float32)), requires_grad=True)
    p.grad = Tensor(host.array(np.full(5, 1e30, np.float32)))
    assert float(host.numpy(optim.clip_grad_norm_([p], 1.0))) == pytest.approx(5**0.5 * 1e30, rel=1e-6)
    np.testing.assert_allclose(host.numpy(p.grad.data), np.full(5, 5**-0.5), rtol=1e-6)


@pytest.mark.parametrize("chunk", [kernels.NORM_CHUNK, 8])
def test_the_norm_of_more_than_64_arrays(host, monkeypatch, chunk):
    """With short chunks there are more parts than the last block has threads."""
    monkeypatch.setattr(kernels, "NORM_CHUNK", chunk)
    arrays = [drawn((k + 1 if k else 8_000,), np.float32, k) for k in range(130)]
    total = kernels.grad_norm([host.array(a) for a in arrays])
    want = np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in arrays))
    assert float(host.numpy(total)) == pytest.approx(want, rel=1e-14)
    assert host.launched("square_sums<float>") == 3


@each_dtype
def test_a_list_of_arrays_is_copied_by_one_launch(host, dtype):
    sources = [host.array(drawn(shape, dtype, k)) for k, shape in enumerate(SHAPES)]
    odd = host.array(np.zeros(40, dtype))  # whose parts are not aligned
    for order in (0, 1, 2):
        host.order(order, seed=5)
        targets = [host.array(np.full(shape, 7, dtype)) for shape in SHAPES[:-2]] + [
            odd[3:36],
            host.array(np.zeros((64, 64), dtype)),
        ]
        assert kernels.copy_list(targets, sources) is None
        for target, source in zip(targets, sources, strict=True):
            np.testing.assert_array_equal(host.numpy(target), host.numpy(source))
    assert not host.numpy(odd)[:3].any() and not host.numpy(odd)[36:].any()
    assert host.launched("copy_list") == 3


def test_what_differs_in_shape_dtype_or_layout_is_not_copied_as_a_list(host):
    a = host.array(np.ones((4, 6), np.float32))
    for b in (
        host.array(np.ones((6, 4), np.float32)),
        host.array(np.ones((4, 6))),
        host.array(np.ones((6, 4), np.float32)).T,
    ):
        assert kernels.copy_list([a], [b]) is NotImplemented
    assert kernels.copy_list([host.array(np.ones(3, np.int64))], [host.array(np.ones(3, np.int64))]) is NotImplemented
