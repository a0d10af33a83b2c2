"""Recording is switched per thread, and sweeps run side by side."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core import tape


@pytest.fixture
def often():
    """Threads change places a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def in_thread(f):
    """f() in another thread; its result or its error."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(f).result(timeout=30)


def test_no_grad_holds_for_its_own_thread_alone():
    x = gg.Tensor([2.0], requires_grad=True)
    with gg.no_grad():
        there = in_thread(lambda: [gg.is_grad_enabled(), (x * x).requires_grad, ops.tanh(x).requires_grad])
        assert there == [True, True, True]
        assert not (x * x).requires_grad


def test_enable_grad_in_a_thread_does_not_end_another_threads_no_grad():
    x = gg.Tensor([2.0], requires_grad=True)
    with gg.no_grad():
        in_thread(lambda: gg.enable_grad().__enter__())
        assert not (x * x).requires_grad


def test_switching_in_many_threads_at_once(often):
    x = gg.Tensor([2.0], requires_grad=True)
    wrong = []

    def work(on):
        scope = gg.enable_grad if on else gg.no_grad
        for _ in range(300):
            with scope():
                if (x * x).requires_grad != on or (x + np.ones(1)).requires_grad != on:
                    wrong.append(on)
            if not (x * x).requires_grad:
                wrong.append("after")

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and tape.paused == 0


def test_four_sweeps_of_their_own_graphs(often):
    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(20):
            a = rng.standard_normal(5)
            x = gg.Tensor(a, requires_grad=True)
            h = x
            for _ in range(20):
                h = ops.tanh(h * 0.5) + x
            h.backward(np.ones(5))
            d, v = np.ones(5), a  # the same by hand: h' = (1 - t^2) / 2 * h' + 1
            for _ in range(20):
                t = np.tanh(v * 0.5)
                v, d = t + a, (1 - t * t) * 0.5 * d + 1
            np.testing.assert_allclose(x.grad.numpy(), d, rtol=1e-12)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [True] * 4


def test_four_threads_adding_to_one_leaf_lose_nothing(often):
    w = gg.Tensor(np.zeros(3), requires_grad=True)
    start = threading.Barrier(4)

    def work(k):
        start.wait(10)
        for _ in range(200):
            (w * float(k)).backward(np.ones(3))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(1, 5)))
    assert w.grad.tolist() == [200.0 * (1 + 2 + 3 + 4)] * 3


def test_transforms_in_many_threads_keep_their_levels_apart(often):
    def work(k):
        # d/dx [x * d/dy (k x y)] = 2 k x
        return [
            float(gg.grad(lambda x: x * gg.jvp(lambda y: x * y * float(k), (1.0,), (1.0,))[1])(3.0)) for _ in range(50)
        ]

    with ThreadPoolExecutor(4) as pool:
        for k, got in zip(range(4), pool.map(work, range(4)), strict=True):
            assert got == [6.0 * k] * 50


def test_a_graph_recorded_in_one_thread_is_swept_in_another():
    x = gg.Tensor([2.0], requires_grad=True)
    y = in_thread(lambda: x * x)
    in_thread(y.backward)
    assert x.grad.tolist() == [4.0]
