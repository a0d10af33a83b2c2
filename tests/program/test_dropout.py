"""Dropout in compiled programs: its masks are those of NumPy to the last bit, drawn once for both directions."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from gpugrad.core.tensor import as_dtype
from gpugrad.errors import IndexingError
from gpugrad.ops.random import random_words
from gpugrad.program import compile, threads
from gpugrad.program.fast import available

NAMES = [(0, 0), (5, 2**64 - 1), (2**64 - 1, 2**33), (1 << 32, (1 << 32) - 1)]
EXECUTORS = ["numpy", pytest.param("fast", marks=pytest.mark.skipif(not available(), reason="needs llvmlite"))]
native = pytest.mark.skipif(not available(), reason="needs llvmlite")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("GPUGRAD_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "fast"))


def word(x):
    return np.asarray(x, np.uint64)


def dropped(p, executor, dtype="float32"):
    return compile(lambda x, key, counter: ops.dropout(x, key, counter, p=p), executor=executor)


def plan(f):
    return f._entries[0].plan


@native
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 63, 64, 65, 130, 1023, 4100])
def test_native_masks_are_those_of_numpy(n):
    f, x = dropped(0.3, "fast"), np.ones(n, np.float32)
    for key, counter in NAMES:
        kept = random_words(n, key, counter) >= np.uint32(0.3 * 2**32)
        np.testing.assert_array_equal(f(x, word(key), word(counter)) != 0, kept)
    assert plan(f).n_python == 0


@native
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 7), (1, 64)])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_values_are_those_of_numpy(shape, p, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    x[0, 0] = np.inf
    for array in (x, x.T):
        got = dropped(p, "fast")(array, word(7), word(3))
        np.testing.assert_array_equal(got, ops.dropout(array, word(7), word(3), p=p))
        assert got.dtype == dtype


@native
def test_threads_that_share_a_mask_change_no_bit(monkeypatch):
    monkeypatch.setattr(threads, "_wanted", 2)
    f, x = dropped(0.4, "fast"), np.ones(20_001, np.float32)
    f(x, word(0), word(0))
    assert 0 in plan(f)._writer.work
    for key, counter in NAMES:
        np.testing.assert_array_equal(f(x, word(key), word(counter)), ops.dropout(x, key, counter, p=0.4))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_everything_is_dropped(executor):
    x = np.array([1.0, np.inf, np.nan])
    np.testing.assert_array_equal(dropped(1.0, executor)(x, word(1), word(2)), np.zeros(3))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_numbers_are_rounded_once(executor, dtype):
    x = np.linspace(1, 2, 50).astype(as_dtype(dtype))
    got = dropped(0.3, executor)(x, word(1), word(2))
    np.testing.assert_array_equal(got.astype(float), ops.dropout(x, word(1), word(2), p=0.3).astype(float))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_key_for_each_slice(executor):
    x, keys, counters = np.ones((3, 40)), np.arange(3, dtype=np.uint64), np.arange(4, 7, dtype=np.uint64)
    got = dropped(0.3, executor)(x, keys, counters)
    np.testing.assert_array_equal(got, ops.dropout(x, keys, counters, p=0.3))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradients_meet_the_mask_of_the_forward_pass_which_is_drawn_once(executor):
    f = compile(gg.grad(lambda x, k, c: (ops.dropout(x, k, c, p=0.5) ** 2).sum()), executor=executor)
    x = np.linspace(1.0, 2.0, 70)
    mask = ops.dropout(np.ones(70), word(9), word(1), p=0.5)
    np.testing.assert_array_equal(f(x, word(9), word(1)), 2 * x * mask * mask)
    assert f.explain().count(" kept(") == 1


def trained(compiled, executor="numpy", steps=12):
    model = nn.MLP([6, 40, 24, 3], dropout=0.3, rng=3)
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        return loss

    step = compile(step, executor=executor) if compiled else step
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(17, 6)).astype("f4"), rng.integers(0, 3, 17)) for _ in range(steps)]
    losses = [float(step(x, y)) for x, y in data]
    return losses, model, step


def test_training_by_numpy_gives_the_very_losses_and_states():
    (expected, eager, _), (got, model, _) = trained(False), trained(True)
    assert got == expected
    for name, value in eager.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value, err_msg=name)


@native
def test_training_by_native_code_gives_the_same_losses_and_asks_numpy_for_nothing():
    (expected, eager, _), (got, model, step) = trained(False), trained(True, "fast")
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert (plan(step).n_python, len(plan(step).natives), plan(step).places.copied) == (0, 1, [])
    states = [name for name in eager.state_dict() if name.endswith("rng_state")]
    assert len(states) == 2
    for name in states:
        np.testing.assert_array_equal(model.state_dict()[name], eager.state_dict()[name])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_evaluation_drops_nothing_and_counts_nothing(executor):
    model = nn.MLP([6, 40, 3], dropout=0.5, rng=3).eval()
    f, x = compile(lambda x: model(x), executor=executor), np.ones((4, 6), np.float32)
    np.testing.assert_allclose(f(x).numpy(), model(x).detach().numpy(), rtol=1e-6)
    assert "kept(" not in f.explain()
    assert model.state_dict()[next(n for n in model.state_dict() if n.endswith("rng_state"))][1] == 0


@pytest.mark.parametrize("executor", EXECUTORS)
def test_whole_numbers_set_at_a_place_wrap_around_as_numpys_do(executor):
    f = compile(lambda x, v: ops.index_set(x, 1, v), executor=executor)
    for dtype in ("uint64", "int8", "int64"):
        x, v = np.array([3, 0, 5], dtype), np.asarray(np.iinfo(dtype).max, dtype)
        x[1] = np.iinfo(dtype).min
        np.testing.assert_array_equal(f(x, v), [3, v, 5])
        np.testing.assert_array_equal(f(x, x[1]), x)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_hot_rows_and_their_refusal(executor):
    f = compile(lambda y: ops.one_hot(y, 4, dtype="float32"), executor=executor)
    for dtype in ("int64", "uint8"):
        np.testing.assert_array_equal(f(np.array([3, 0, 1], dtype)), np.eye(4, dtype="f4")[[3, 0, 1]])
        with pytest.raises(IndexingError, match=r"one_hot: target\[2\] is 4"):
            f(np.array([3, 0, 4], dtype))
