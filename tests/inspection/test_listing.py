"""The text of a graph, word by word."""

import numpy as np

import gpugrad as gg
from gpugrad import ops
from gpugrad.inspection import graph


def lines(text):
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def test_the_seven_node_example():
    x1, x2 = gg.Tensor(0.5, requires_grad=True), gg.Tensor(2.0, requires_grad=True)
    x4 = x2 * ops.exp(x1)
    g = graph(x4 * ops.sqrt(x1 + x4), data={"x1": x1, "x2": x2, "x4": x4})
    assert lines(str(g)) == lines("""
graph: 5 operations, 2 leaves, 2 branches; float64

forward, read down           shape  backward, read up
v0 = x1                      ()     g0 = exp^T(g2) + add^T(g4).a  [x1.grad]
v1 = x2                      ()     g1 = multiply^T(g3).a  [x2.grad]
v2 = exp(v0)                 ()     g2 = multiply^T(g3).b
v3 = multiply(v1, v2)  [x4]  ()     g3 = add^T(g4).b + multiply^T(g6).a
v4 = add(v0, v3)             ()     g4 = sqrt^T(g5)
v5 = sqrt(v4)                ()     g5 = multiply^T(g6).b
v6 = multiply(v3, v5)        ()     g6 = seed
output = v6
""")


def test_paths_dtypes_merge_split_and_constants():
    w = gg.Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    x = gg.Tensor(np.ones((2, 3)), requires_grad=True)
    a, _ = ops.split(ops.concatenate([w * x, x], axis=1), [4], axis=1)
    assert lines(str(graph(a * 2.0, {"w": w}))) == lines("""
graph: 4 operations, 2 leaves (1 parameter), 1 branch, 1 merge; several dtypes

forward, read down        shape                           path       backward, read up
v0 = w                    (2, 3) float32                  parameter  g0 = multiply^T(g2).a  [w.grad]
v1 = leaf                 (2, 3) float64                  data       g1 = multiply^T(g2).b + concatenate^T(g3).1  [grad]
v2 = multiply(v0, v1)     (2, 3) float64                  data       g2 = concatenate^T(g3).0
v3 = concatenate(v2, v1)  (2, 6) float64                  data       g3 = split^T(g4)
v4 = split(v3)            (2, 4) float64, (2, 2) float64  data       g4 = (multiply^T(g5).a, 0)
v5 = multiply(v4.0, 2)    (2, 4) float64                  data       g5 = seed
output = v5
""")


def test_the_forward_pass_alone():
    x = gg.Tensor(np.ones(3), requires_grad=True)
    assert lines(graph([ops.sin(x), ops.cos(x)], data={"x": x}, backward=False).text()) == lines("""
graph: 2 operations, 1 leaf, 1 branch; float64

forward, read down  shape
v0 = x              (3,)
v1 = sin(v0)        (3,)
v2 = cos(v0)        (3,)
output = v1
output = v2
""")


def test_repr_is_one_line():
    x = gg.Tensor(np.ones(3), requires_grad=True)
    assert repr(graph(ops.sin(x))) == "<graph: 1 operation, 1 leaf; float64; print() lists it, .svg() draws it>"
