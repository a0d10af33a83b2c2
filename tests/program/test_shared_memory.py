"""Tensors from outside that lie in one memory, and views of what a program writes."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops, optim
from gpugrad.errors import TraceError


@pytest.mark.parametrize("other", [lambda m: m[::-1], lambda m: m, lambda m: m[1:], lambda m: m.reshape(2, 3)])
def test_a_tensor_read_after_another_of_its_memory_was_written(other):
    """A program keeps each by itself: what is read would be what was there before."""
    memory = np.zeros(6)
    w, u = Tensor(memory), Tensor(other(memory))

    def written_then_read(y):
        w.data[...] = y
        return u * 2

    def known_then_written_then_read(y):
        seen = u * 2
        w.data[2:4] = y[2:4]
        return u.reshape(-1)[1:] + seen.sum()

    for f in (written_then_read, known_then_written_then_read):
        with pytest.raises(TraceError, match="lie in the same memory, and one is read after the other was written"):
            gg.compile(f)(np.arange(6.0))
        assert not memory.any()


def test_two_tensors_of_one_memory_that_are_both_written_or_of_which_one_gets_a_new_array():
    memory = np.zeros(6)
    w, u = Tensor(memory), Tensor(memory[::-1])

    def both(y):
        w.data[...] = y
        u.data[...] = y

    def replaced(y):
        seen = u * 2
        w.data = y * 1
        return seen

    for f in (both, replaced):
        with pytest.raises(TraceError, match="lie in the same memory, and both are written, or one is given"):
            gg.compile(f)(np.arange(6.0))
        assert not memory.any()


def test_a_tensor_may_be_read_before_another_of_its_memory_is_written():
    memory, y = np.arange(4.0), np.array([1.0, 0.0, 2.0, 0.0])
    w, u = Tensor(memory), Tensor(memory[::-1])

    def step(y):
        seen = u * 2
        w.data[...] = seen + y
        return seen

    compiled, own = gg.compile(step), memory.copy()
    for _ in range(2):
        seen = own[::-1] * 2
        own = seen + y
        np.testing.assert_array_equal(compiled(y), seen)
        np.testing.assert_array_equal(memory, own)


def test_parts_of_one_memory_that_have_nothing_in_common_may_be_written():
    memory = np.zeros(8)
    parts = [Tensor(memory[:3]), Tensor(memory[3:]), Tensor(np.zeros(2))]
    woven = np.zeros(8)
    parts += [Tensor(woven[::2]), Tensor(woven[1::2])]

    @gg.compile
    def step(y):
        for i, part in enumerate(parts):
            part.data[...] = part.data + y * i
        return parts[0] * 1

    for _ in range(2):
        step(np.array(1.0))
    assert [p.numpy().tolist() for p in parts] == [[0] * 3, [2] * 5, [4] * 2, [6] * 4, [8] * 4]


def test_tensors_of_one_memory_may_be_read():
    memory = np.arange(3.0)
    w, u = Tensor(memory), Tensor(memory[::-1])
    compiled = gg.compile(lambda y: w * y + u)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(np.array(2.0)), [2, 3, 4])
        memory += 1
        np.testing.assert_array_equal(compiled(np.array(0.0)), memory[::-1])
        memory -= 1
    assert not compiled._entries[0].recorded.state.trace.aliases  # nor the arrays of the traced run


def test_tied_parameters_are_one_tensor_and_train():
    layer = nn.Linear(3, 3, bias=False, rng=0)
    rule = optim.SGD(layer.parameters(), lr=0.1)

    def step(x):
        rule.zero_grad()
        loss = (ops.linear(layer(x), layer.weight) ** 2).mean()
        loss.backward()
        rule.step()
        return loss

    compiled, x = gg.compile(step), np.eye(3, dtype="f4")
    assert float(compiled(x)) > float(compiled(x)) > float(compiled(x))


def test_a_broadcast_view_of_what_was_written_may_be_indexed():
    w = Tensor(np.zeros((3, 4)))

    @gg.compile
    def step(x):
        w.data[0] = x
        return ops.broadcast_to(w.data[1], (7, 4))[6] * 1, w.data.T[2:][1] * 1

    for _ in range(2):
        row, column = step(np.arange(4.0))
        np.testing.assert_array_equal(row, np.zeros(4))
        np.testing.assert_array_equal(column, [3, 0, 0])
