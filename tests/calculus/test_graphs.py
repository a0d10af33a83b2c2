"""C12 for any number of ways: merging concatenates and splits back, branching copies and adds up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import ops

shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(shapes, st.integers(0, 2), st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 99))
def test_c12_n_way_merge(shape, axis, lengths, seed):
    """Pieces of any lengths along an axis: each gets its own part of the cotangent."""
    axis = min(axis, len(shape))
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(size=(*shape[:axis], n, *shape[axis:])) for n in lengths]
    y, pull = gg.vjp(lambda *p: ops.concatenate(list(p), axis=axis), *pieces)
    u = rng.normal(size=y.shape)
    ends = np.cumsum([0, *lengths])
    for g, i, j in zip(pull(u), ends, ends[1:], strict=False):
        np.testing.assert_array_equal(g, np.take(u, range(i, j), axis=axis))


@given(shapes, st.integers(1, 6), st.integers(0, 99))
def test_c12_n_way_branch(shape, n, seed):
    """Copies of x with cotangents u_i: the gradient of x is their sum."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    y, pull = gg.vjp(lambda x: [x * 1.0 for _ in range(n)], x)
    us = [rng.normal(size=shape) for _ in y]
    np.testing.assert_allclose(pull(us)[0], np.sum(us, axis=0), rtol=1e-13, atol=1e-13)


@given(shapes, st.integers(1, 5), st.integers(0, 99))
def test_c12_branch_then_merge(shape, n, seed):
    """sum_i c_i x through a stack of n branches: the gradient is sum_i c_i u_i."""
    rng = np.random.default_rng(seed)
    x, c = rng.normal(size=shape), rng.normal(size=n)
    leaf = gg.Tensor(x, requires_grad=True)
    y = ops.stack([leaf * float(ci) for ci in c])
    u = rng.normal(size=y.shape)
    y.backward(u)
    np.testing.assert_allclose(leaf.grad.numpy(), np.tensordot(c, u, 1), rtol=1e-13, atol=1e-13)
