"""The variables around a compiled function: what has changed is noticed, what the function would change is refused."""

import numpy as np
import pytest

from gpugrad import Tensor, nn, ops, optim
from gpugrad.errors import TraceError
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])
COUNT = 0
SCALE = 2.0


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


def test_the_variable_for_which_a_function_is_traced_again_and_again_is_named():
    epoch, scale = 0, 2.0
    f = compile(lambda x: x * epoch * scale, max_programs=1)
    with pytest.warns(RuntimeWarning, match="traced 4 times; .* among the arguments and not `epoch`, and") as caught:
        for epoch in range(4):
            np.testing.assert_array_equal(f(X), X * epoch * scale)
    assert len(caught) == 1


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


class Mine(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(3, 3, rng=0)
        self.layers = [nn.Linear(3, 3, rng=1)]
        self.act = nn.LeakyReLU(0.1)
        self.drop = nn.Dropout(0.5, rng=0)
        self.calls = 0

    def forward(self, x):
        for layer in (self.layer, *self.layers):
            x = self.act(layer(x))
        return self.drop(x) * SCALE


PARTS = {
    "number": lambda m: setattr(m.act, "negative_slope", 0.7),
    "chance": lambda m: setattr(m.drop, "p", 0.0),
    "parameter": lambda m: setattr(m.layer, "weight", Tensor(np.eye(3, dtype="f4"), requires_grad=True)),
    "layer": lambda m: setattr(m, "layer", nn.Linear(3, 3, rng=5)),
    "list of layers": lambda m: m.layers.append(nn.Linear(3, 3, rng=6)),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_module_that_changed(part):
    model, twin = Mine(), Mine()
    compiled = compile(lambda x: model(x).detach())
    x = X.astype("f4")[None]
    for change in (lambda m: None, lambda m: None, PARTS[part], lambda m: m.eval().train()):
        for m in (model, twin):
            change(m)
        np.testing.assert_array_equal(compiled(x), twin(x).detach())
    assert compiled.n_traces == 2


def test_a_global_that_the_forward_of_a_module_names(monkeypatch):
    model = Mine().eval()
    compiled, x = compile(lambda x: model(x).detach()), X.astype("f4")[None]
    before = compiled(x).numpy()
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    np.testing.assert_array_equal(compiled(x), before * 2)


def test_a_module_that_counts_its_calls():
    class Counting(Mine):
        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    model = Counting()
    with pytest.raises(TraceError, match=r"sets the attribute `Counting\.calls`"):
        compile(lambda x: model(x))(X.astype("f4")[None])


def test_an_array_around_it_that_is_written():
    total = np.zeros(3)

    def f(x):
        total[0] += 1
        return x + total

    with pytest.raises(TraceError, match="writes into the array `total`"):
        compile(f)(X)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("draw", [lambda: RNG.standard_normal(3), lambda: np.random.standard_normal(3)])
def test_random_numbers_of_numpys(draw):
    with pytest.raises(TraceError, match="draws random numbers from"):
        compile(lambda x: x + draw())(X)


def gradient_of_a_product():
    """A tensor, and the compiled function of x that makes x its gradient."""
    w = Tensor(X.copy(), requires_grad=True)

    @compile
    def f(x):
        w.grad = None
        (w * x).sum().backward()

    return w, f


def test_a_hook_that_was_added_or_removed():
    w, f = gradient_of_a_product()
    f(X)
    handle = w.register_hook(lambda g: g * 2)
    f(X)
    np.testing.assert_array_equal(w.grad, 2 * X)
    handle.remove()
    f(X)
    np.testing.assert_array_equal(w.grad, X)


def test_a_parameter_group_that_was_added():
    w, v = (Tensor(X.copy(), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([w], lr=0.5)

    @compile
    def f():
        w.grad = v.grad = None
        (w * w + v * v).sum().backward()
        optimizer.step()

    f()
    optimizer.add_param_group({"params": [v], "lr": 0.25})
    f()
    np.testing.assert_array_equal(v.data, X / 2)


def test_a_gradient_whose_array_was_replaced_is_written_anew():
    w, f = gradient_of_a_product()
    f(X)
    w.grad.data = w.grad.data * 7
    f(2 * X)
    np.testing.assert_array_equal(w.grad, 2 * X)
