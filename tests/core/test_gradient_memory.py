"""Whose memory a gradient is: its own, whatever was saved, seeded or added up before."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from tests.core.leaves import leaf, same

# --- whose memory a gradient is


def buffers(*tensors):
    return [np.asarray(t.detach() if isinstance(t, gg.Tensor) else t) for t in tensors]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b,  # hands the same cotangent to both
        lambda a, b: a + b.sum(),  # a view of one element, repeated
        lambda a, b: a.sum() + b.sum(),
        lambda a, b: (a + a) + b,
        lambda a, b: a * b,  # saves both
        lambda a, b: a - b * 1.0,
        lambda a, b: ops.tanh(a) * b,
        lambda a, b: (a + b) * 2.0,  # the same again, of an array made in the sweep
        lambda a, b: ops.log(a) + b,  # under create_graph the gradient is a quotient, which saves its value
    ],
    ids=["add", "add-sum", "sums", "add-add", "multiply", "subtract", "tanh", "twice", "log"],
)
def test_a_gradient_owns_its_memory(f, create_graph):
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = f(a, b)
    given = np.ones(y.shape)
    kept = [v for v in saved_values(y) if isinstance(v, np.ndarray)]
    y.backward(given, create_graph=create_graph)
    kept += [v for t in (a.grad, b.grad) if t.node for v in saved_values(t) if isinstance(v, np.ndarray)]
    mine = buffers(a.grad, b.grad)
    for one, other in itertools.combinations([*mine, a.data, b.data, given], 2):
        assert not np.shares_memory(one, other)
    for one, value in itertools.product(mine, kept):
        assert not np.shares_memory(one, value)
    assert all(m.flags.writeable for m in mine)


def saved_values(y):
    found, stack = [], [y.node]
    while stack:
        _, parents, saved, *_ = stack.pop()
        found += saved
        stack += [p for p in parents if type(p) is tuple]
    return found


def test_a_retained_gradient_is_not_a_leafs():
    x = leaf(1.0, 2.0)
    h = x + 1.0  # passes its cotangent on
    h.retain_grad()
    (h * h).sum().backward()
    assert not np.shares_memory(*buffers(h.grad, x.grad))
    same(h.grad, [4.0, 6.0])
    same(x.grad, [4.0, 6.0])


def test_a_tensor_seed_is_neither_kept_nor_shared():
    x, seed = leaf(1.0, 2.0), gg.Tensor([1.0, 1.0])
    for create_graph in (False, True):
        x.grad = None
        (x + 0.0).backward(seed, create_graph=create_graph)
        assert not np.shares_memory(*buffers(x.grad, seed))
        x.grad = None
        x.backward(seed, create_graph=create_graph)
        assert x.grad is not seed and not np.shares_memory(*buffers(x.grad, seed))


def test_adding_up_leaves_an_earlier_gradient_alone():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    first = x.grad
    before = first.numpy().copy()
    (x * x).sum().backward()
    np.testing.assert_array_equal(first.numpy(), before)
