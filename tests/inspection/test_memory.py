"""memory_report(): bytes worked out by hand."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentTypeError, GradientError
from gpugrad.inspection import memory_report


def leaf(*shape, dtype="float64"):
    return gg.Tensor(np.ones(shape, dtype), requires_grad=True)


def by_operation(report):
    return {row.operation: row.n_bytes for row in report.rows}


def test_each_operation_s_bytes():
    x = leaf(1000)
    report = memory_report(ops.sin(ops.exp(ops.cos(x))).sum())
    # cos keeps its input, the leaf; exp its output, which is what sin keeps too; sum a shape
    assert by_operation(report) == {"cos": 0, "exp": 8000, "sin": 0, "sum": 0}
    assert {row.operation: row.keeps for row in report.rows} == {
        "cos": ("[x]",), "exp": ("y",), "sin": ("[x]",), "sum": ()
    }  # fmt: skip
    assert (report.total_bytes, report.leaf_bytes) == (8000, 8000)
    assert report.peak == report.rows[0] and report.peak.operation == "exp" and report.peak.share == 1.0


def test_an_mlp():
    batch = np.ones((32, 10), "float32")
    w1, b1, w2 = (leaf(*shape, dtype="float32") for shape in ((20, 10), (20,), (5, 20)))
    y = ops.linear(ops.tanh(ops.linear(batch, w1, b1)), w2)
    report = memory_report(y, {"w1": w1, "b1": b1, "w2": w2})
    # the first layer keeps the batch, 32 x 10 x 4; tanh its output, 32 x 20 x 4; the second layer that and w2
    assert [(row.operation, row.n_bytes) for row in report.rows] == [("tanh", 2560), ("linear", 1280), ("linear", 0)]
    assert report.total_bytes == 3840
    assert [(leaf.names, leaf.n_bytes) for leaf in report.leaves] == [(("w2",), 400)]  # b1 and w1 are not kept


def test_rows_are_sorted_and_numbered_as_in_the_graph():
    x = leaf(10)
    y = ops.concatenate([ops.exp(x), ops.exp(x), ops.tanh(x)])
    report = memory_report((ops.exp(y) * 2.0).sum())
    assert [row.n_bytes for row in report.rows] == [240, 80, 80, 80, 0, 0, 0]
    assert [row.number for row in report.rows] == [5, 1, 2, 3, 4, 6, 7]
    assert [row.share for row in report.rows] == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6, 0, 0, 0])
    assert [node.operation for node in gg.inspection.graph(y).nodes][5:] == []


def test_a_view_counts_as_all_of_its_buffer():
    x = leaf(100)
    report = memory_report(ops.sin((x * 2.0)[:1]))
    assert by_operation(report) == {"multiply": 0, "getitem": 0, "sin": 800}


def test_a_broadcast_constant_counts_what_is_there():
    x = leaf(100)
    row = np.broadcast_to(np.ones(1), (100,))
    assert memory_report(x * row).total_bytes == 8
    strided = np.lib.stride_tricks.as_strided(np.ones(2), (50, 2), (0, 8))
    assert memory_report(leaf(50, 2) * strided).total_bytes == 16


def test_views_of_a_leaf_are_the_leaf_s_memory():
    w, x = leaf(4, 3), leaf(2, 3)
    report = memory_report(ops.matmul(x, ops.transpose(w)))
    assert report.total_bytes == 0
    assert sorted((row.names, row.n_bytes) for row in report.leaves) == [(("leaf v0",), 96), (("leaf v1",), 48)]


def test_a_copy_of_a_leaf_in_another_dtype_is_not():
    w, x = leaf(4, 3, dtype="float16"), leaf(2, 3, dtype="float32")
    report = memory_report(ops.matmul(x, ops.transpose(w.astype("float32"))))
    assert (report.total_bytes, report.leaf_bytes) == (48, 24)


def test_parameters_in_one_buffer_are_one_row():
    flat = np.ones(12)
    w = gg.Tensor(flat[:9].reshape(3, 3), requires_grad=True)
    b = gg.Tensor(flat[9:], requires_grad=True)
    report = memory_report(ops.tanh(ops.matmul(w, w)) * b, {"w": w, "b": b})
    assert [(row.names, row.n_bytes) for row in report.leaves] == [(("w", "b"), 96)]


def test_a_frozen_parameter_is_alive_anyway():
    w, x = gg.Tensor(np.ones((4, 3))), leaf(2, 3)
    y = ops.linear(x, w)
    assert memory_report(y).total_bytes == 96  # as far as the record tells, a constant it keeps alive
    report = memory_report(y, {"w": w})
    assert (report.total_bytes, report.leaves[0].names) == (0, ("w",))


def test_what_a_sweep_let_go_counts_nothing():
    x = leaf(1000)
    y = ops.exp(ops.exp(x)).sum()
    y.backward(retain_graph=True)
    assert memory_report(y).total_bytes == 16000
    y.backward()
    report = memory_report(y)
    assert [row.n_bytes for row in report.rows] == [0, 0, 0] and report.leaves == []
    assert report.peak.share == 0.0


def test_checkpoint_trades_the_intermediates_for_time():
    def f(x):
        for _ in range(5):
            x = ops.exp(x * 0.1)
        return x

    x = leaf(1000)
    plain, kept = f(x * 2.0).sum(), gg.checkpoint(f)(x * 2.0).sum()
    assert memory_report(plain).total_bytes == 5 * 8000  # each exp's output
    assert by_operation(memory_report(kept)) == {"multiply": 0, "checkpoint": 8000, "sum": 0}  # the input of f
    plain.backward()
    expected, x.grad = x.grad, None
    kept.backward()
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), rtol=1e-13)


def test_inside_a_transform_both_parts_of_a_value_count():
    totals = []

    def f(x):
        y = ops.exp(x).sum()
        totals.append(memory_report(y).total_bytes)
        return y

    gg.grad(f)(np.ones(10))
    gg.hvp(f, (np.ones(10),), (np.ones(10),))
    assert totals == [80, 160]  # a value and its tangent


def test_several_outputs():
    report = memory_report(ops.split(ops.exp(leaf(10)), 2))
    assert by_operation(report) == {"exp": 80, "split": 0}
    assert report.rows[1].shapes == ((5,), (5,))


def test_the_table():
    w, x = leaf(400, 1), np.ones((500, 1))
    report = memory_report(ops.exp(ops.exp(ops.linear(x, w))), {"weight": w})
    assert str(report).splitlines() == [
        "memory report: 3.1 MiB kept by 3 of 3 operations",
        "",
        "    bytes  share  operation  output      keeps",
        "1,600,000  49.9%  v2 exp     (500, 400)  y",
        "1,600,000  49.9%  v3 exp     (500, 400)  y",
        "    4,000   0.1%  v1 linear  (500, 400)  x",
    ]
    assert repr(report) == "<memory report: 3.1 MiB kept by 3 of 3 operations; print() lists them>"


def test_a_long_table_is_cut():
    y = x = leaf(1)
    for _ in range(100):
        y = ops.exp(y * 0.1)
    text = str(memory_report(y + x * x))
    assert "in 162 more" in text and len(text.splitlines()) == 47


def test_a_chain_of_30_000_operations():
    y = gg.Tensor(1.0, requires_grad=True)
    for _ in range(30_000):
        y = -y
    assert len(memory_report(y).rows) == 30_000


def test_errors():
    with pytest.raises(ArgumentTypeError, match="memory_report: y is a int; expected a Tensor"):
        memory_report(3)
    with pytest.raises(GradientError, match="memory_report: the tensor was not recorded"):
        memory_report(gg.Tensor(1.0))
    with pytest.raises(ArgumentTypeError, match="memory_report: names is a int"):
        memory_report(leaf(3), 3)
