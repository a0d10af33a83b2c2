"""Programs as CUDA graphs on the stand-in for the stream: memory, results, inputs, and what cannot be captured."""

import gc
import weakref

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim

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


def test_what_is_read_after_an_update_is_what_it_was_before_it(host):
    """A result that looks at old parameters, and one that is computed of new ones."""
    results = []
    for wrap in (lambda f: f, lambda f: gg.compile(f, passes=["common", "dead"])):
        w = gg.Tensor(host.array(X), requires_grad=True)
        optimizer = optim.SGD([w], lr=0.5)

        def step(x, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            old = w.detach().T
            kept = old + 0.0
            (w * x).sum().backward()
            optimizer.step()
            return kept, (w.detach() * 2.0).sum()

        step = wrap(step)
        results.append([[host.numpy(t.data).copy() for t in step(host.array(X))] for _ in range(4)])
    for eager, compiled in zip(*results, strict=True):
        for a, b in zip(eager, compiled, strict=True):
            np.testing.assert_array_equal(a, b)
    assert graph_of(step).why_not is None


@pytest.mark.parametrize(
    "f, reason",
    [
        (lambda x: ops.sort(x, axis=0), "sort waits for the device"),
        (lambda x: ops.inv(x @ x.T), "inv calls a library"),
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


@pytest.mark.host_only
def test_arrays_of_numpy_are_staged_on_a_second_stream(host):
    model = nn.Linear(4, 3, device="cuda", rng=0)
    step = gg.compile(lambda x: model(gg.Tensor(x, device="cuda")))
    for i in range(5):
        x = X + np.float32(i)
        want = host.numpy(model(gg.Tensor(host.array(x))).data)
        got = step(x)
        x[:] = np.nan  # what the caller does with its array afterwards does not matter
        np.testing.assert_array_equal(host.numpy(got.data), want)
    assert graph_of(step).why_not is None and step.n_traces == 1
    copies, stream = 2 << 20, 0
    assert host.waits[-2:] == [(copies, stream), (stream, copies)]  # the copy for its place, then the run for the copy


def test_what_numpy_computes_is_computed_before_each_run_and_sent(host):
    count = gg.Tensor(np.zeros(2, "float32"))

    def f(x):
        count.data = count.data + 1.0
        moved = gg.Tensor(x * 2, device="cuda") * 3.0
        return moved, gg.Tensor(count.data, device="cuda").sum(), x + count.data[0]

    step = gg.compile(f)
    for i in range(4):
        moved, n, on_host = step(X + np.float32(i))
        np.testing.assert_array_equal(host.numpy(moved.data), (X + np.float32(i)) * 2 * 3)
        assert float(n) == 2 * (i + 1) and type(on_host) is np.ndarray
        np.testing.assert_array_equal(on_host, X + np.float32(i) + (i + 1.0))
    assert graph_of(step).why_not is None and "before each run: " in step.explain()


@pytest.mark.host_only
def test_gradients_are_computed_where_they_are_kept(host):
    """No copy of a gradient in the graph; one launch for all of them where the program reads the old ones."""
    for zero, copies in ((True, 0), (False, 1)):
        model = nn.Linear(4, 8, device="cuda", rng=0)

        def step(x, model=model, zero=zero):
            for p in model.parameters():
                p.grad = None if zero else p.grad
            (model(x) ** 2).sum().backward()

        want = nn.Linear(4, 8, device="cuda", rng=0)
        compiled = gg.compile(step, passes=["common", "dead"])
        for _ in range(3):
            compiled(host.array(X))
            step(host.array(X), want, zero)
        for p, q in zip(model.parameters(), want.parameters(), strict=True):
            np.testing.assert_array_equal(host.numpy(p.grad.data), host.numpy(q.grad.data))
        assert host.lane().graphs[-1].names.count("copy_list<float>") == copies
        del compiled


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


@pytest.mark.parametrize("executor", ["auto", "list"])
def test_numbers_of_numpys_beside_arrays_of_the_device(host, executor):
    half, three = np.float32(0.5), np.array(3.0, "f4")
    step = gg.compile(lambda x: half * ops.maximum(x, np.float32(0.25)) - three, executor=executor, passes=["dead"])
    for _ in range(3):
        np.testing.assert_array_equal(host.numpy(step(host.array(X))), half * np.maximum(X, np.float32(0.25)) - three)
