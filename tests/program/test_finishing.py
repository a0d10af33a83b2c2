"""Pass "finish": which products take the pointwise calls behind them along, and native code for both together."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.program.fast import available, plan, writing
from gpugrad.program.listed import Listed
from gpugrad.program.passes import PASSES, optimized
from gpugrad.program.recording import record

WITHOUT = tuple(name for name in PASSES if name not in ("finish", "patterns", "pointwise", "tile"))
WITH = (*WITHOUT, "finish")
RNG = np.random.default_rng(3)
A, B, C = (RNG.standard_normal(shape).astype("f4") for shape in [(6, 5), (5, 7), (6, 7)])


def kinds(f, *args):
    program = optimized(record(f, args, {}).program, WITH)
    return [call.kind or call.primitive.name for call in program.calls if call.kind != "view"]


def test_what_alone_reads_a_product_is_joined_to_it():
    assert kinds(lambda a, b, c: ops.tanh(a @ b + c), A, B, C) == ["finished"]


def test_a_product_that_others_read_stays():
    assert kinds(lambda a, b: (a @ b, ops.tanh(a @ b)), A, B) == ["product", "pointwise"]
    assert kinds(lambda a, b: (ops.tanh(a @ b), (a @ b).sum()), A, B) == ["product", "pointwise", "reduce"]
    held = gg.Tensor(np.zeros((6, 7), "f4"))

    def kept(a, b):
        y = a @ b
        held.data[...] = y
        return ops.tanh(y)

    assert kinds(kept, A, B) == ["product", "pointwise"]


def test_of_two_products_the_later_is_taken():
    program = optimized(record(lambda a, b, c: (a @ b) * (c @ (b.T @ b)), (A, B, C), {}).program, WITH)
    (last,) = (call for call in program.calls if call.kind == "finished")
    assert len(program.makers()[last.inputs[-1]].inputs) == 2 and last is program.calls[-1]


def test_other_shapes_and_dtypes_stay():
    assert kinds(lambda a, b: (a @ b)[0] * 2, A, B) == ["product", "pointwise"]
    assert kinds(lambda a, b: ops.tanh(a @ b[:, 0]), A, B) == ["product", "pointwise"]
    assert kinds(lambda a, b: ops.tanh((a @ b).reshape(7, 6)), A, B) == ["product", "pointwise"]
    assert kinds(lambda a, b, c: ops.tanh((a[:1] @ b) * c), A, B, C) == ["product", "fused"]
    stack = RNG.standard_normal((2, 6, 5)).astype("f4")
    assert kinds(lambda a, b: ops.tanh(a @ b), stack, B) == ["product", "pointwise"]


def test_nothing_is_kept_longer_that_is_larger_than_the_product():
    """Where a and b would have to wait for the sum, the product is computed as soon as it can be."""
    a, b = RNG.standard_normal((4, 300)).astype("f4"), RNG.standard_normal((300, 4)).astype("f4")

    def f(a, b):
        y = ops.tanh(a) @ ops.exp(b)
        return y * ops.sin(b).sum()

    assert "finished" not in kinds(f, a, b)
    assert "finished" in kinds(f, b, a)


def test_the_gradient_behind_a_relu_is_joined_and_written_over_its_value():
    model = nn.MLP([20, 30, 30, 4], rng=0)
    x, y = RNG.standard_normal((16, 20)).astype("f4"), RNG.integers(0, 4, 16)

    def step(x, y):
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        return loss

    assert kinds(step, x, y).count("finished") == 5
    if available():
        f = gg.compile(step, executor="fast")
        f(x, y)
        (entry,) = f._entries
        places, joined = entry.plan.places, [c for c in entry.plan.program.calls if c.kind == "finished"]
        masked = [c for c in joined if c.outputs[0].dtype == np.int32]
        assert len(masked) == 2
        for call in masked:
            (value,) = call.inputs[call.primitive.n_product :]
            assert places.array(call.outputs[0]).ctypes.data == places.array(value).ctypes.data


@pytest.mark.parametrize("passes", [WITH, WITHOUT])
def test_the_calls_one_by_one_give_the_same(passes):
    def f(a, b, c):
        return gg.grad(lambda b: (ops.relu(a @ b + c) * c).sum())(b), ops.sigmoid(a @ b) > 0.5

    program = record(f, (A, B, C), {}).program
    for got, expected in zip(
        Listed(optimized(program, passes)).run(A, B, C), Listed(program).run(A, B, C), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def laid(x, how):
    """The same values, row by row, column by column, or with gaps."""
    if how == "gaps":
        wide = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)
        wide[:, ::2] = x
        return wide[:, ::2]
    return np.asfortranarray(x) if how == "columns" else np.ascontiguousarray(x)


FINISHES = {
    "bias": lambda y, row, column, full: ops.relu(y + row),
    "column": lambda y, row, column, full: y * column - 1.5,
    "full": lambda y, row, column, full: ops.where(full > 0, y, full),
    "bool": lambda y, row, column, full: y > full,
    "wide": lambda y, row, column, full: ops.astype(y + full, "float64") if y.dtype == np.float32 else -y,
    "two": lambda y, row, column, full: (t := ops.tanh(y + row), full / (1 + t * t)),
    "number": lambda y, row, column, full: y * row.sum(),
}


@pytest.mark.skipif(not available(), reason="needs llvmlite")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FINISHES)
def test_native_code_gives_the_same_bits_as_without(name, dtype, monkeypatch):
    monkeypatch.setattr(plan, "is_light", lambda call: True)
    written = []
    finished = writing.Writer._finished
    monkeypatch.setattr(writing.Writer, "_finished", lambda self, call: [written.append(call), finished(self, call)])
    shapes = [(3, 2, 1), (1, 4, 5), (17, 9, 33), (40, 31, 70), (70, 3, 16), (5, 130, 257)]
    for (m, k, n), how in zip(shapes, itertools.cycle(["rows", "columns", "gaps"])):
        a, b, full = (laid(RNG.standard_normal(s).astype(dtype), how) for s in [(m, k), (k, n), (m, n)])
        row, column = (RNG.standard_normal(s).astype(dtype) for s in [(n,), (m, 1)])

        def f(a, b, row, column, full):
            return FINISHES[name](a @ b, row, column, full)

        args = a, b, row, column, full
        runs = [gg.compile(f, executor="fast", passes=passes)(*args) for passes in (WITH, WITHOUT)]
        for got, expected in zip(*(run if type(run) is tuple else (run,) for run in runs), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
    assert len(written) == len(shapes)


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_a_sum_of_products_is_finished_as_well():
    f = gg.compile(lambda a, b, c: ops.tanh(a @ b + (a * 2) @ b + c), executor="fast")
    np.testing.assert_allclose(f(A, B, C), np.tanh(3 * (A @ B) + C), rtol=1e-5, atol=1e-6)
    (entry,) = f._entries
    (last,) = (call for call in entry.plan.program.calls if call.kind == "finished")
    assert last.primitive.calls[0].primitive.name == "matmul_add" and entry.plan.n_python == 0
    assert "1 joined to the matrix product before" in f.explain()


ADDENDS = {
    "gaps": lambda x: x[:, ::2],
    "backwards": lambda x: x[:, ::-2],
    "made": lambda x: ops.exp(x)[:, ::2],
    "column": lambda x: ops.broadcast_to(x[:, :1], (6, 7)),
    "number": lambda x: ops.broadcast_to(x[0, 0], (6, 7)),
    "row": lambda x: ops.broadcast_to(x[0, :7], (6, 7)),
    "rows backwards": lambda x: x[::-1, 7:],
    "transposed": lambda x: ops.transpose(ops.transpose(x)[3:10]),
}


@pytest.mark.skipif(not available(), reason="needs llvmlite")
@pytest.mark.parametrize("name", ADDENDS)
def test_an_addend_that_lies_anyhow(name, monkeypatch):
    monkeypatch.setattr(plan, "is_light", lambda call: True)
    x = RNG.standard_normal((6, 14)).astype("f4")
    f = gg.compile(lambda a, b, x: ops.tanh(a @ b + ADDENDS[name](x)), executor="fast")
    np.testing.assert_allclose(f(A, B, x), np.tanh(A @ B + np.asarray(ADDENDS[name](x))), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_an_addend_of_a_single_row_with_gaps(monkeypatch):
    """As a row of a matrix that lies by columns, whose one row says nothing of where the columns lie."""
    monkeypatch.setattr(plan, "is_light", lambda call: True)
    big = np.asfortranarray(RNG.standard_normal((14, 1)).astype("f4"))
    f = gg.compile(lambda a, b, c: ops.tanh(a[:1] @ b + ops.transpose(c)[:1, ::2]), executor="fast")
    for c in (big, RNG.standard_normal((14, 6)).astype("f4")):
        np.testing.assert_allclose(f(A, B, c), np.tanh(A[:1] @ B + c.T[:1, ::2]), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_an_addend_outside_that_the_program_writes(monkeypatch):
    monkeypatch.setattr(plan, "is_light", lambda call: True)
    big = np.zeros((6, 14), "f4")
    held, expected = gg.Tensor(big[:, ::2]), np.zeros((6, 7), "f4")

    @gg.compile(executor="fast")
    def f(a, b):
        held.data[...] = ops.tanh(a @ b + held)

    for _ in range(3):
        f(A, B)
        expected = np.tanh(A @ B + expected)
        np.testing.assert_allclose(big[:, ::2], expected, rtol=1e-5, atol=1e-6)
    assert not big[:, 1::2].any()


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_a_factor_that_the_pointwise_call_reads_as_well_is_not_written_over(monkeypatch):
    monkeypatch.setattr(plan, "is_light", lambda call: True)

    def f(a, b):
        t = ops.exp(a)
        return (ops.tanh(t @ b) * t) @ b

    square = RNG.standard_normal((200, 200)).astype("f4")
    np.testing.assert_array_equal(
        gg.compile(f, executor="fast", passes=WITH)(square, square),
        gg.compile(f, executor="fast", passes=WITHOUT)(square, square),
    )


@pytest.mark.skipif(not available(), reason="needs llvmlite")
@pytest.mark.parametrize("name", ["relu", "tanh", "softplus"])
def test_costly_functions_are_no_part_of_tiles(name):
    f = gg.compile(lambda a, b: getattr(ops, name)(a @ b), executor="fast")
    np.testing.assert_allclose(f(A, B), getattr(ops, name)(A @ B), rtol=1e-5, atol=1e-6)
    written = [call.kind for call in f._entries[0].plan.places.calls]
    assert written[0] == ("finished" if name == "relu" else "product")


@pytest.mark.skipif(not available(), reason="needs llvmlite")
def test_what_no_code_is_made_for_is_run_apart(monkeypatch):
    """Then a product and a call of NumPy."""
    monkeypatch.setattr(writing.Writer, "knows_finished", staticmethod(lambda call: False))
    f = gg.compile(lambda a, b, c: ops.tanh(a @ b + c), executor="fast")
    np.testing.assert_allclose(f(A, B, C), np.tanh(A @ B + C), rtol=1e-5, atol=1e-6)
    g = gg.compile(lambda a, b, c: ops.tanh(a @ b + c), executor="numpy", passes=WITH)
    np.testing.assert_array_equal(g(A, B, C), np.tanh(A @ B + C))
