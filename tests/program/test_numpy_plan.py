"""The NumPy executor: planned buffers, nothing allocated, everything written where it is wanted."""

import tracemalloc

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops

from .test_training import Run, batches


def entry(compiled):
    return compiled._entries[0]


def warm(optimizer="adam", **options):
    run = Run(optimizer=optimizer, compiled=True, **options)
    for x, y in batches(3, size=64):
        run.step(x, y)
    return run


def big():

    return nn.Sequential(
        nn.Linear(6, 300, rng=0), nn.ReLU(), nn.Linear(300, 300, rng=1), nn.Tanh(), nn.Linear(300, 3, rng=2)
    )


def room_for_a_sum():
    """Bytes that NumPy itself allocates and frees again in one sum into an array that is there."""
    x, out = np.ones((64, 128), np.float32), np.empty((1, 128), np.float32)
    np.add.reduce(x, 0, None, out, True)
    tracemalloc.start()
    held, _ = tracemalloc.get_traced_memory()
    np.add.reduce(x, 0, None, out, True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - held


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "rmsprop"])
def test_a_step_allocates_nothing_above_a_kilobyte(optimizer):
    run = warm(optimizer, make=big)
    (x, y), step = batches(1, size=64)[0], run.step
    step(x, y)
    numpys_own = room_for_a_sum() if np.lib.NumpyVersion(np.__version__) < "2.3.0" else 0
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    kept = [step(x, y) for _ in range(5)]
    tracemalloc.reset_peak()
    held, _ = tracemalloc.get_traced_memory()
    step(x, y)
    _, peak = tracemalloc.get_traced_memory()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    # all that is alive at one moment; before 2.3 NumPy's sums take a buffer of their own, with out= or without
    assert peak - held < 1536 + numpys_own
    assert len(kept) == 5
    assert max((s.size_diff for s in after.compare_to(before, "traceback")), default=0) < 4096


def test_updates_and_gradients_are_computed_where_they_are_kept():
    run = warm(make=big)
    places = entry(run.step).plan.places
    assert places.copied == []
    assert all(p.data.base is run.model[0].weight.data.base for p in run.model.parameters())


def test_the_arena_is_smaller_than_a_buffer_for_each_value():
    places = entry(warm(make=big).step).plan.places
    assert 0 < places.bytes_arena <= 0.6 * places.bytes_alone


@pytest.mark.parametrize("executor", ["list", "numpy", "auto"])
@pytest.mark.parametrize("view", [lambda x: x.T, lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x])
def test_what_is_written_where_a_view_of_it_is_read(view, executor):
    """Element by element only where both lie alike."""
    memory, y = np.arange(25.0).reshape(5, 5), np.linspace(0, 1, 25).reshape(5, 5)
    w, u = gg.Tensor(memory), gg.Tensor(view(memory))

    @gg.compile(executor=executor)
    def step(y):
        w.data[...] = ops.sin(y) + u

    for _ in range(3):
        expected = np.sin(y) + view(memory)
        step(y)
        np.testing.assert_allclose(memory, expected, rtol=1e-12)


def test_no_two_values_that_live_at_one_time_share_memory():
    places = entry(warm(make=big).step).plan.places
    own = [v for v in places._born if v in places.arrays and v not in places._joins]
    for i, v in enumerate(own):
        for w in own[:i]:
            overlap = places._born[v] < places._last.get(w, -1) and places._born[w] < places._last.get(v, -1)
            if overlap:
                assert not np.shares_memory(places.arrays[v], places.arrays[w])


def test_large_fused_calls_run_in_blocks_and_give_the_same():
    def f(x, b):
        return ops.tanh(x * 2 + b) * ops.sigmoid(x) - ops.abs(x)

    compiled = gg.compile(f)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, b = rng.standard_normal((700, 130)).astype("f4") @ np.eye(130, dtype="f4"), rng.standard_normal(130)
        g = gg.compile(lambda x, b: f(x @ np.eye(130, dtype="f4"), b))
        for _ in range(2):
            np.testing.assert_array_equal(g(x, b), f(x @ np.eye(130, dtype="f4"), b))
        assert "blocks" in entry(g).plan.source
        np.testing.assert_array_equal(compiled(x, b), f(x, b))


def test_the_order_of_axes_in_memory_is_that_of_eager_execution():
    """A sum over an array laid out by columns adds in another order."""

    def f(x):
        return ops.sum(ops.tanh(ops.transpose(x)) * 1.5, axis=0), ops.mean(ops.exp(ops.transpose(x)))

    x = np.random.default_rng(0).standard_normal((37, 1111)).astype("f4")
    compiled = gg.compile(f)
    for _ in range(2):
        for a, b in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(a, b)


def test_swapped_states_are_read_before_they_are_written():
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])

    @gg.compile
    def swap(x):
        first = a.data
        a.data = b.data
        b.data = first
        return x

    for _ in range(4):
        swap(np.zeros(1))
    assert a.tolist() == [1.0, 2.0] and b.tolist() == [3.0, 4.0]
    swap(np.zeros(1))
    assert a.tolist() == [3.0, 4.0] and b.tolist() == [1.0, 2.0]


def test_an_old_value_that_is_returned_survives_the_update():
    w = Tensor([1.0, 2.0])

    @gg.compile
    def step(x):
        old = w * 1.0
        w.data = w.data + x
        return old, w.data * 10

    for i in range(3):
        old, new = step(np.ones(2))
        np.testing.assert_array_equal(old.numpy(), np.array([1.0, 2.0]) + i)
        np.testing.assert_array_equal(new, (np.array([1.0, 2.0]) + i + 1) * 10)


def test_overflow_warnings_are_those_of_eager_execution():
    compiled = gg.compile(ops.sigmoid)
    for _ in range(3):
        compiled(np.array([-1000.0], "f4"))  # switched off in the forward
    exp = gg.compile(ops.exp)
    exp(np.array([1.0]))
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="overflow"):
            exp(np.array([1000.0]))


def test_explain_says_what_was_planned():
    text = warm(make=big).step.explain()
    for words in ("float32[64, 6]", "MFLOP", "passes: fold, lower", "executor: numpy", "arena", "fused(", "matmul("):
        assert words in text
    assert gg.compile(lambda x: x).explain() == "not called yet"


def test_the_arrays_of_the_traced_run_are_let_go():
    """Neither the first batch nor what was computed of it is kept."""
    import gc
    import weakref

    x = np.ones((50, 50))
    f = gg.compile(lambda x: ops.tanh(x) @ x)
    f(x)
    f(x)
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None


def test_a_view_of_an_old_state_is_read_before_that_is_written():
    a, b = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([5.0, 6.0, 7.0, 8.0])

    @gg.compile
    def turn(x):
        old = a.data
        a.data = b.data.reshape(2, 2)
        b.data = ops.transpose(old).reshape(4)
        return x

    for _ in range(4):
        turn(np.zeros(1))
    assert a.tolist() == [[1.0, 2.0], [3.0, 4.0]] or a.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    turn(np.zeros(1))
    assert sorted(a.data.ravel()) == [5.0, 6.0, 7.0, 8.0] and sorted(b.data) == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "x", [np.zeros((0, 4)), np.arange(12).reshape(3, 4), np.ones((3, 4), bool), np.ones((3, 4), "f2")]
)
def test_arrays_of_no_elements_and_of_other_dtypes(x):
    def f(x):
        y = ops.where(x > 0, x, x + 1)
        return y, ops.sum(y, axis=0), y.reshape(-1), ops.tanh(x * 1.5) + y

    compiled = gg.compile(f)
    for _ in range(3):
        for a, b in zip(compiled(x), f(x), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_what_is_returned_keeps_its_form():
    t = Tensor([1.0, 2.0])
    f = gg.compile(lambda x, n: {"x": x, "t": t, "n": n, "none": None, "pair": (t * x, [x.sum()])})
    for _ in range(3):
        got = f(np.ones(2), 3)
        assert got["t"] is t and got["n"] == 3 and got["none"] is None
        assert isinstance(got["pair"][0], Tensor) and isinstance(got["pair"][1][0], np.float64)
    assert gg.compile(lambda: None)() is None
    nothing = gg.compile(lambda: t * 2)
    assert [nothing().tolist() for _ in range(3)] == [[2.0, 4.0]] * 3


@pytest.mark.parametrize(
    "loss", [nn.cross_entropy, lambda z, y: ops.sum(ops.softmax(z)[:, 0] * y)], ids=["xent", "softmax"]
)
def test_blocks_do_not_write_over_an_input_that_they_still_read(loss):
    """A row is written out over the result first: the result may not lie where the other operand does."""

    def step(x, w, y):
        return gg.value_and_grad(lambda w: loss(ops.tanh(x @ w) * 3, y).mean())(w)

    compiled, rng = gg.compile(step), np.random.default_rng(0)
    for _ in range(3):
        x, w = rng.standard_normal((64, 20)).astype("f4"), rng.standard_normal((20, 1000)).astype("f4")
        y = rng.integers(0, 1000, 64)
        for a, b in zip(compiled(x, w, y), step(x, w, y), strict=True):
            np.testing.assert_array_equal(a, b)


def test_labels_pick_from_rows_that_do_not_lie_one_after_the_other():
    """Scores computed as a transposed product: a flat copy of them, made beforehand, would be picked from."""
    rng = np.random.default_rng(0)
    w, x, y = rng.standard_normal((5, 4)), rng.standard_normal((7, 4)), rng.integers(0, 5, 7)

    def step(x, y):
        return gg.value_and_grad(lambda w: nn.cross_entropy(ops.transpose(w @ ops.transpose(x)), y))(w)

    compiled = gg.compile(step)
    for _ in range(3):
        for a, b in zip(compiled(x, y), step(x, y), strict=True):
            np.testing.assert_array_equal(a, b)
