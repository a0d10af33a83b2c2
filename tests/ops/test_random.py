"""Philox against its published test vectors, and dropout's mask: reproducible, of the right rate, replayed backward."""

import functools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, DTypeError, ShapeError
from gpugrad.ops import random
from tests.ops import philox as reference

# kat_vectors of Random123, rows "philox4x32 10": counter, key, expected.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
KEY, COUNTER = np.uint64(11), np.uint64(4)


def hexadecimal(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(counter, key, expected):
    counters = np.array([hexadecimal(counter)] * 2, dtype=np.uint64).T
    words = random.philox(counters, np.array(hexadecimal(key), dtype=np.uint64))
    assert words.dtype == np.uint32
    assert words.tolist() == [hexadecimal(expected)] * 2
    assert list(reference.block(hexadecimal(counter), hexadecimal(key))) == hexadecimal(expected)


@pytest.mark.parametrize("n", [0, 1, 4, 7, 1000])
@pytest.mark.parametrize(("key", "counter"), [(0, 0), (2**64 - 1, 2**33), (5, 2**64 - 1)])
def test_words_are_those_of_the_reference(n, key, counter):
    assert (random.random_words(n, key, counter) == reference.words(n, key, counter)).all()


def test_chunks_join_without_a_seam(monkeypatch):
    whole = random.random_words(1000, 3, 5)
    monkeypatch.setattr(random, "_BLOCKS_AT_ONCE", 64)
    assert (random.random_words(1000, 3, 5) == whole).all()


@pytest.mark.parametrize("first", [0, 5, 2**64 - 20])
@pytest.mark.parametrize("n", [3, 1000, 9000, 40_000])
def test_masks_drawn_for_several_counters_are_those_of_each(n, first, monkeypatch):
    monkeypatch.setattr(random, "_drawn", {})
    ask = functools.partial(random.kept, np, 7, shape=(n,), p=0.3)
    each = {c: random.random_words(n, 7, c) >= np.uint32(0.3 * 2**32) for c in range(first, first + 20)}
    for counter in [*each, *reversed(each), first + 3]:
        assert (ask(counter) == each[counter]).all()
    assert 1 <= len(random._drawn) <= random._REMEMBERED


def test_a_mask_is_drawn_once_for_both_directions(monkeypatch):
    monkeypatch.setattr(random, "_drawn", {})
    calls, draw = [], random.philox
    monkeypatch.setattr(random, "philox", lambda *args: calls.append(args) or draw(*args))
    for counter in range(3 * random._MOST_AT_ONCE):
        gg.value_and_grad(lambda x, c=counter: ops.dropout(x * x, 3, c, p=0.5).sum())(np.ones(100))
    assert len(calls) == 3


def test_words_are_uniform_and_streams_differ():
    a, b = random.random_words(40_000, 1, 0), random.random_words(40_000, 1, 1)
    assert abs(a.mean() / 2**32 - 0.5) < 5 * 12**-0.5 / 200
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / 200
    assert (a == b).sum() <= 2


def test_mask_is_a_function_of_key_and_counter():
    x = np.ones((50, 3))
    once = ops.dropout(x, KEY, COUNTER, p=0.5)
    assert (ops.dropout(x, KEY, COUNTER, p=0.5) == once).all()
    assert (ops.dropout(x, KEY, np.uint64(5), p=0.5) != once).any()
    assert (ops.dropout(x, np.uint64(12), COUNTER, p=0.5) != once).any()
    assert (ops.dropout(x, 11, 4, p=0.5) == once).all()  # Python numbers name the same mask


@pytest.mark.parametrize("key", [2**24 + 1, 2**63 + 5])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_large_python_numbers_name_the_mask_of_all_their_bits(key, dtype):
    x = np.ones(200, dtype)
    assert (ops.dropout(x, key, key + 1, p=0.5) == ops.dropout(x, np.uint64(key), np.uint64(key + 1), p=0.5)).all()


@pytest.mark.parametrize("n", [0, 1, 7, 40])
@pytest.mark.parametrize("at_once", [1, 16, 8192])
def test_keys_in_front_give_each_slice_its_own_mask(n, at_once, monkeypatch):
    monkeypatch.setattr(random, "_BLOCKS_AT_ONCE", at_once)
    keys, counters = np.arange(6, dtype=np.uint64).reshape(2, 3), np.array([7, 8, 9], np.uint64)
    y = ops.dropout(np.ones((2, 3, n)), keys, counters, p=0.4)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(y[i, j], reference.dropout(np.ones(n), keys[i, j], counters[j], 0.4))


@pytest.mark.parametrize("axes", [(0, 0, 0), (0, 0, None), (0, None, 0), (None, 0, 0), (None, None, 0)])
def test_keys_that_differ_between_examples(axes, no_loops):
    given = (np.linspace(1.0, 2.0, 12).reshape(3, 4), np.arange(3, dtype=np.uint64), np.arange(3, 6, dtype=np.uint64))
    args = [v if axis == 0 else v[0] for v, axis in zip(given, axes, strict=True)]
    slope = gg.value_and_grad(lambda x, k, c: ops.dropout(x * x, k, c, p=0.4).sum())
    got = gg.vmap(slope, axes)(*args)
    rows = [slope(*(v[i] if axis == 0 else v for v, axis in zip(args, axes, strict=True))) for i in range(3)]
    for g, want in zip(got, zip(*rows, strict=True), strict=True):
        np.testing.assert_allclose(g, np.stack(want), rtol=1e-14)


def test_two_mapped_axes_of_keys_and_counters():
    keys, counters = np.arange(3, dtype=np.uint64), np.arange(2, dtype=np.uint64)
    f = lambda x, k, c: ops.dropout(x, k, c, p=0.4)  # noqa: E731
    got = gg.vmap(gg.vmap(f, (0, 0, None)), (0, None, 0))(np.ones((2, 3, 6)), keys, counters)
    want = [[f(np.ones(6), k, c) for k in keys] for c in counters]
    np.testing.assert_array_equal(got, want)


def test_keys_that_fit_no_leading_axes_are_refused():
    with pytest.raises(ShapeError, match=r"key and counter have shape \(4,\) but x has shape \(3, 6\)"):
        ops.dropout(np.ones((3, 6)), np.arange(4, dtype=np.uint64), 3, p=0.5)


def test_mean_is_preserved_and_rate_is_p():
    y = ops.dropout(np.ones(40_000), KEY, COUNTER, p=0.2)
    assert set(np.unique(y)) == {0.0, 1.25}
    assert abs((y == 0).mean() - 0.2) < 5 * (0.16 / 40_000) ** 0.5
    assert abs(y.mean() - 1.0) < 5 * 1.25 * (0.16 / 40_000) ** 0.5


def test_ends_of_p():
    x = np.array([1.0, np.inf])
    assert (ops.dropout(x, KEY, COUNTER, p=0.0) == x).all()
    assert (ops.dropout(x, KEY, COUNTER, p=1.0) == 0).all()
    assert np.isfinite(ops.dropout(np.full(99, np.inf), KEY, COUNTER, p=1.0)).all()


def test_vjp_and_jvp_replay_the_mask():
    x = np.linspace(1, 2, 40)
    mask = ops.dropout(np.ones(40), KEY, COUNTER, p=0.3)
    y, pull = gg.vjp(lambda x: ops.dropout(x, KEY, COUNTER, p=0.3), x)
    np.testing.assert_allclose(y, x * mask, rtol=1e-15)
    assert (pull(np.ones(40))[0] == mask).all()
    assert (gg.jvp(lambda x: ops.dropout(x, KEY, COUNTER, p=0.3), (x,), (np.ones(40),))[1] == mask).all()


def test_second_derivative_replays_the_mask():
    x = gg.Tensor(np.linspace(1, 2, 8), requires_grad=True)
    y = ops.dropout(x, KEY, COUNTER, p=0.5)
    (y * y * y).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    first.sum().backward()
    mask = ops.dropout(np.ones(8), KEY, COUNTER, p=0.5)
    np.testing.assert_allclose(x.grad.numpy(), 6 * mask**3 * x.detach().numpy())


def test_checkpoint_replays_the_mask():
    x = np.linspace(1, 2, 40)

    def f(x):
        return ops.dropout(x, KEY, COUNTER, p=0.5).sum()

    assert (gg.grad(gg.checkpoint(f))(x) == gg.grad(f)(x)).all()


def test_vmap_gives_each_example_the_mask_it_has_alone():
    x = np.random.default_rng(0).normal(size=(6, 5))
    each = gg.vmap(lambda x: ops.dropout(x, KEY, COUNTER, p=0.5))(x)
    assert (each == np.stack([ops.dropout(row, KEY, COUNTER, p=0.5) for row in x])).all()
    counters = np.arange(6, dtype=np.uint64)
    each = gg.vmap(lambda x, c: ops.dropout(x, KEY, c, p=0.5))(x, counters)
    assert (each == np.stack([ops.dropout(x[i], KEY, counters[i], p=0.5) for i in range(6)])).all()


def test_float16_is_scaled_in_float32():
    y = ops.dropout(np.full(64, 3.0, np.float16), KEY, COUNTER, p=0.1)
    assert y.dtype == np.float16
    assert set(y.tolist()) == {0.0, float(np.float16(3.0 / 0.9))}


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_outside_is_an_error(p):
    with pytest.raises(ArgumentError, match=r"dropout: p is .*; expected a probability"):
        ops.dropout(np.ones(3), KEY, COUNTER, p=p)


def test_integers_are_an_error():
    with pytest.raises(DTypeError, match="dropout: x has dtype int64"):
        ops.dropout(np.ones(3, np.int64), KEY, COUNTER, p=0.5)
