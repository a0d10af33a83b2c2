"""Each pass does what it says, and gives the same results; what an operation comes down to is read off its forward."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops
from gpugrad.program.elementary import Elementary
from gpugrad.program.graph.plan import NOT_ON_GPU, GraphPlan
from gpugrad.program.ir import Program
from gpugrad.program.listed import Listed
from gpugrad.program.lowering import lower
from gpugrad.program.numpy_plan import NumpyPlan
from gpugrad.program.passes import ON_GPU, OTHER_SUMS, PASSES, chosen, optimized
from gpugrad.program.passes.fusion import LARGEST
from gpugrad.program.recording import record

X = np.random.default_rng(0).standard_normal((5, 4)).astype("f4")


def recorded(f, *args) -> Program:
    return record(f, args, {}).program


def names(program):
    return [call.primitive.name for call in program.calls]


def same_results(f, *args, passes=tuple(PASSES)):
    program = recorded(f, *args)
    new = optimized(program, passes)
    for a, b in zip(Listed(program).run(*args), Listed(new).run(*args), strict=True):
        np.testing.assert_array_equal(a, b)
    return program, new


def test_a_program_is_printed_as_text():
    text = str(recorded(lambda x: ops.tanh(x) * 2, X))
    assert text.splitlines() == [
        "program(x0: float32[5, 4])",
        "  v0: float32[5, 4] = tanh(x0)",
        "  v1: float32[5, 4] = multiply(v0, 2)",
        "  return v1",
    ]


def test_folding_computes_what_depends_on_no_input():
    _, new = same_results(gg.grad(lambda x: x.sum()), X, passes=("fold",))
    assert "ones_like" not in names(new)
    _, new = same_results(lambda x: ops.ones_like(x) * x, X, passes=("fold",))
    assert names(new) == []


def test_folding_leaves_arrays_that_others_hold():
    held = np.ones((5, 4), "f4")
    f = gg.compile(lambda x: x + ops.tanh(held) * x)
    f(X)
    program, new = same_results(lambda x: ops.multiply(held, x), X, passes=("fold",))
    assert names(program) == names(new) == ["multiply"]


def test_common_calls_are_made_once():
    _, new = same_results(lambda x: ops.tanh(x) + ops.tanh(x) * ops.sin(x), X, passes=("common",))
    assert sorted(names(new)) == ["add", "multiply", "sin", "tanh"]


def test_what_executors_leave_out_are_passes():
    plans = (Listed, NumpyPlan, GraphPlan)
    assert all({*names} <= {*PASSES} for names in (ON_GPU, OTHER_SUMS, NOT_ON_GPU, *(plan.skips for plan in plans)))


def test_a_program_that_is_quiet_stays_so():
    program = recorded(lambda x: ops.tanh(x) * 2, X)
    program.quiet = True
    assert all(optimized(program, (name,)).quiet for name in PASSES)
    assert optimized(program, tuple(PASSES)).quiet


def test_calls_that_differ_in_a_number_are_not_common():
    _, new = same_results(lambda x: (x * 1 + x * 1.0, x[0], x[1]), X, passes=("common",))
    assert names(new).count("multiply") == 2 and names(new).count("getitem") == 2


def test_dead_calls_are_left_out_and_effects_stay():
    t = Tensor(np.zeros((5, 4), "f4"))

    def f(x):
        ops.sin(x)
        t.data[...] = ops.tanh(x)
        return x * 2

    program = recorded(f, X)
    new = optimized(program, ("dead",))
    assert "sin" in names(program) and "sin" not in names(new) and "tanh" in names(new)


def test_pointwise_calls_are_fused_across_shapes_that_broadcast():
    _, new = same_results(lambda x: ops.tanh(x * 2 + x[0]) - x.mean(axis=0), X)
    (fused,) = [call for call in new.calls if call.primitive.name == "fused"]
    assert [c.primitive.name for c in fused.primitive.calls] == ["multiply", "add", "tanh", "subtract"]


def test_long_chains_are_fused_in_parts_as_code_for_one_takes_ever_longer_to_make():
    def f(x):
        for _ in range(40):
            x = ops.tanh(x) * 1.5
        return x

    _, new = same_results(f, X)
    parts = [c.primitive.calls for c in new.calls]
    assert [c.primitive.name for part in parts for c in part] == ["tanh", "multiply"] * 40
    assert 3 <= len(parts) <= 5 and max(sum(c.primitive.name == "tanh" for c in part) for part in parts) <= LARGEST // 8


def test_a_call_in_between_keeps_groups_apart():
    """tanh(x) and its use meet again after a sum over it: one group would wait for itself."""
    _, new = same_results(lambda x: (ops.tanh(x) * 2) / ops.sum(ops.tanh(x) * 2), X)
    assert names(new) == ["fused", "add", "true_divide"] or names(new) == ["fused", "add", "divide"]


@pytest.mark.parametrize(
    "module", [nn.Linear(4, 3, rng=0), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.MLP([4, 8, 2], rng=0)]
)
def test_layers_and_their_gradients_come_down_to_elementary_calls(module):
    def step(x):
        module.zero_grad()
        (module(x) ** 2).mean().backward()

    lowered = lower(recorded(step, X))
    assert [c.primitive.name for c in lowered.calls if not isinstance(c.primitive, Elementary)] == []


@pytest.mark.parametrize(
    "f",
    [ops.relu, ops.sigmoid, ops.tanh, ops.softplus, ops.silu, ops.elu, ops.softmax, ops.log_softmax, ops.leaky_relu],
)
def test_activations_and_their_gradients_come_down_to_elementary_calls(f):
    program, _ = same_results(gg.grad(lambda x: (f(x) * x).sum()), X)
    assert all(isinstance(c.primitive, Elementary) for c in lower(program).calls)


def test_an_operation_that_looks_at_values_stays_a_call():
    _, new = same_results(lambda x: ops.sort(x, axis=0) * 2, X)
    assert "sort" in " ".join(names(new)) or not all(isinstance(c.primitive, Elementary) for c in new.calls)


def test_passes_are_applied_in_their_order():
    assert chosen(["fuse", "fold"]) == ("fold", "fuse")
    assert chosen(None) == tuple(PASSES) and chosen("dead") == ("dead",)


def test_a_constant_that_is_the_same_everywhere_becomes_a_number():
    _, new = same_results(gg.grad(lambda x: (x * x).mean()), X)
    assert all(v.kind != "const" for call in new.calls for v in call.values)
