"""vmap: every form of in_axes and out_axes, what may be mapped and returned, what functions may do inside, errors."""

from typing import NamedTuple

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops
from gpugrad.errors import ArgumentError, ArgumentTypeError, ShapeError

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
T = RNG.normal(size=(2, 3, 4))  # an axis of each length


class Pair(NamedTuple):
    first: object
    second: object


def same(got, expected):
    assert np.asarray(got).shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-13, atol=1e-13)


def rows(f, *columns):
    return np.stack([f(*row) for row in zip(*columns, strict=True)])


# --- in_axes


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_one_axis_for_all_arguments(axis):
    expected = np.stack([np.cumsum(x, 0) * x.sum() for x in np.moveaxis(T, axis, 0)])
    same(gg.vmap(lambda x, y: ops.cumsum(x, 0) * y.sum(), in_axes=axis)(T, T), expected)


@pytest.mark.parametrize("axes", [(0, 1), [0, 1], (-2, -1)])
def test_one_axis_for_each_argument(axes):
    same(gg.vmap(ops.vdot, in_axes=axes)(A, B.T), np.einsum("ij,ij->i", A, B))


@pytest.mark.parametrize(("axes", "expected"), [((0, None), A @ B[0]), ((None, 0), B @ A[0])])
def test_arguments_that_are_not_mapped(axes, expected):
    arguments = [x if axis == 0 else x[0] for x, axis in zip((A, B), axes, strict=True)]
    same(gg.vmap(ops.vdot, in_axes=axes)(*arguments), expected)


@pytest.mark.parametrize("axes", [({"x": 0, "more": 1}, None), ({"x": 0, "more": [1, 1]}, None), ([0, 1], None)])
def test_axes_of_containers_may_stop_at_any_depth(axes):
    def f(tree, c):
        x, (y, z) = tree["x"], tree["more"]
        return (x * y).sum() + (z * c).sum()

    if isinstance(axes[0], list):  # a list over the dictionary is matched in the order of its entries
        axes = (dict(zip(("x", "more"), axes[0], strict=True)), None)
    same(gg.vmap(f, in_axes=axes)({"x": A, "more": [B.T, A.T]}, B[0]), (A * B).sum(1) + (A * B[0]).sum(1))


def test_axes_of_a_dictionary_match_by_key():
    f = gg.vmap(lambda d: d["a"] * d["b"].sum(), in_axes=({"b": None, "a": 0},))
    same(f({"a": A, "b": B}), A * B.sum())


def test_axes_of_a_named_tuple():
    f = gg.vmap(lambda p: Pair(p.second.sum(), p.first * 2.0), in_axes=(Pair(0, 1),))
    got = f(Pair(A, B.T))
    assert isinstance(got, Pair)
    same(got.first, B.sum(1))
    same(got.second, 2 * A)


def test_arguments_that_are_no_arrays_pass_where_they_are_not_mapped():
    f = gg.vmap(lambda x, how, nothing: getattr(ops, how)(x) if nothing is None else x, in_axes=(0, None, None))
    same(f(A, "sum", None), A.sum(1))


def test_keyword_arguments_are_mapped_over_axis_0():
    same(gg.vmap(lambda x, y: (x * y).sum(), in_axes=0)(A, y=B), (A * B).sum(1))


def test_a_list_is_a_container_and_not_an_array():
    same(gg.vmap(lambda pair: pair[0] * pair[1].sum())([A, B]), A * B.sum(1)[:, None])


def test_tensors_and_integers_are_mapped():
    assert gg.vmap(lambda x: x * 2)(gg.Tensor(np.array([1, 2]))).dtype == np.int64
    same(gg.vmap(lambda x, i: x[i])(A, np.array([2, 0, 1, 1])), A[range(4), [2, 0, 1, 1]])
    same(gg.vmap(ops.getitem, in_axes=(None, 0))(A[0], np.array([2, 0])), A[0, [2, 0]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    assert gg.vmap(lambda x: ops.tanh(x * 2.0 + 1.0).sum())(A.astype(dtype)).dtype == dtype


def test_arrays_in_arrays_out_tensors_in_tensors_out():
    assert type(gg.vmap(ops.sin)(A)) is np.ndarray
    assert type(gg.vmap(ops.sin)(gg.Tensor(A))) is gg.Tensor


def test_an_empty_batch():
    assert gg.vmap(lambda x: ops.softmax(x) @ B.T)(np.zeros((0, 3))).shape == (0, 4)
    assert gg.vmap(lambda x: ops.dropout(x, 1, 2, p=0.5))(np.zeros((0, 3))).shape == (0, 3)


def test_a_module_mapped_over_all_its_parameters():
    # models that differ by example: a batch of parameters in one module
    one = nn.Linear(3, 2, dtype="float64", rng=0)
    scales = np.array([1.0, -2.0, 0.5, 3.0])
    with gg.no_grad():
        many = gg.vmap(lambda s: gg.core.tree.map_tree(lambda p: p * s, one))(scales)
        assert many.weight.shape == (4, 2, 3)
        same(gg.vmap(lambda m, x: m(x))(many, A), one(A).numpy() * scales[:, None])
        same(gg.vmap(lambda m, x: m(x), in_axes=(0, None))(many, A[0]), one(A[0]).numpy() * scales[:, None])


# --- out_axes


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_where_the_mapped_axis_comes_out(axis):
    same(gg.vmap(lambda x: x * 2.0, out_axes=axis)(T), np.moveaxis(2 * T, 0, axis))


def test_an_out_axis_for_each_result():
    f = gg.vmap(lambda x: (x, {"sum": x.sum(), "outer": ops.outer(x, x)}), out_axes=(1, {"sum": 0, "outer": -1}))
    got, more = f(A)
    same(got, A.T)
    same(more["sum"], A.sum(1))
    same(more["outer"], np.einsum("bi,bj->ijb", A, A))


def test_results_that_do_not_depend_on_the_example():
    same(gg.vmap(lambda x: B)(A), np.stack([B] * 4))
    same(gg.vmap(lambda x: 2.0)(A), [2.0] * 4)
    same(gg.vmap(lambda x: (x, B), out_axes=(0, None))(A)[1], B)
    same(gg.vmap(lambda x: B, out_axes=-1)(A), np.stack([B] * 4, axis=-1))
    assert gg.vmap(lambda x: None)(A) is None


def test_results_are_containers_as_the_function_gives_them():
    got = gg.vmap(lambda x: {"a": [x, (x.sum(), Pair(x, None))]})(A)
    assert isinstance(got["a"][1][1], Pair) and got["a"][1][1].second is None


# --- what a function may do inside


def test_a_mapped_value_has_the_shape_of_one_example():
    seen = []
    gg.vmap(lambda x: seen.append((x.shape, x.ndim, x.size, len(x), x.dtype)) or x, in_axes=1)(T)
    assert seen == [((2, 4), 2, 8, 2, np.dtype("float64"))]


def test_python_over_a_mapped_value():
    def f(x):
        first, *others = x
        return first + sum(o * o for o in others) + x[-1] * x[::-1][0] - x[..., None].sum()

    same(gg.vmap(f)(A), rows(lambda x: x[0] + x[1] ** 2 + x[2] ** 2 + x[2] ** 2 - x.sum(), A))


def test_mapped_values_meet_arrays_and_tensors_from_outside():
    w = gg.Tensor(B, requires_grad=True)
    y = gg.vmap(lambda x: (w @ x).sum() + x @ A[0] + (A[0] * x).sum())(A)
    same(y.detach(), (A @ B.T).sum(1) + 2 * A @ A[0])
    y.sum().backward()
    same(w.grad, np.stack([A.sum(0)] * 4))


def test_backward_through_vmap():
    x = gg.Tensor(A, requires_grad=True)
    gg.vmap(lambda x: ops.tanh(x) @ x)(x).sum().backward()
    same(x.grad, np.tanh(A) + A * (1 - np.tanh(A) ** 2))


def test_a_detached_value_is_a_constant_to_backward():
    x = gg.Tensor(A, requires_grad=True)
    gg.vmap(lambda x: (x.detach() * x).sum())(x).sum().backward()
    same(x.grad, A)
    same(gg.vmap(gg.grad(lambda x: (gg.stop_gradient(x) * x).sum()))(A), A)


def test_a_gradient_through_a_choice_between_examples():
    f = gg.vmap(gg.grad(lambda x: ops.where(x > 0, x * x, -x)))
    same(f(np.array([3.0, -2.0])), [6.0, -1.0])


@pytest.mark.parametrize(
    "ask",
    [
        bool,
        float,
        int,
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: 1.0 if x > 0 else 0.0,
        np.asarray,
        lambda i: A[0][i],
    ],
)
def test_a_mapped_value_has_no_single_value(ask):
    with pytest.raises(ArgumentTypeError, match=r"a value inside vmap stands for many.*ops\.where"):
        gg.vmap(lambda x: ask(x) * 1.0)(A[0])


def test_dropout_gives_every_example_the_mask_of_the_function_alone():
    # it is a function of x alone, so its Jacobian is the diagonal of that mask, in both modes
    f = lambda x: ops.dropout(x, np.uint64(1), np.uint64(2), p=0.5)  # noqa: E731
    x = np.arange(1.0, 7.0)
    for mode in ("forward", "reverse"):
        same(gg.jacobian(f, mode=mode)(x), np.diag(f(np.ones(6))))
    same(gg.vmap(gg.grad(lambda x: f(x).sum()))(np.stack([x, -x])), np.stack([f(np.ones(6))] * 2))
    keys = np.array([3, 4], np.uint64)
    each = gg.vmap(gg.grad(lambda x, k: ops.dropout(x, k, np.uint64(2), p=0.5).sum()), in_axes=(None, 0))(x, keys)
    same(each, np.stack([ops.dropout(np.ones(6), k, np.uint64(2), p=0.5) for k in keys]))


# --- errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gg.vmap(ops.add)(A, B[:2]), ShapeError, r"the mapped axes have lengths \[4, 2\]"),
        (lambda: gg.vmap(ops.sin)(1.0), ShapeError, r"in_axes 0 is out of range .* shape \(\); pass None"),
        (lambda: gg.vmap(ops.sin, in_axes=2)(A), ShapeError, r"in_axes 2 is out of range .* \(4, 3\)"),
        (lambda: gg.vmap(ops.sin, in_axes=None)(A), ArgumentError, "in_axes maps no argument"),
        (lambda: gg.vmap(ops.sin, in_axes=(0, 0))(A), ArgumentError, "in_axes has 2 entries for 1 values"),
        (lambda: gg.vmap(ops.sin, in_axes=((0, 0),))(A), ArgumentError, "in_axes has 2 entries for no container"),
        (lambda: gg.vmap(lambda d: d["a"], in_axes=({"b": 0},))({"a": A}), ArgumentError, "in_axes.*'b'"),
        (lambda: gg.vmap(ops.sin, in_axes=("x",))(A), ArgumentError, "in_axes"),
        (lambda: gg.vmap(ops.sin, in_axes=1.0)(A), ArgumentError, "in_axes"),
        (lambda: gg.vmap(ops.sin, out_axes=(0, 0))(A), ArgumentError, "out_axes has 2 entries for no container"),
        (lambda: gg.vmap(ops.sin, out_axes=None)(A), ArgumentError, "out_axes is None for a result that differs"),
        (lambda: gg.vmap(ops.sin, out_axes=2)(A), ShapeError, r"out_axes 2 is out of range .* \(4, 3\)"),
        (lambda: gg.vmap(ops.sin, out_axes=-3)(A), ShapeError, r"out_axes -3 is out of range"),
        (lambda: gg.vmap(lambda x: "text")(A), gg.errors.DTypeError, "expected a float, integer or bool"),
        (lambda: gg.vmap(lambda x: x @ B)(A), ShapeError, "matmul"),
        (lambda: gg.vmap(ops.unique)(A), ArgumentTypeError, "unique: .* differs between the examples of vmap"),
    ],
)
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_wrapper_keeps_the_name():
    def loss(x):
        """Doc."""
        return x

    assert gg.vmap(loss).__name__ == "loss" and gg.vmap(loss).__doc__ == "Doc."
