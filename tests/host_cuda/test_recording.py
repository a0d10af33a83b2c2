"""The stand-in for a stream in capture refuses what CUDA and CuPy refuse, and replays by address."""

import functools

import cupy
import numpy as np
import pytest

from gpugrad.cuda import elementwise, gemm, runtime
from tests.host_cuda.recording import CaptureError

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def x(host):
    return host.array(X)


def tanh_grad(x):
    return elementwise.tanh_grad(x, x)


def test_a_replay_computes_anew_of_what_lies_there(host, x):
    want = [host.numpy(tanh_grad(host.array(k * X))).copy() for k in (1, 2)]
    graph, y = host.lane().capture(lambda: tanh_grad(x))
    assert np.isnan(host.numpy(y)).all() or not host.numpy(y).any()  # nothing ran yet
    for k in (1, 2):
        host.numpy(x)[...] = np.float32(k) * X
        graph.launch()
        np.testing.assert_array_equal(host.numpy(y), want[k - 1])


def test_products_are_taken_down_with_their_factors(host, x):
    gemm.gemm(x, x.T)
    alpha = host.array(np.full(1, 2.0, "f4"))
    graph, (a, b) = host.lane().capture(lambda: (gemm.gemm(x, x.T, alpha=3.0), gemm.gemm(x, x.T, alpha=alpha)))
    host.numpy(alpha)[...] = 5.0  # read at the replay, as it lies on the device
    graph.launch()
    np.testing.assert_allclose(host.numpy(a), 3 * X @ X.T, rtol=1e-5)
    np.testing.assert_allclose(host.numpy(b), 5 * X @ X.T, rtol=1e-5)
    assert graph.names.count("cublasGemmStridedBatchedEx") == 2


@pytest.mark.parametrize(
    "work, message",
    [
        (lambda host, x: float(x.sum()), "__float__ of an array"),
        (lambda host, x: x.get(), "a copy to the host"),
        (lambda host, x: host.numpy(x), "a copy to the host"),
        (lambda host, x: x.set(X), "a copy from the host"),
        (lambda host, x: host.send(x, X), "a copy from the host"),
        (lambda host, x: host.event().synchronize(), "a wait for an event"),
        (lambda host, x: x.device.synchronize(), "a wait for the device"),
        (lambda host, x: np.sort(x), "sort waits for the device"),
        (lambda host, x: x @ x.T, "calls a library"),
        (lambda host, x: x[x > 0], "mask"),
        (lambda host, x: elementwise.relu(x), "launched for the first time"),
    ],
)
def test_what_breaks_a_capture_is_refused(host, x, work, message):
    with pytest.raises(CaptureError, match=message):
        host.lane().capture(lambda: work(host, x))
    assert not host.lane().graphs
    float(x.sum())  # and the stream can be used again


def test_memory_and_launches_belong_to_the_stream_in_capture(host, x):
    tanh_grad(x)

    def elsewhere(work):
        def on_another_stream():
            with host.on(0, None):
                return work()

        return on_another_stream

    with pytest.raises(CaptureError, match="memory taken from elsewhere"):
        host.lane().capture(elsewhere(lambda: runtime.current().empty((3,), "f4")))
    with pytest.raises(CaptureError, match="another stream"):
        host.lane().capture(elsewhere(lambda: runtime.current().copy(x, x)))


def test_a_product_on_another_stream_is_refused(host, x):
    gemm.gemm(x, x.T)
    out = host.array(np.zeros((3, 3), "f4"))

    def work():
        with host.on(0, host.lane().pool):
            return gemm.gemm(x, x.T, out)

    with pytest.raises(Exception, match="cuBLAS answers 7"):
        host.lane().capture(work)


def test_a_replay_after_its_memory_was_freed_is_found(host):
    x = host.array(X)
    tanh_grad(x)
    graph, y = host.lane().capture(functools.partial(tanh_grad, x))
    lane = host.lane()  # without the lane the pool would be gone too
    del x
    with pytest.raises(AssertionError, match=r"act_vjp<Tanh, float> uses memory that has been freed"):
        [graph.launch() for _ in range(2)]
    assert lane is host.lane() and y.shape == (3, 4)


def test_what_was_freed_in_a_capture_is_nan_at_its_next_reading(host, x):
    tanh_grad(x)

    def use_after_free():
        y = tanh_grad(x)
        seen = cupy.ndarray.__new__(type(y), y.shape, y.dtype, cupy.cuda.MemoryPointer(_unowned(y), 0))
        del y
        return x + seen

    graph, z = host.lane().capture(use_after_free)
    graph.launch()
    assert np.isnan(host.numpy(z)).all()


def _unowned(array):
    return cupy.cuda.UnownedMemory(array.data.ptr, array.nbytes, None, device_id=0)
