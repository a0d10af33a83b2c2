"""grad, value_and_grad, vjp and jvp: which arguments, which containers, what comes out, what is refused."""

import itertools
from collections import namedtuple

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.tree import flatten, map_tree, register_node
from gpugrad.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

Point = namedtuple("Point", "x y")
A, B = np.array([1.0, 2.0]), np.array([3.0, 4.0])


def product(a, b):
    return (a * b).sum()


# --- grad and value_and_grad


def test_the_first_argument_by_default():
    value, g = gg.value_and_grad(product)(A, B)
    assert float(value) == 11.0 and g.tolist() == [3.0, 4.0]  # 1*3 + 2*4; d/da = b
    assert gg.grad(product)(A, B).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(("argnums", "expected"), [(1, A), (-1, A), (0, B), (-2, B)])
def test_one_argument_by_number(argnums, expected):
    assert gg.grad(product, argnums)(A, B).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("argnums", "expected"), [((0, 1), (B, A)), ([1, 0], (A, B)), ((1,), (A,)), ((-1, -2), (A, B))]
)
def test_several_arguments_give_a_tuple_in_the_order_asked(argnums, expected):
    got = gg.grad(product, argnums)(A, B)
    assert type(got) is tuple and [g.tolist() for g in got] == [e.tolist() for e in expected]


def test_arguments_out_of_range_are_named():
    for wrong in (2, -3, (0, 5)):
        with pytest.raises(ArgumentError, match=r"argnums -?\d is out of range.*2 positional arguments"):
            gg.grad(product, wrong)(A, B)


def test_keyword_arguments_pass_through():
    def f(x, *, scale, shift=0.0):
        return (x * scale + shift).sum()

    assert gg.grad(f)(A, scale=3.0).tolist() == [3.0, 3.0]
    assert float(gg.value_and_grad(f)(A, scale=3.0, shift=1.0)[0]) == 11.0  # 3 * (1 + 2) + 2 * 1


def test_aux_comes_back_lowered():
    def f(x):
        h = x * x
        return h.sum(), {"h": h, "n": 2, "none": None}

    (value, aux), g = gg.value_and_grad(f, has_aux=True)(A)
    assert float(value) == 5.0 and g.tolist() == [2.0, 4.0]
    assert type(aux["h"]) is np.ndarray and aux["h"].tolist() == [1.0, 4.0] and aux["n"] == 2 and aux["none"] is None
    g, aux = gg.grad(f, has_aux=True)(A)
    assert g.tolist() == [2.0, 4.0] and aux["h"].tolist() == [1.0, 4.0]
    y, pull, aux = gg.vjp(f, A, has_aux=True)
    assert float(y) == 5.0 and pull(1.0)[0].tolist() == [2.0, 4.0] and aux["n"] == 2
    y, t, aux = gg.jvp(f, (A,), (B,), has_aux=True)
    assert float(t) == 22.0 and aux["h"].tolist() == [1.0, 4.0]  # 2*1*3 + 2*2*4
    for call in (lambda: gg.grad(product, has_aux=True)(A, B), lambda: gg.jvp(product, (A, B), (A, B), has_aux=True)):
        with pytest.raises(ArgumentTypeError, match=r"has_aux=True expects .*\(value, aux\)"):
            call()


def test_the_gradient_has_the_structure_of_the_argument():
    def f(p):
        return (p["w"] * p["layers"][0]).sum() + p["point"].x * p["point"].y * p["layers"][1][0].sum()

    p = {"w": A, "layers": [B, (np.array([2.0]),)], "point": Point(5.0, 7.0), "none": None}
    value, g = gg.value_and_grad(f)(p)
    assert float(value) == 11.0 + 5 * 7 * 2
    assert g["w"].tolist() == B.tolist() and g["layers"][0].tolist() == A.tolist()
    assert type(g["layers"]) is list and type(g["layers"][1]) is tuple and g["layers"][1][0].tolist() == [35.0]
    assert type(g["point"]) is Point and float(g["point"].x) == 14.0 and float(g["point"].y) == 10.0
    assert list(g) == list(p) and g["none"] is None


def test_an_argument_that_does_not_matter_gets_zeros():
    g = gg.grad(lambda p: (p[0] * 2.0).sum())([A, np.ones((2, 3), np.float32)])
    assert g[1].shape == (2, 3) and g[1].dtype == np.float32 and not g[1].any()
    assert gg.grad(lambda x: 3.0)(A).tolist() == [0.0, 0.0]
    assert gg.grad(lambda x: np.float64(3.0))(A).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_have_the_dtype_of_their_arguments(dtype):
    x = np.array([1.0, 2.0], dtype)
    g, h = gg.grad(lambda x, w: (x * w).sum(), (0, 1))(x, np.array([3.0, 4.0]))
    assert g.dtype == dtype and h.dtype == np.float64
    assert g.tolist() == [3.0, 4.0] and h.tolist() == [1.0, 2.0]


def test_tensors_in_tensors_out_arrays_in_arrays_out():
    assert type(gg.grad(product)(A, B)) is np.ndarray
    g = gg.grad(product)(gg.Tensor(A), B)
    assert isinstance(g, gg.Tensor) and not g.requires_grad


@pytest.mark.parametrize("wrong", [2, np.arange(3), np.array([True]), gg.Tensor([1, 2])])
def test_integers_have_no_gradient_and_the_message_says_how(wrong):
    calls = [lambda: gg.grad(lambda x: (x * 1.0).sum())(wrong), lambda: gg.jvp(lambda x: x * 1.0, (wrong,), (1.0,))]
    for call in calls:
        with pytest.raises(DTypeError, match=r"dtype (int64|bool), which carries no gradient.*2\.0 rather than 2"):
            call()


@pytest.mark.parametrize("value", [A, (A, A), [1.0], {"loss": 1.0}])
def test_a_value_that_is_no_scalar_is_refused(value):
    with pytest.raises(ShapeError, match=r"the function returned .*expected one number.*\.sum\(\)"):
        gg.grad(lambda x: value)(A)
    with pytest.raises(ShapeError, match=r"an array of shape \(2,\)"):
        gg.grad(lambda x: x * x)(A)


def test_the_wrapper_keeps_the_name():
    assert gg.grad(product).__name__ == "product" and gg.value_and_grad(product).__wrapped__ is product


def test_a_function_that_returns_its_argument():
    assert float(gg.grad(lambda x: x)(2.0)) == 1.0
    y, pull = gg.vjp(lambda x: (x, x), A)
    assert [v.tolist() for v in y] == [[1.0, 2.0]] * 2
    assert pull((A, B))[0].tolist() == [4.0, 6.0]


# --- vjp


def test_vjp_gives_one_cotangent_for_each_primal():
    y, pull = gg.vjp(lambda a, b: a * b, A, B)
    assert y.tolist() == [3.0, 8.0]
    assert [g.tolist() for g in pull(np.array([1.0, 10.0]))] == [[3.0, 40.0], [1.0, 20.0]]


def test_pull_may_be_called_again():
    _, pull = gg.vjp(ops.tanh, A)
    first, second = pull(np.ones(2)), pull(2 * np.ones(2))
    np.testing.assert_allclose(second[0], 2 * first[0], rtol=1e-15)
    np.testing.assert_allclose(first[0], 1 - np.tanh(A) ** 2, rtol=1e-12)


def test_nested_outputs_take_nested_cotangents():
    y, pull = gg.vjp(lambda x: {"a": x * 2.0, "b": (x * x, None)}, A)
    assert y["a"].tolist() == [2.0, 4.0] and y["b"][0].tolist() == [1.0, 4.0] and y["b"][1] is None
    (g,) = pull({"a": np.ones(2), "b": (np.array([0.0, 1.0]), None)})
    assert g.tolist() == [2.0, 6.0]  # 2, and 2 + 2 * 2


def test_dictionaries_match_by_key_not_by_order():
    y, pull = gg.vjp(lambda x: {"a": x * 2.0, "b": x * 3.0}, A)
    assert list(y) == ["a", "b"]
    assert pull({"b": np.zeros(2), "a": np.ones(2)})[0].tolist() == [2.0, 2.0]
    p, t = {"a": A, "b": B}, {"b": np.zeros(2), "a": np.ones(2)}
    assert gg.jvp(lambda p: p["a"] * p["b"], (p,), (t,))[1].tolist() == B.tolist()
    assert map_tree(lambda x, y: (x, y), {"a": 1, "b": 2}, {"b": 20, "a": 10}) == {"a": (1, 10), "b": (2, 20)}


def test_a_dictionary_with_other_keys_is_refused():
    p = {"a": A, "b": B}
    with pytest.raises(ArgumentTypeError, match=r"'c'"):
        gg.jvp(lambda p: p["a"] * p["b"], (p,), ({"a": A, "c": A},))
    with pytest.raises(ArgumentTypeError, match=r"'c'"):
        map_tree(lambda x, y: x, p, {"a": 1, "c": 2})


def test_cotangents_that_do_not_fit_are_refused():
    _, pull = gg.vjp(lambda a, b: a * b, A, B)
    with pytest.raises(ShapeError, match=r"vector of shape \(3,\); expected \(2,\)"):
        pull(np.ones(3))
    with pytest.raises(ArgumentTypeError, match="got 2 arrays; expected 1"):
        pull((A, B))
    with pytest.raises(DTypeError, match="complex"):
        pull(np.ones(2) * 1j)


def test_a_cotangent_takes_the_dtype_of_its_output():
    _, pull = gg.vjp(lambda x: x * x, A.astype(np.float32))
    (g,) = pull(np.array([1, 2]))
    assert g.dtype == np.float32 and g.tolist() == [2.0, 8.0]


def test_outputs_that_do_not_depend_are_constants():
    y, pull = gg.vjp(lambda x: (x * 2.0, 5.0, np.arange(2)), A)
    assert y[1].tolist() == 5.0 and y[2].tolist() == [0, 1]
    assert pull((np.ones(2), 1.0, np.ones(2)))[0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("make", [np.array, gg.Tensor], ids=["array", "tensor"])
@pytest.mark.parametrize(
    "f",
    [lambda a, b: a + b, lambda a, b: a, lambda a, b: (a.sum() + b.sum()) * np.ones(2), lambda a, b: a * b],
    ids=["add", "first", "sums", "multiply"],
)
def test_gradients_own_their_memory(f, make):
    a, b, g = make([1.0, 2.0]), make([3.0, 4.0]), make([1.0, 1.0])
    _, pull = gg.vjp(f, a, b)
    got = [*pull(g), *pull(g)]
    arrays = [x.data if isinstance(x, gg.Tensor) else x for x in (a, b, g, *got)]
    for one, other in itertools.combinations(arrays, 2):
        assert not np.shares_memory(one, other)
    assert all(x.flags.writeable for x in arrays)


# --- jvp


def test_jvp_pushes_a_tangent():
    # d(ab) = da b + a db
    y, t = gg.jvp(lambda a, b: a * b, (A, B), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    assert y.tolist() == [3.0, 8.0] and t.tolist() == [3.0, 2.0]


def test_nested_tangents_and_outputs():
    y, t = gg.jvp(lambda p: {"s": p["a"] + p["b"][0], "c": 1.0}, ({"a": A, "b": (B,)},), ({"a": B, "b": (A,)},))
    assert y["s"].tolist() == [4.0, 6.0] and t["s"].tolist() == [4.0, 6.0] and t["c"].tolist() == 0.0


def test_an_output_without_dependence_has_a_zero_tangent_of_its_shape_and_dtype():
    _, t = gg.jvp(lambda x: (x * 1.0, np.ones((2, 3), np.float32)), (A,), (B,))
    assert t[1].shape == (2, 3) and t[1].dtype == np.float32 and not t[1].any()


def test_tangents_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"jvp: got a vector of shape \(3,\); expected \(2,\)"):
        gg.jvp(product, (A, B), (np.ones(3), B))
    with pytest.raises(ArgumentTypeError, match="got 1 arrays; expected 2"):
        gg.jvp(product, (A, B), (A,))


def test_a_tangent_takes_the_dtype_and_shape_of_the_output():
    y, t = gg.jvp(lambda x, w: x * w, (np.float32(2.0), A), (1, np.zeros(2)))
    assert t.dtype == y.dtype and t.tolist() == [1.0, 2.0]
    y, t = gg.jvp(lambda x: x + np.zeros((2, 2)), (A,), (B,))
    assert t.tolist() == [B.tolist()] * 2


# --- containers


def test_flatten_and_back():
    tree = {"b": [1, (2, None)], "a": Point(3, 4)}
    leaves, unflatten = flatten(tree)
    assert sorted(leaves) == [1, 2, 3, 4]
    assert unflatten(leaves) == tree and type(unflatten(leaves)["a"]) is Point and list(unflatten(leaves)) == ["b", "a"]
    assert unflatten([10 * x for x in leaves]) == {"b": [10, (20, None)], "a": Point(30, 40)}


def test_keys_of_several_types_are_no_obstacle():
    leaves, unflatten = flatten({1: "one", "a": "letter", (0,): "tuple"})
    assert unflatten(leaves) == {1: "one", "a": "letter", (0,): "tuple"}


def test_a_class_can_register_itself():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    register_node(Pair, lambda p: ([p.a, p.b], lambda c: Pair(*c)))
    g = gg.grad(lambda p: (p.a * p.b).sum())(Pair(A, B))
    assert type(g) is Pair and g.a.tolist() == B.tolist() and g.b.tolist() == A.tolist()


def test_trees_of_other_sizes_are_refused():
    with pytest.raises(ArgumentTypeError, match="2 leaves"):
        map_tree(lambda x, y: x, [1, 2], [1])
