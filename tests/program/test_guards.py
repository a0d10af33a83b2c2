"""What a program cannot repeat is refused, with the user's line, and nothing has changed."""

import warnings

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, nn
from gpugrad.errors import IndexingError, ShapeError, TraceError
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


def test_an_array_of_numpys_indexed_by_an_argument():
    def f(i):
        return X[i]

    message = refused(f, np.array([0, 2]), line="return X[i]")
    assert "indexed by it (make that a Tensor)" in message


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


def test_a_captured_array_given_another_shape_inside():
    w = Tensor([1.0, 2.0, 3.0])

    def f(x):
        w.data = x[:2] * 1
        return x

    with pytest.raises(TraceError, match=r"was given an array of shape \(2,\)"):
        compile(f)(X)
    assert w.shape == (3,)


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


def test_a_refusal_that_the_function_catches():
    def f(x):
        try:
            if x.sum() > 0:
                return x * 2
        except Exception:
            pass
        return x * 3

    refused(f, X, line="if x.sum() > 0:")


def test_a_refusal_that_numpy_turns_into_another_error():
    def f(x):
        y = np.zeros(3)
        y[1] = x[1]
        return y

    refused(f, X, line="y[1] = x[1]")
    with pytest.warns(RuntimeWarning, match="running without a program"):
        np.testing.assert_array_equal(compile(f, fallback=True)(X), [0, -2, 0])


def test_a_value_in_a_format():
    def f(x):
        return f"{x.sum():.2f}"

    refused(f, X, line='return f"{x.sum():.2f}"')


def test_a_write_into_an_array_of_numpys_own():
    def f(x):
        y = np.zeros(3)
        y += x
        return y

    refused(f, X, line="y += x")


def test_what_numpy_asks_an_array_is_asked_of_its_own_type():
    f = compile(lambda x: x * 2 if isinstance(x, np.ndarray) and not hasattr(x, "numpy") else x * 3)
    np.testing.assert_array_equal(f(X), X * 2)


def test_a_view_of_what_was_written_since():
    """In eager execution it shows what is there now; a program knows what was there when the view was taken."""
    w = gg.Tensor(np.arange(6.0))
    v = gg.Tensor(np.arange(6.0).reshape(2, 3))

    @gg.compile
    def backwards(x):
        seen = w[::-1]
        w.data[...] = x
        return seen * 2

    @gg.compile
    def deeper(x):
        seen = v.data.T[1:]
        v.data[0] = x
        return seen + 1

    @gg.compile
    def returned(x):
        seen = w.data[2:]
        w.data += x
        return seen

    for f, x in ((backwards, np.ones(6)), (deeper, np.ones(3)), (returned, np.ones(6))):
        before = w.numpy().copy(), v.numpy().copy()
        with pytest.raises(TraceError, match=r"a view of shape \(.*written since the view was taken, at .*test_guards"):
            f(x)
        np.testing.assert_array_equal(w.numpy(), before[0])
        np.testing.assert_array_equal(v.numpy(), before[1])


def test_views_that_are_current_may_be_used():
    """What was written lies elsewhere, or was written through the view, or the view was taken after it."""
    memory = np.zeros((4, 4))
    w = gg.Tensor(memory)

    def step(x):
        columns = [w.data[:, i] for i in range(4)]
        for i, column in enumerate(columns):
            column += x * (i + 1)
        top, copied = w.data[0], w.data[1].copy()
        w.data[1] = top + columns[3][0]
        w.data[2, 1:] = copied[1:]
        left = w.data[2, :1] * 2
        after = w.data[1:] * 1
        return left, after, top[0] * 2

    compiled = gg.compile(step)
    expected_memory = memory.copy()
    for _ in range(3):
        x = np.arange(4.0)
        got = compiled(x)
        w, here = gg.Tensor(expected_memory), w
        expected = step(x)
        w = here
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(memory, expected_memory)
