"""What a compiled training step holds: less than eager execution at its peak, and no more after ten thousand steps."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, optim
from gpugrad.program.fast import available

from .running import stepping

EXECUTORS = ["numpy", pytest.param("fast", marks=pytest.mark.skipif(not available(), reason="needs llvmlite"))]
STATM = Path("/proc/self/statm")


def step_of(sizes):
    model = nn.MLP(sizes, activation="relu", rng=0)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    return stepping(lambda step: step, optimizer, lambda x, y: nn.cross_entropy(model(x), y)), model


def batch(n, n_in):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, n_in)).astype("float32"), rng.integers(0, 10, n)


def eager_peak(sizes, n):
    """Bytes that an eager step adds at its peak: activations, temporaries, and the gradients it has by then."""
    step, model = step_of(sizes)
    x, y = batch(n, sizes[0])
    step(x, y)
    model.zero_grad()
    tracemalloc.start()
    held, _ = tracemalloc.get_traced_memory()
    step(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - held


@pytest.mark.parametrize("executor", EXECUTORS)
def test_planned_buffers_are_at_most_three_fifths_of_eagers_peak(executor):
    sizes, n = [784, 512, 512, 10], 128
    step = gg.compile(step_of(sizes)[0], executor=executor)
    step(*batch(n, sizes[0]))
    places = step._entries[0].plan.places
    assert 0 < places.bytes_arena <= 0.6 * eager_peak(sizes, n)


def eager_without_gradients_of_weights(sizes, n):
    """Bytes that an eager step holds when backward comes to the last hidden layer: nearly no weights' gradients yet."""
    model = nn.MLP(sizes, activation="relu", rng=0)
    x, y = batch(n, sizes[0])
    *hidden, last = model.children()
    held = []

    def step():
        h = Tensor(x)
        for layer in hidden:
            h = layer(h)
        h.register_hook(lambda g: held.append(tracemalloc.get_traced_memory()[0]))
        nn.cross_entropy(last(h), y).backward()

    step()
    model.zero_grad()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    step()
    tracemalloc.stop()
    return held[-1] - before - sum(p.data.nbytes for p in last.parameters())


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_so_they_are_where_gradients_of_weights_do_not_count():
    """Nothing is kept for the gradient of a product behind a relu: it is written over the relu's value."""
    sizes, n = [784, 512, 512, 10], 128
    step = gg.compile(step_of(sizes)[0], executor="fast")
    step(*batch(n, sizes[0]))
    assert 0 < step._entries[0].plan.places.bytes_arena <= 0.6 * eager_without_gradients_of_weights(sizes, n)


@pytest.mark.skipif(not STATM.exists(), reason="Linux says there how much memory a process holds")
@pytest.mark.parametrize("executor", EXECUTORS)
def test_ten_thousand_steps_hold_no_more_memory(executor):
    step = gg.compile(step_of([8, 16, 10])[0], executor=executor)
    x, y = batch(16, 8)
    for _ in range(1000):
        step(x, y)
    before = resident_pages()
    for _ in range(10_000):
        step(x, y)
    assert resident_pages() - before <= 64  # of 4 KB; a byte kept in each step would be 3


def resident_pages():
    return int(STATM.read_text().split()[1])
