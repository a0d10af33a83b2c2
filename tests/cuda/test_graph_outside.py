"""What a program on a GPU reads and writes outside of it: parameters, gradients, and arrays of NumPy's."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim

X = np.arange(12, dtype=np.float32).reshape(3, 4) / 12


def graph_of(step):
    return step._entries[0].plan


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


def test_a_result_that_looks_at_old_parameters_keeps_them(host):
    """Under an update in place, and where a Tensor is given another value."""
    w, v = (gg.Tensor(host.array(X), requires_grad=r) for r in (True, False))
    optimizer = optim.SGD([w], lr=0.5)

    def step(x):
        old = w.data.copy().T  # without the copy it would show what the update leaves
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return old

    def assign(x):
        old = v.detach().T
        v.data = v.data + x
        return old

    for f, t in ((gg.compile(step), w), (gg.compile(assign), v)):
        for _ in range(4):
            before = host.numpy(t.data).copy()
            got = f(host.array(X))
            np.testing.assert_array_equal(host.numpy(got.data if isinstance(got, gg.Tensor) else got), before.T)
            assert not np.array_equal(host.numpy(t.data), before)
        assert graph_of(f).why_not is None


def test_tensors_can_be_exchanged(host):
    a, b = (gg.Tensor(host.array(X + np.float32(i))) for i in range(2))

    def exchange(x):
        a.data, b.data = b.data, a.data
        return x * 2.0

    step = gg.compile(exchange)
    for i in range(4):
        step(host.array(X))
        for t, more in ((a, (i + 1) % 2), (b, i % 2)):
            np.testing.assert_array_equal(host.numpy(t.data), X + np.float32(more))


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


def test_what_numpy_keeps_is_assigned_after_the_run_and_its_old_values_are_results(host):
    a, b = (gg.Tensor(np.full(2, i, "f4")) for i in range(2))

    def f(x):
        old, (a.data, b.data) = a.data, (b.data, a.data)
        return old, gg.Tensor(a.data, device="cuda") * x[0, 1]

    step = gg.compile(f)
    for i in range(4):
        old, moved = step(host.array(X))
        assert old.tolist() == [i % 2] * 2
        assert a.data.tolist() == [(i + 1) % 2] * 2 and b.data.tolist() == [i % 2] * 2
        np.testing.assert_array_equal(host.numpy(moved.data), a.data * X[0, 1])


def test_an_array_of_numpys_may_go_to_the_device_twice_and_stay(host):
    def f(x):
        return gg.Tensor(x, device="cuda") * 2.0, gg.Tensor(x, device="cuda") * 3.0, x + 1

    step = gg.compile(f, passes=["dead"])
    for i in range(3):
        double, triple, more = step(X + np.float32(i))
        np.testing.assert_array_equal(host.numpy(double.data), (X + np.float32(i)) * 2)
        np.testing.assert_array_equal(host.numpy(triple.data), (X + np.float32(i)) * 3)
        np.testing.assert_array_equal(more, X + np.float32(i) + 1)
    assert graph_of(step).why_not is None


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


@pytest.mark.parametrize("executor", ["auto", "list"])
def test_numbers_of_numpys_beside_arrays_of_the_device(host, executor):
    half, three = np.float32(0.5), np.array(3.0, "f4")
    step = gg.compile(lambda x: half * ops.maximum(x, np.float32(0.25)) - three, executor=executor, passes=["dead"])
    for _ in range(3):
        np.testing.assert_array_equal(host.numpy(step(host.array(X))), half * np.maximum(X, np.float32(0.25)) - three)
