"""Products of stacks of matrices in the executor "fast": in native code, and as NumPy's in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import registered
from gpugrad.program import compile, threads
from gpugrad.program.fast.machine import processor
from gpugrad.program.fast.memory import Place
from gpugrad.program.fast.stacks import Stack

pytest.importorskip("llvmlite")
TOLERANCE = {"f4": 1e-5, "f8": 1e-13}
LENGTHS = st.sampled_from([1, 2, 3, 5, 8, 16, 17, 33, 70])


def lying(rng, lead, m, n, dtype, how):
    """A stack whose matrices lie by rows, by columns, with gaps, or among each other."""
    if how == "by columns":
        return lying(rng, lead, n, m, dtype, "by rows").swapaxes(-1, -2)
    if how == "with gaps":
        return rng.standard_normal((*lead, m, 2 * n)).astype(dtype)[..., ::2]
    x = rng.standard_normal((*lead, m, n)).astype(dtype)
    return np.ascontiguousarray(x.swapaxes(0, -2)).swapaxes(0, -2) if how == "among each other" else x


def check(a, b):
    compiled = compile(lambda a, b: (ops.matmul(a, b), ops.tanh(ops.matmul(a, b))), executor="fast")
    wide = np.matmul(a.astype("f8"), b.astype("f8"))
    tolerance = TOLERANCE[a.dtype.str[1:]] * a.shape[-1]
    for _ in range(2):
        for found, expected in zip(compiled(a, b), (wide, np.tanh(wide)), strict=True):
            assert found.shape == expected.shape and found.dtype == a.dtype
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert compiled._entries[0].plan.n_python == 0


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_stacks_of_any_shape_and_order_in_memory(data):
    lead = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype, (m, k, n) = data.draw(st.sampled_from(["f4", "f8"])), (data.draw(LENGTHS) for _ in range(3))
    stacks = []
    for rows, columns in ((m, k), (k, n)):
        own = [1 if data.draw(st.integers(0, 3)) == 0 else length for length in lead][data.draw(st.integers(0, 1)) :]
        how = data.draw(st.sampled_from(["by rows", "by columns", "with gaps", "among each other"]))
        stacks.append(lying(rng, own, rows, columns, dtype, how if own else "by rows"))
    if max(x.ndim for x in stacks) > 2:
        check(*stacks)


@pytest.mark.parametrize("a, b", [((4, 3, 5), (5,)), ((5,), (4, 5, 3)), ((2, 1, 3, 5), (5,)), ((5,), (4, 1, 5, 1))])
def test_stacks_with_vectors(a, b):
    rng = np.random.default_rng(0)
    check(*(rng.standard_normal(s).astype("f4") for s in (a, b)))


def test_each_thread_has_copies_of_its_own():
    """Of both factors: columns of the first crowd the cache, those of the second are not side by side."""
    rng = np.random.default_rng(0)
    a, b = lying(rng, (9,), 512, 64, "f4", "by columns"), lying(rng, (9,), 64, 300, "f4", "by columns")
    places = [Place(0, 0, x.shape, x.strides, x.dtype) for x in (a, b, np.empty((9, 512, 300), "f4"))]
    kind = processor()
    one = Stack(*places, kind.lanes, kind.registers)._product([""] * 3)
    assert one.packs_a and one.packs_b and one.bytes_alone >= one.bytes_a + one.bytes_own > 64 * 512 * 4
    threads.set_num_threads(2)
    try:
        check(a, b)
    finally:
        threads.set_num_threads(None)


def test_threads_change_no_bit():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((500, 20, 20)).astype("f4") for _ in range(2))
    found = []
    for n in (1, 2):
        threads.set_num_threads(n)
        compiled = compile(ops.matmul, executor="fast")
        found.append([compiled(a, b) for _ in range(4)])
    threads.set_num_threads(None)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "a, b", [((6, 4, 5), (6, 5, 3)), ((6, 4, 5), (5, 3)), ((4, 5), (6, 5, 3)), ((2, 1, 4, 5), (6, 5, 3))]
)
def test_gradients_of_products_of_stacks_are_native(a, b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a), rng.standard_normal(b)
    g = rng.standard_normal((a @ b).shape)
    compiled = compile(lambda g, a, b: gg.vjp(ops.matmul, a, b)[1](g), executor="fast")
    for found, expected in zip(compiled(g, a, b), gg.vjp(ops.matmul, a, b)[1](g), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    assert compiled._entries[0].plan.n_python == 0


def test_norms_of_gradients_of_each_sample_with_many_rows_are_native():
    rng = np.random.default_rng(0)
    for rows in (3, 40):
        g, x = rng.standard_normal((6, rows, 9)), rng.standard_normal((6, rows, 8))
        compiled = compile(registered("outer_norm2").call, executor="fast")
        expected = np.sqrt(((g.swapaxes(1, 2) @ x) ** 2).sum(axis=(1, 2)))
        np.testing.assert_allclose(np.sqrt(compiled(g, x)), expected, rtol=1e-12)
        assert compiled._entries[0].plan.n_python == 0
