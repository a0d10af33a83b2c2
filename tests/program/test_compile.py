"""The calls of a compiled function: which program runs, what goes in and what comes out."""

import asyncio
import collections
import copy
import inspect
import pickle
import threading

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops
from gpugrad.errors import ArgumentError, ArgumentTypeError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])


def test_a_static_argument_is_part_of_the_key():
    f = compile(lambda x, n, name: x * n if name == "times" else x + n)
    for _ in range(2):
        np.testing.assert_array_equal(f(X, 2, "times"), X * 2)
        np.testing.assert_array_equal(f(X, 3, "times"), X * 3)
        np.testing.assert_array_equal(f(X, 3, name="plus"), X + 3)
        np.testing.assert_array_equal(f(X, 2.0, "times"), X * 2)
    assert f.n_traces == 4


def test_shape_dtype_and_kind_are_part_of_the_key():
    f = compile(lambda x: x * 2)
    for x in (X, X[:2], X.astype("f4"), Tensor(X), {"a": X}["a"]):
        got = f(x)
        assert type(got) is type(x) and got.dtype == x.dtype and got.shape == x.shape
    assert f.n_traces == 4


def test_nests_of_arguments():
    f = compile(lambda batch: {"sum": batch["x"] + batch["y"][0], "pair": (batch["x"], batch["y"][1])})
    for _ in range(2):
        got = f({"x": X, "y": [X * 2, X * 3]})
        np.testing.assert_array_equal(got["sum"], X * 3)
        np.testing.assert_array_equal(got["pair"][1], X * 3)
    assert f.n_traces == 1


@pytest.mark.parametrize("executor", ["numpy", "list"])
def test_rows_of_an_argument_or_of_a_tensor_around_by_an_index_among_the_arguments(executor):
    around = Tensor(np.arange(12.0).reshape(4, 3))
    f = compile(lambda x, i: (x[i], around[i, 1:], around[i, i]), executor=executor)
    for i in (np.array([0, 2]), np.array([3, 1])):
        for got, expected in zip(f(X, i % 3), (X[i % 3], around[i % 3, 1:], around[i % 3, i % 3]), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert f.n_traces == 1


def test_results_are_new_arrays_in_every_call():
    f = compile(lambda x: (x * 2, x, x.reshape(3, 1)))
    f(X)
    first, second = f(X), f(X + 1)
    np.testing.assert_array_equal(first[0], X * 2)
    second[1][...] = 0
    second[2][...] = 0
    assert not np.shares_memory(first[0], second[0])
    np.testing.assert_array_equal(X, [1.0, -2.0, 3.0])


def test_the_oldest_program_is_let_go():
    f = compile(lambda x: x * 2, max_programs=2)
    for n in (1, 2, 3, 1):
        f(np.ones(n))
    assert f.n_traces == 4
    f(np.ones(3))
    assert f.n_traces == 4
    assert f.explain().count("for float64") == 2


def test_a_function_traced_in_every_call_warns():
    f = compile(lambda x, n: x * n, max_programs=1)
    with pytest.warns(RuntimeWarning, match="traced 4 times"):
        for n in range(4):
            f(X, n)


def test_inside_a_transform_or_another_compiled_function_it_is_part_of_that():
    f = compile(lambda x: (ops.tanh(x) * x).sum())
    g = compile(gg.grad(lambda x: f(x) * 2))
    expected = gg.grad(lambda x: (ops.tanh(x) * x).sum() * 2)(X)
    for _ in range(2):
        np.testing.assert_array_equal(gg.grad(f)(X) * 2, expected)
        np.testing.assert_array_equal(g(X), expected)


def test_other_threads_compute_as_ever_while_one_traces():
    results, inside, done = [], threading.Event(), threading.Event()

    def other():
        inside.wait(10)
        t = Tensor(X, requires_grad=True)
        (t * t).sum().backward()
        results.append(t.grad.numpy())
        done.set()

    def f(x):
        inside.set()
        done.wait(10)
        return x * 2

    thread = threading.Thread(target=other)
    thread.start()
    np.testing.assert_array_equal(compile(f)(X), X * 2)
    thread.join()
    np.testing.assert_array_equal(results[0], 2 * X)


@pytest.mark.parametrize(
    "options",
    [{"passes": ["fuze"]}, {"passes": 3}, {"passes": [["fold"]]}, {"executor": "gpu9"}, {"max_programs": 0}],
)
def test_wrong_options(options):
    with pytest.raises(ArgumentError, match=r"expected"):
        compile(lambda x: x, **options)


@pytest.mark.parametrize("number", ["8", None, 2.5])
def test_a_number_of_programs_is_an_int(number):
    with pytest.raises(ArgumentTypeError, match=f"compile: max_programs is {number!r}; expected an int"):
        compile(lambda x: x, max_programs=number)


def test_what_is_no_function():
    with pytest.raises(ArgumentError, match="f is a float"):
        compile(3.0)


def test_as_a_decorator_and_on_methods():
    class Scaler:
        factor = Tensor([2.0, 2.0, 2.0])

        @compile
        def scaled(self, x):
            """Scaled."""
            return x * self.factor

    s = Scaler()
    np.testing.assert_array_equal(s.scaled(X), X * 2)
    np.testing.assert_array_equal(s.scaled(X), X * 2)
    assert Scaler.scaled.__doc__ == "Scaled." and Scaler.scaled.n_traces == 1
    assert s.scaled.n_traces == 1 and "multiply" in s.scaled.explain()
    assert [*inspect.signature(s.scaled).parameters] == ["x"]


@compile
def doubled(x):
    return x * 2


def tripled(x):
    return x * 3


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_have_the_options_and_no_programs(again):
    f = compile(tripled, fallback=True, max_programs=3, passes=["fold"], executor="list")
    f(X)
    g = again(f)
    assert g is not f and g.n_traces == 0 and g.__getstate__() == f.__getstate__() and g.__name__ == "tripled"
    np.testing.assert_array_equal(g(X), X * 3)
    assert (f.n_traces, g.n_traces) == (1, 1)
    assert again(doubled) is doubled


def test_a_deep_copy_of_a_model_with_a_compiled_method_computes_with_its_own_weights():
    class Model(nn.Module):
        def __init__(self):
            self.w = Tensor([2.0, 2.0, 2.0], requires_grad=True)
            self.fast = compile(self.forward)

        def forward(self, x):
            return x * self.w

    model = Model()
    model.fast(X)
    other = copy.deepcopy(model)
    with gg.no_grad():
        other.w.data[...] = 5.0
    np.testing.assert_array_equal(other.fast(X).numpy(), X * 5)
    np.testing.assert_array_equal(model.fast(X).numpy(), X * 2)


def test_zeros_of_both_signs_are_two_static_arguments():
    f = compile(lambda x, s: x * s)
    assert [bool(np.signbit(f(np.ones(1), s)[0])) for s in (0.0, -0.0, 0.0)] == [False, True, False]


def test_defaults_names_and_numbers_of_arguments():
    def f(x, *more, k=2.0, **named):
        return x * k + sum(more) + sum(named.values())

    compiled = compile(f)
    for args, names in [
        ((X,), {}),
        ((X, X), {}),
        ((X,), {"k": 3.0}),
        ((X,), {"k": X}),
        ((X,), {"z": X}),
        ((X, X, X), {}),
    ]:
        for _ in range(2):
            np.testing.assert_array_equal(compiled(*args, **names), f(*args, **names))


def test_dictionaries_and_named_tuples_keep_their_kind():
    Pair = collections.namedtuple("Pair", "x y")
    f = compile(lambda nest: (type(nest).__name__, nest))
    for nest in (collections.OrderedDict(a=X), collections.defaultdict(list, a=X), {"a": X}, Pair(X, X * 2)):
        for _ in range(2):
            name, got = f(nest)
            assert name == type(nest).__name__ == type(got).__name__


def arrays():
    base = np.arange(24.0).reshape(4, 6)
    fixed = base.copy()
    fixed.flags.writeable = False
    crooked = np.zeros(25, np.uint8)[1:].view("f8")
    crooked[...] = X
    return {
        "strides": base[::2, ::3],
        "transposed": base.T,
        "backwards": base[:, ::-1],
        "broadcast": np.broadcast_to(X, (4, 3)),
        "read only": fixed,
        "no rows": np.zeros((0, 3)),
        "scalar": np.float64(3),
        "float32 scalar": np.float32(3),
        "0-d": np.array(3.0),
        "swapped": base.astype(">f8"),
        "half": base.astype("f2"),
        "crooked": crooked,
        "integers": np.arange(4),
    }


@pytest.mark.parametrize("executor", ["numpy", "list"])
@pytest.mark.parametrize("kind", arrays())
def test_arrays_of_every_kind(kind, executor):
    x = arrays()[kind]
    f = compile(lambda x: (ops.exp(-ops.abs(x)), x.sum(), x * 2, x.reshape(-1)), executor=executor)
    for array in (x, x * 1 + 1):
        for got, expected in zip(f(array), f.__wrapped__(array), strict=True):
            assert (type(got), got.dtype) == (type(expected), expected.dtype)
            np.testing.assert_array_equal(got, expected)


def test_constant_results_are_new_arrays_too():
    f = compile(lambda x: (x, np.zeros(3)))
    for _ in range(3):
        zeros = f(X)[1]
        np.testing.assert_array_equal(zeros, np.zeros(3))
        zeros += 1


def test_a_tensor_from_outside_is_returned_itself():
    w, v = Tensor(X.copy(), requires_grad=True), Tensor(X.copy())
    f = compile(lambda x: (w, v, x))
    for _ in range(2):
        assert f(X)[0] is w and f(X)[1] is v


def test_generators_and_coroutines():
    def several(x):
        yield x * 2

    async def later(x):
        return x * 2

    async def in_turn(x):
        yield x * 2

    assert inspect.iscoroutinefunction(later) and asyncio.run(later(1)) == 2 and list(several(1)) == [2]
    for f in (several, later, in_turn):
        with pytest.raises(ArgumentError, match="generator or coroutine"):
            compile(f)
