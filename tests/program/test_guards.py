"""What a program cannot repeat is refused, with the user's line; what has changed around it is noticed."""

import threading
import warnings

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn, ops
from gpugrad.errors import ArgumentError, IndexingError, ShapeError, TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])


def refused(f, *args, line):
    with pytest.raises(TraceError) as caught:
        compile(f)(*args)
    assert f"{__file__}:" in str(caught.value)
    assert f"`{line}`" in str(caught.value)
    return str(caught.value)


def test_python_control_flow_on_a_value():
    def f(x):
        if x.sum() > 0:
            return x
        return -x

    message = refused(f, X, line="if x.sum() > 0:")
    assert "ops.where" in message


def test_a_while_loop_on_a_value():
    def f(x):
        while (x > 1).any():
            x = x / 2
        return x

    refused(f, X, line="while (x > 1).any():")


@pytest.mark.parametrize("ask", [float, int, bool, np.asarray, lambda t: t.item(), lambda t: t.tolist()])
def test_a_value_asked_for(ask):
    def f(x):
        return ask(x.sum())

    with pytest.raises(TraceError, match=r"asks for the value|was kept"):
        compile(f)(X)


def test_a_tensor_asked_for_its_value():
    def f(x):
        return float(x.sum())

    refused(f, Tensor(X), line="return float(x.sum())")


def test_an_index_by_a_mask_whose_result_has_no_fixed_length():
    def f(x):
        return x[x > 0]

    message = refused(f, X, line="return x[x > 0]")
    assert "where" in message


def test_a_leaked_traced_value():
    kept = {}

    class Holder:
        value = None

    def f(x):
        Holder.value = x * 2
        return x

    compile(f)(X)
    with pytest.raises(TraceError, match="kept from inside a compiled function") as caught:
        Holder.value + 1
    assert f"{__file__}:" in str(caught.value) and "Holder.value + 1" in str(caught.value)
    assert not kept


def test_a_value_of_one_trace_in_another():
    class Holder:
        value = None

    def f(x):
        Holder.value = x * 2 if Holder.value is None else Holder.value
        return Holder.value + x

    compile(f)(X)
    with pytest.raises(TraceError, match="kept from inside"):
        compile(f)(X)


def test_a_mutated_list():
    history = []

    def f(x):
        y = x * 2
        history.append(y)
        return y

    with pytest.raises(TraceError, match="changes the list `history`") as caught:
        compile(f)(X)
    assert __file__ in str(caught.value)


def test_a_mutated_list_among_the_arguments():
    def f(x, out):
        out.append(x * 2)
        return x

    with pytest.raises(TraceError, match="changes a list or dictionary among its arguments"):
        compile(f)(X, [])


COUNT = 0


def test_a_variable_that_is_set():
    def f(x):
        global COUNT
        COUNT += 1
        return x * 2

    with pytest.raises(TraceError, match="sets the variable `COUNT`"):
        compile(f)(X)


def test_a_captured_array_that_was_replaced():
    w = Tensor([1.0, 2.0, 3.0])
    f = compile(lambda x: x * w)
    np.testing.assert_array_equal(f(X), X * w.numpy())
    w.data[...] = 5.0  # written where it lies: the same program
    np.testing.assert_array_equal(f(X), X * 5)
    assert f.n_traces == 1
    w.data = np.array([7.0, 8.0, 9.0])
    np.testing.assert_array_equal(f(X), X * w.numpy())
    assert f.n_traces == 2


def test_a_captured_array_given_another_shape_inside():
    w = Tensor([1.0, 2.0, 3.0])

    def f(x):
        w.data = x[:2] * 1
        return x

    with pytest.raises(TraceError, match=r"was given an array of shape \(2,\)"):
        compile(f)(X)
    assert w.shape == (3,)


def test_a_global_array_that_was_replaced(monkeypatch):
    f = compile(lambda x: x + X)
    np.testing.assert_array_equal(f(np.ones(3)), X + 1)
    monkeypatch.setitem(globals(), "X", np.zeros(3))
    np.testing.assert_array_equal(f(np.ones(3)), np.ones(3))
    assert f.n_traces == 2


def test_a_variable_of_the_closure_that_changed():
    scale = 2.0
    f = compile(lambda x: x * scale)
    np.testing.assert_array_equal(f(X), X * 2)
    scale = 3.0
    np.testing.assert_array_equal(f(X), X * 3)
    assert f.n_traces == 2


def test_a_list_of_the_closure_that_changed():
    layers = [ops.tanh]

    def f(x):
        for layer in layers:
            x = layer(x)
        return x

    compiled = compile(f)
    np.testing.assert_array_equal(compiled(X), np.tanh(X))
    layers.append(ops.sin)
    np.testing.assert_array_equal(compiled(X), np.sin(np.tanh(X)))


def test_a_tensor_that_becomes_part_of_a_recording():
    w, t = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([0.0, 0.0, 0.0])

    def f(x):
        t_inside = t
        t_inside += w * x
        return x

    with pytest.raises(TraceError, match="became part of a recording"):
        compile(f)(X)
    assert t.tolist() == [0.0, 0.0, 0.0] and t.node is None


def test_a_failed_trace_leaves_no_trace():
    model = nn.Linear(3, 2, rng=0)
    optimizer = gg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        return float(loss)

    before = model.state_dict()
    with pytest.raises(TraceError, match=r"float\(\)"):
        compile(step)(np.ones((4, 3), "f4"))
    after = model.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)
    assert model.weight.grad is None
    assert optimizer.state_dict()["state"] == [{}, {}]
    step(np.ones((4, 3), "f4"))  # eager still works, from where it was
    assert optimizer.state_dict()["state"][0]["step"] == 1


def test_fallback_runs_eagerly_with_one_warning():
    def f(x):
        return x if x.sum() > 0 else -x

    compiled = compile(f, fallback=True)
    with pytest.warns(RuntimeWarning, match=r"(?s)if, while.*running without a program"):
        np.testing.assert_array_equal(compiled(X), X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(compiled(-X), X)


def test_errors_of_the_function_itself_come_through():
    with pytest.raises(ShapeError, match="add"):
        compile(lambda x: x + Tensor([1.0, 2.0]))(X)


def test_a_label_out_of_range_is_found_in_every_call():
    step = compile(lambda z, y: nn.cross_entropy(z, y))
    z = np.zeros((2, 3))
    step(z, np.array([0, 2]))
    step(z, np.array([1, 1]))
    with pytest.raises(IndexingError, match="there are 3 classes"):
        step(z, np.array([0, 3]))


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


@pytest.mark.parametrize("options", [{"passes": ["fuze"]}, {"executor": "gpu9"}, {"max_programs": 0}])
def test_wrong_options(options):
    with pytest.raises(ArgumentError, match=r"expected"):
        compile(lambda x: x, **options)


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
