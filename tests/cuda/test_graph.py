"""Programs as CUDA graphs on the stand-in for the stream: memory, results, inputs, and what cannot be captured."""

import gc
import threading
import weakref

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from gpugrad.cuda import autotune, cublas, runtime
from gpugrad.program.graph.homes import Preferring
from tests.host_cuda.recording import recording

X = np.arange(12, dtype=np.float32).reshape(3, 4) / 12


def graph_of(step):
    return step._entries[0].plan


@pytest.mark.host_only
def test_nothing_is_launched_or_allocated_one_by_one_in_replays(host):
    step = gg.compile(lambda x: (ops.tanh(x) @ x.T).sum(axis=0))
    x = host.array(X)
    step(x)
    n_launches, lane = len(host.launches), host.lane()
    blocks, n_bytes = lane.pool.n_blocks, lane.pool_bytes()
    for i in range(5):
        want = (np.tanh(X + i) @ (X + i).T).sum(axis=0)
        np.testing.assert_allclose(host.numpy(step(host.array(X + np.float32(i)))), want, rtol=1e-5)
    assert (len(host.launches), lane.pool.n_blocks, lane.pool_bytes()) == (n_launches, blocks, n_bytes)
    assert graph_of(step).why_not is None


def test_results_stay_when_the_next_call_comes(host):
    step = gg.compile(lambda x: (x * 2.0, ops.tanh(x)))
    found = [step(host.array(X + np.float32(i))) for i in range(4)]
    for i, (double, tanh) in enumerate(found):
        np.testing.assert_array_equal(host.numpy(double), (X + np.float32(i)) * 2)
        np.testing.assert_allclose(host.numpy(tanh), np.tanh(X + i), rtol=1e-6)


@pytest.mark.host_only
def test_memory_is_used_again_within_a_program(host):
    def chain(x):
        for _ in range(20):
            x = ops.tanh(x)
        return x

    step = gg.compile(chain, passes=["dead"])
    np.testing.assert_allclose(host.numpy(step(host.array(X))), chain(X), rtol=1e-5)
    assert graph_of(step).why_not is None
    assert host.lane().pool.n_blocks <= 4  # input, the two of a call, and the result


@pytest.mark.host_only
def test_a_dropped_function_gives_everything_back(host):
    model = nn.Linear(4, 3, device="cuda", rng=0)
    optimizer = optim.Adam(model.parameters())

    def make():
        def step(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return gg.compile(step)

    step = make()
    for _ in range(2):
        step(host.array(X))
    kept = [weakref.ref(thing) for thing in (graph_of(step), host.lane(), host.lane().pool, host.lane().graphs[0])]
    del step
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)


@pytest.mark.host_only
def test_replays_wait_for_the_stream_that_used_the_pool_before(host):
    step = gg.compile(lambda x: x * 2.0)
    x = host.array(X)
    step(x)
    lane = host.lane()
    lane.orders.clear()
    step(x)
    step(x)
    with host.on(77, None):
        step(x)
    assert lane.orders == [(77, 0)]


@pytest.mark.host_only
def test_nothing_is_measured_in_a_capture(host, monkeypatch):
    found = []
    monkeypatch.setattr(autotune, "_measure", lambda *args: found.append(recording()))
    w, b = host.array(X), host.array(X[:, 0])
    step = gg.compile(lambda x: ops.linear(x, w, b))
    with autotune.measuring(lambda f: 1.0):
        step(host.array(X))
    assert found and set(found) == {None} and graph_of(step).why_not is None


@pytest.mark.parametrize(
    "f, reason",
    [
        (lambda x: ops.sort(x, axis=0), "sort waits for the device"),
        (lambda x: ops.inv(x @ x.T), "inv calls a library"),
        (lambda x: ops.concatenate([x] * 9), "CaptureError: cupy.concatenate of more than 8 arrays"),
    ],
)
def test_what_cannot_be_captured_is_launched_call_by_call_and_says_why(host, f, reason):
    step = gg.compile(f)
    x = (X + np.eye(3, 4)).astype("float32")
    for i in range(3):
        np.testing.assert_allclose(host.numpy(step(host.array(x + np.float32(i)))), f(x + np.float32(i)), rtol=1e-3)
    assert f"not captured: {reason}" in step.explain()


@pytest.mark.host_only
def test_a_failure_in_a_capture_is_told_and_the_list_goes_on(host, monkeypatch):
    monkeypatch.setattr("gpugrad.program.graph.plan.refusal", lambda program: None)
    step = gg.compile(lambda x: ops.sort(x, axis=0))
    for i in range(3):
        np.testing.assert_array_equal(host.numpy(step(host.array(X[::-1] + np.float32(i)))), np.sort(X + i, axis=0))
    assert "not captured: CaptureError: cupy.sort waits for the device" in step.explain()
    assert not host.lane().graphs


def test_memory_that_a_library_keeps_is_no_home(host, monkeypatch):
    monkeypatch.setattr(cublas, "_of_thread", threading.local())
    home = host.empty((2,), np.float64)
    with runtime.use(Preferring(host, [home])):
        constants = cublas.handle()[0]._constants.values()
    assert home.data.ptr not in [array.data.ptr for array in constants]


@pytest.mark.host_only
def test_a_graph_keeps_what_the_products_of_a_thread_that_has_ended_need(host):
    step, kept = gg.compile(lambda x: x @ x.T), []

    def capture():
        step(host.array(X))
        kept.extend(map(weakref.ref, cublas.handle()[0]._constants.values()))

    thread = threading.Thread(target=capture)
    thread.start()
    thread.join()
    gc.collect()
    assert graph_of(step).why_not is None and kept and all(ref() is not None for ref in kept)


def test_a_graph_is_for_arrays_on_a_gpu():
    with pytest.raises(gg.errors.ArgumentError, match='executor "graph" is for arrays on a GPU'):
        gg.compile(lambda x: x + 1, executor="graph")(X)


@pytest.mark.parametrize("by", ["option", "environment"])
def test_call_by_call_where_that_is_asked_for(host, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("GPUGRAD_EXECUTOR", "list")
    step = gg.compile(lambda x: ops.tanh(x) * 2.0, executor="list" if by == "option" else "auto")
    for _ in range(2):
        np.testing.assert_allclose(host.numpy(step(host.array(X))), np.tanh(X) * 2, rtol=1e-6)
    assert "executor: list" in step.explain()
