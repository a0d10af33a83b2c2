"""graph(): the nodes, edges, branches and merges of records small enough to count by hand."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import ops
from gpugrad.inspection import graph
from tests.inspection.models import Model


def leaf(*shape, dtype="float64"):
    return gg.Tensor(np.linspace(0.1, 1.0, int(np.prod(shape))).reshape(shape).astype(dtype), requires_grad=True)


def seven_nodes():
    """f(x1, x2) = x2 e^x1 sqrt(x1 + x2 e^x1).  Source: Murphy, Probabilistic Machine Learning, 13.3.4."""
    x1, x2 = gg.Tensor(0.5, requires_grad=True), gg.Tensor(2.0, requires_grad=True)
    x3 = ops.exp(x1)
    x4 = x2 * x3
    x5 = x1 + x4
    x6 = ops.sqrt(x5)
    return {"x1": x1, "x2": x2, "x3": x3, "x4": x4, "x5": x5, "x6": x6, "x7": x4 * x6}


def terms(g, name):
    """How many adjoints are summed for the value of that name."""
    (node,) = [node for node in g.nodes if name in node.names]
    return len(g.pulls((node.number, 0)))


# --- nodes and edges


def test_the_seven_node_example():
    values = seven_nodes()
    g = graph(values["x7"], data=values)
    by_name = {node.names[0]: node for node in g.nodes}
    assert [node.operation for node in g.nodes] == ["leaf", "leaf", "exp", "multiply", "add", "sqrt", "multiply"]
    edges = {(g.nodes[o.node].names[0], node.names[0]) for node in g.nodes for o in node.operands}
    assert edges == {
        ("x1", "x3"), ("x2", "x4"), ("x3", "x4"), ("x1", "x5"), ("x4", "x5"), ("x5", "x6"), ("x4", "x7"), ("x6", "x7")
    }  # fmt: skip
    # x1 goes to x3 and x5, x4 to x5 and x7: two children, so a sum of two adjoints
    assert {name: terms(g, name) for name in by_name} == {
        "x1": 2, "x2": 1, "x3": 1, "x4": 2, "x5": 1, "x6": 1, "x7": 1
    }  # fmt: skip
    assert g.branches == [(by_name["x1"].number, 0), (by_name["x4"].number, 0)]
    assert g.merges == [] and g.dtype == "float64"


def test_a_node_comes_after_those_it_depends_on():
    g = graph(seven_nodes()["x7"])
    assert [node.number for node in g.nodes] == list(range(7))
    assert all(o.node < node.number for node in g.nodes for o in node.operands)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_value_used_n_times_has_a_sum_of_n_adjoints(n):
    x = leaf(3)
    uses = [ops.sin(x) for _ in range(n)]
    g = graph(uses, data={"x": x})
    assert len(g.nodes) == 1 + n and len(g.outputs) == n
    assert terms(g, "x") == n
    assert len(g.branches) == (n > 1)


def test_one_operation_that_uses_a_value_twice_is_a_branch():
    x = leaf(3)
    g = graph(x * x)
    assert g.uses[0, 0] == [(1, 0), (1, 1)]
    assert g.branches == [(0, 0)]


@pytest.mark.parametrize("n", [1, 3])
def test_a_merge_of_n_arrays(n):
    xs = [leaf(2, i + 1) for i in range(n)]
    g = graph(ops.concatenate(xs, axis=1))
    assert g.merges == [n]
    assert [o.shape for o in g.nodes[n].operands] == [(2, i + 1) for i in range(n)]
    assert g.nodes[n].shapes == ((2, n * (n + 1) // 2),)


def test_the_parts_of_a_split_are_outputs_of_one_node():
    a, _, c = ops.split(leaf(6), 3)
    g = graph(a * c)
    assert [node.operation for node in g.nodes] == ["leaf", "split", "multiply"]
    assert [(o.node, o.output) for o in g.nodes[2].operands] == [(1, 0), (1, 2)]
    assert g.nodes[1].shapes == ((2,),) * 3
    assert (1, 1) not in g.uses  # nobody used the second


def test_a_part_of_a_split_that_is_used_twice_is_a_branch():
    a, b = ops.split(leaf(6), 2)
    assert graph(a * ops.sin(a) + b).branches == [(1, 0)]


def test_a_tied_weight_is_one_leaf():
    w, x = leaf(3, 3), np.ones((2, 3))
    y = ops.linear(ops.tanh(ops.linear(x, w)), w)
    g = graph(y, Model(encoder=w, decoder=w))
    (node,) = [node for node in g.nodes if node.is_leaf]
    assert node.names == ("encoder", "decoder")
    assert terms(g, "encoder") == 2


def test_several_tensors_are_drawn_together_and_each_seeds_the_sweep():
    x = leaf(3)
    h = ops.sin(x)
    g = graph({"h": h, "y": h * 2.0})
    assert len(g.nodes) == 3 and g.outputs == [(1, 0), (2, 0)]
    assert g.pulls((1, 0)) == [(2, 0), (None, 0)]


# --- what kind of value it is


def test_paths_of_parameters_and_of_data():
    w, x = leaf(4, 3), leaf(2, 3)
    scaled = ops.transpose(w) * 0.5
    y = ops.tanh(ops.matmul(x, scaled))
    loss = y.sum() + (w * w).sum() * 0.1
    g = graph(loss, {"w": w})
    assert {node.operation for node in g.nodes if node.path == "parameter"} == {"leaf", "transpose", "multiply", "sum"}
    assert [node.operation for node in g.nodes if node.path == "data" and not node.is_leaf] == [
        "matmul", "tanh", "sum", "add"
    ]  # fmt: skip
    assert [node.names for node in g.nodes if node.is_leaf] == [("w",), ()]


def test_without_names_every_leaf_is_data():
    assert {node.path for node in graph(leaf(3) * leaf(3)).nodes} == {"data"}


def test_a_batch_that_wants_no_gradient_leads_the_data_path():
    w, batch = leaf(4, 3), np.ones((2, 3))
    g = graph(ops.linear(batch, w), {"w": w}, data={"batch": batch})
    (x, _) = g.nodes[1].operands
    assert (x.node, x.text, x.shape, x.path, x.named) == (None, "batch", (2, 3), "data", True)
    assert g.nodes[1].path == "data"


def test_a_bias_that_is_left_out_is_no_constant():
    w = leaf(4, 3)
    assert len(graph(ops.linear(np.ones((2, 3)), w)).nodes[1].operands) == 2


def test_constants_show_what_the_record_knows():
    x = leaf(3)
    times, plus = graph(x * 0.5).nodes[1], graph(x + np.ones(3)).nodes[1]
    assert times.operands[1].text == "0.5"
    assert (plus.operands[1].text, plus.operands[1].shape) == ("constant", None)  # a sum keeps nothing


def test_a_parameter_that_is_frozen_is_a_named_constant_of_the_parameter_path():
    w, x = gg.Tensor(np.ones((4, 3))), leaf(2, 3)
    (_, weight) = graph(ops.linear(x, w), Model(weight=w)).nodes[1].operands
    assert (weight.text, weight.path) == ("weight", "parameter")


def test_names_from_a_model_a_nest_or_pairs():
    w, b = leaf(4, 3), leaf(4)
    y = ops.linear(np.ones((2, 3)), w, b)
    for names in (Model(w=w, b=b), {"w": w, "b": b}, [("w", w), ("b", b)], iter([("w", w), ("b", b)])):
        assert [node.names for node in graph(y, names).nodes[:2]] == [("w",), ("b",)]
    nested = {"layers": [{"w": w, "b": b}]}
    assert [node.names for node in graph(y, nested).nodes[:2]] == [("layers.0.w",), ("layers.0.b",)]
    assert [node.names for node in graph(y, (w, b)).nodes[:2]] == [("0",), ("1",)]


def test_dtype_is_none_where_there_are_several():
    assert graph(leaf(3, dtype="float32") * 2.0).dtype == "float32"
    mixed = graph(leaf(3, dtype="float32") * leaf(3))
    assert mixed.dtype is None
    assert [node.dtypes for node in mixed.nodes] == [("float32",), ("float64",), ("float64",)]


def test_an_index_array_gets_no_adjoint():
    x = leaf(4, 3)
    g = graph(x[np.array([0, 0])])
    assert [o.pulls for o in g.nodes[1].operands] == [True, False]


def test_hooks_are_no_nodes():
    x = leaf(3)
    x.register_hook(lambda g: None)
    y = x * x
    y.retain_grad()
    assert len(graph(y.sum()).nodes) == 3


# --- where a graph can be had


def test_the_gradient_has_a_graph_of_its_own():
    x = leaf(3)
    (x * x * x).sum().backward(create_graph=True)
    g = graph(x.grad, data={"x": x})
    assert g.nodes[0].names == ("x",)
    assert {node.operation for node in g.nodes[1:]} <= {"multiply", "add"}
    assert terms(g, "x") > 1  # the gradient 3 x^2 depends on x, so it can be differentiated again


def test_inside_a_transform():
    seen = []

    def f(x):
        y = (x * x).sum()
        seen.append(graph(y))
        return y

    gg.grad(f)(np.ones(3))
    gg.hessian(f)(np.ones(3))
    assert [[node.operation for node in g.nodes] for g in seen] == [["leaf", "multiply", "sum"]] * 2


def test_a_parameter_from_outside_a_transform_is_a_named_constant_there():
    w, seen = leaf(4, 3), []

    def f(x):
        y = ops.linear(x, w)
        seen.append(graph(y, {"w": w}))
        return y.sum()

    gg.grad(f)(np.ones((2, 3)))
    (x, weight) = seen[0].nodes[1].operands
    assert x.node == 0 and (weight.node, weight.text, weight.path) == (None, "w", "parameter")


def test_a_swept_graph_can_still_be_seen():
    x = leaf(3)
    y = ops.sin(x)
    assert graph(y).nodes[1].keeps
    y.backward(np.ones(3))
    g = graph(y)
    assert len(g.nodes) == 2 and not g.nodes[1].keeps


def test_a_checkpoint_is_one_node():
    g = graph(gg.checkpoint(lambda x: ops.sin(ops.tanh(x)))(leaf(3)))
    assert [node.operation for node in g.nodes] == ["leaf", "checkpoint"]


def test_a_graph_keeps_no_array_alive():
    x = leaf(3)
    h = ops.sin(x)
    array = weakref.ref(h.data)
    g = graph((h * h).sum())
    del h
    gc.collect()
    assert array() is None and len(g.nodes) == 4


def test_a_chain_of_30_000_operations():
    y = x = gg.Tensor(1.0, requires_grad=True)
    for _ in range(30_000):
        y = -y
    g = graph(y, data={"x": x})
    assert len(g.nodes) == 30_001 and g.branches == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_every_edge_forward_sends_an_adjoint_back(pairs):
    values = [leaf(2), leaf(2)]
    for i, j in pairs:
        values.append(values[i % len(values)] + values[j % len(values)])
    g = graph(values[-1])
    n_operands = sum(len(node.operands) for node in g.nodes)
    assert sum(len(g.pulls(value)) for value in g.uses) == n_operands + 1  # and the seed
    assert all(len(g.pulls(value)) > 1 for value in g.branches)
