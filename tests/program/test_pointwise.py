"""On a GPU what is elementwise becomes one kernel written for it; random chains of operations give what NumPy gives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import Tensor, nn, ops
from gpugrad.cuda import generated
from gpugrad.ops.index import index_set_
from gpugrad.program import blocks
from gpugrad.program.listed import Listed
from gpugrad.program.passes import optimized
from gpugrad.program.recording import record
from tests.host_cuda.fixture import host

__all__ = ["host"]


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    """The stand-in keeps a stack for every thread of a block in each library it loads, and here are many libraries."""
    monkeypatch.setattr(generated, "THREADS", 32)


def shaped(host, f, *arrays):
    """The program of f after the pass, and its results beside those of eager execution on NumPy."""
    here = [host.array(a) for a in arrays]
    program = optimized(record(f, tuple(here), {}).program, ("common", "pointwise"))
    host.launches.clear()
    got, want = Listed(program).run(*here), f(*arrays)
    for y, w in zip(got, want if isinstance(want, tuple) else (want,), strict=True):
        np.testing.assert_allclose(host.numpy(y), w, rtol=1e-5, atol=1e-6)
    return [call.primitive.name for call in program.calls]


X = np.random.default_rng(0).standard_normal((6, 8)).astype("f4")


def test_a_chain_is_one_launch(host):
    assert shaped(host, lambda x: ops.gelu(ops.tanh(x * 2 + x[0]) - 1) / 3, X) == ["item", "fused"]
    assert host.launched("pointwise") == len(host.launches) == 1


def test_what_has_a_kernel_or_reduces_stays_what_it_is(host):
    found = shaped(host, lambda x: ops.softmax(x * 2 + 1) * x.sum(axis=0), X)
    assert found == ["fused", "softmax", "sum", "multiply"]
    assert len(host.launches) == 2


def test_forward_and_backward_of_a_product_are_kept_apart(host):
    def f(x, w):
        return gg.grad(lambda x: (ops.tanh(ops.matmul(ops.tanh(x) * 2, w)) * 3).sum())(x)

    found = shaped(host, f, X, np.full((8, 4), 0.1, "f4"))
    assert found.count("matmul") == 1 + found.count("matmul_vjp") or found.count("matmul") == 2
    assert found.count("fused") >= 2


def test_constants_become_numbers_or_are_brought_over(host):
    def f(x):
        return ops.mean((x - 1) * (x - 1)), gg.grad(lambda x: ops.mean((x - 1) * (x - 1)))(x)

    found = shaped(host, f, X)  # here no array of the program tells where constants belong
    assert found[:3] == ["fused", "mean", "ones_like"] and found.count("fused") == 2
    w = Tensor(host.array(X[0]))
    program = record(lambda x: gg.grad(lambda x: ops.mean((x - w.data) * x))(x), (host.array(X),), {}).program
    assert [c.primitive.name for c in optimized(program, ("common", "pointwise")).calls] == ["fused"]


def test_a_constant_that_is_not_the_same_everywhere_is_brought_over(host):
    w = Tensor(host.array(X))

    def f():
        return gg.grad(lambda w: ops.cumsum(w, axis=0).sum())(w.data)

    program = optimized(record(f, (), {}).program, ("pointwise",))
    (got,) = Listed(program).run()
    slope = np.arange(6, 0, -1, "f4")[:, None] * np.ones(8, "f4")
    np.testing.assert_array_equal(host.numpy(got), slope)
    program = optimized(record(lambda: ops.tanh(f()) * w.data + 1, (), {}).program, ("pointwise",))
    (got,) = Listed(program).run()
    np.testing.assert_allclose(host.numpy(got), np.tanh(slope) * X + 1, rtol=1e-6)
    assert [c.primitive.name for c in program.calls] == ["fused"]


def test_a_counter_goes_on_in_one_launch(host):
    model = nn.Sequential(nn.Dropout(0.5, rng=0)).to("cuda")
    x = host.array(X)
    program = optimized(record(model, (x,), {}).program, ("common", "pointwise"))
    found = [c.primitive.name for c in program.calls]
    assert sorted(found) == ["dropout", "fused", "item", "item"]
    state = next(a.target.array for a in program.assigns)
    before = host.numpy(state).copy()
    for i in (1, 2):
        Listed(program).run(x)
        np.testing.assert_array_equal(host.numpy(state), before + np.array([0, i], before.dtype))


def test_numbers_written_into_one_small_array_at_several_places(host):
    """Each as its array's dtype has it; a number of another dtype is left to the primitive."""
    x, one = np.arange(4), host.array(np.ones(4, int))

    def f(x, a, b):
        x = index_set_(x, a, key=(0,))
        return index_set_(x, b, key=(1,)) + one

    for a, b in ((np.int64(7), np.int64(-5)), (np.float64(7.5), np.int64(-5))):
        step = gg.compile(lambda x, a, b: f(x, a[0], b[0]))
        for _ in range(2):
            got = step(host.array(x), host.array(np.array([a])), host.array(np.array([b])))
            np.testing.assert_array_equal(host.numpy(got), [8, -4, 3, 4])


def test_a_large_integer_keeps_its_last_digit(host):
    step, x = gg.compile(lambda x: (x ^ (2**60 + 1)) + 1), np.arange(6)
    np.testing.assert_array_equal(host.numpy(step(host.array(x))), (x ^ (2**60 + 1)) + 1)


def test_a_number_that_two_calls_read_is_computed_once(host):
    def f(x, y):
        scale = ops.exp(x[0, 0]) / 2
        return x * scale + 1, ops.tanh(y * scale)

    found = shaped(host, f, X, X[:5, :3])
    assert found == ["item", "fused", "fused", "fused"]
    assert shaped(host, lambda x: x * (ops.exp(x[0, 0]) / 2) + 1, X) == ["item", "fused"]
    found = shaped(host, lambda x: (x * (s := ops.exp(x[0, 0])) + 1, s), X)
    assert sorted(found) == ["exp", "fused", "item"]
    found = shaped(host, lambda x: (x * ops.tanh(s := ops.exp(x[0, 0])) + 1, s), X)  # no kernel gives both shapes
    assert sorted(found) == ["add", "exp", "item", "multiply", "tanh"]


def test_on_numpy_the_calls_run_one_by_one_with_their_bits():
    def f(x):
        h = ops.matmul(x, x.T)
        return ops.relu(h + 1) * 2 + ops.gelu(h) + ops.sigmoid(h) * h

    for executor in ("numpy", "list"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "BLOCK", 4)
            step = gg.compile(f, executor=executor, passes=["pointwise"])
            np.testing.assert_array_equal(step(X), f(X))
        assert "made of" in step.explain()


UNARY = [
    ops.tanh,
    ops.sigmoid,
    ops.gelu,
    ops.relu,
    ops.silu,
    ops.elu,
    ops.square,
    ops.softplus,
    ops.hardtanh,
    lambda x: ops.exp(-ops.abs(x)),
    lambda x: ops.leaky_relu(x, 0.2) * 2 - 1,
    lambda x: ops.astype(x, "float32"),
    lambda x: ops.clip(x, -0.75, 0.75),
    lambda x: -x / 3,
]
BINARY = [ops.add, ops.subtract, ops.multiply, lambda a, b: a / (1 + ops.abs(b)), ops.hypot]
SHAPES = [(), (5,), (4, 5), (4, 1), (3, 1, 1), (2, 8), (8,), (0, 5), (0,), (3, 4, 5)]
ATOL = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-12}


def chain(picks):
    def f(*xs):
        pool = list(xs)
        for which, i, j in picks:
            a, b = pool[i % len(pool)], pool[j % len(pool)]
            try:
                pool.append(UNARY[which](a) if which < len(UNARY) else BINARY[which - len(UNARY)](a, b))
            except ValueError:
                continue  # shapes that do not broadcast
        return tuple(pool[len(xs) :]) or pool[0]

    return f


CHAINS = given(
    st.lists(
        st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 9), st.integers(0, 9)),
        min_size=2,
        max_size=7,
    ),
    st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3),
    st.sampled_from(["float16", "float32", "float64"]),
    st.booleans(),
)


def check_chain(host, picks, shapes, dtype, turned):
    rng = np.random.default_rng(len(picks))
    arrays = [np.asarray(rng.standard_normal(s), dtype) for s in shapes]
    here = [host.array(a.T.copy()).T if turned else host.array(a) for a in arrays]
    program = record(chain(picks), tuple(here), {}).program
    got = Listed(optimized(program, ("pointwise",))).run(*here)
    want = Listed(record(chain(picks), tuple(arrays), {}).program).run(*arrays)
    atol = max(ATOL[v.dtype.name] for v in (*arrays, *want))  # a cast on the way rounds what comes after it
    for y, w in zip(got, want, strict=True):
        assert (y.shape, y.dtype) == (w.shape, w.dtype)
        scale = np.abs(w).max(initial=1.0)
        np.testing.assert_allclose(host.numpy(y).astype("f8") / scale, w.astype("f8") / scale, rtol=0, atol=atol)


FRUGAL = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}  # each one is built


@settings(max_examples=8, derandomize=True, database=None, **FRUGAL)
@CHAINS
def test_a_random_chain_gives_what_numpy_gives(host, picks, shapes, dtype, turned):
    check_chain(host, picks, shapes, dtype, turned)


@pytest.mark.slow
@settings(max_examples=300, **FRUGAL)
@CHAINS
def test_three_hundred_random_chains(host, picks, shapes, dtype, turned):
    check_chain(host, picks, shapes, dtype, turned)
