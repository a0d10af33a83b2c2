"""Attributes and globals that change around a compiled function and that it does not read: no new program."""

import functools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.program import compile

X = np.array([1.0, -2.0, 3.0])
mean = 0  # as a script calls them: functions around it name attributes so, and not these
step = 0


class Trainer:
    """With a counter named as a method that the function calls, and a list that grows."""

    def __init__(self):
        self.step, self.losses, self.scale = 0, [], 2.0
        self.owner = Owner()

    def loss(self, x):
        self.owner.step()
        return (x * self.scale).sum()


class Owner:
    def step(self):
        """As of an optimizer."""


class Net(nn.Module):
    """With state of its own beside its layers."""

    def __init__(self):
        self.layer = nn.Linear(3, 3, rng=0)
        self.layers = [nn.Linear(3, 3, rng=1)]
        self.epoch, self.losses, self.scale = 0, [], 2.0

    def forward(self, x):
        return self.layers[0](self.layer(x)) * self.scale


class Slotted:
    __slots__ = ("n", "scale")

    def __init__(self):
        self.n, self.scale = 0, 2.0

    def loss(self, x):
        return x * self.scale


def count_trainer(t):
    t.step += 1
    t.losses.append(float(t.step))


def count_net(net):
    net.epoch += 1
    net.losses.append(float(net.epoch))


def count_slots(s):
    s.n += 1


MODELS = {
    "trainer": (Trainer, lambda t: compile(t.loss), count_trainer),
    "trainer as an argument": (Trainer, lambda t: functools.partial(compile(Trainer.loss), t), count_trainer),
    "module": (Net, lambda net: compile(lambda x: net(x).detach()), count_net),
    "copy of a module": (Net, lambda net: compile(gg.grad(lambda x: net(x).sum())), count_net),
    "slots": (Slotted, lambda s: compile(s.loss), count_slots),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_not_read_may_change(name):
    make, compiled, count = MODELS[name]
    model = make()
    f, x = compiled(model), X.astype("f4")
    program = getattr(f, "func", f)
    f(x)
    for _ in range(3):
        count(model)
        before = np.array(gg.core.tensor.raw(f(x)))
    assert program.n_traces == 1
    model.scale = 3.0
    np.testing.assert_allclose(gg.core.tensor.raw(f(x)), before * 1.5, rtol=1e-6)
    assert program.n_traces == 2


def test_globals_named_as_attributes_may_change():
    owner = Owner()

    @compile
    def f(x):
        owner.step()
        return x.mean()

    for _ in range(3):
        globals()["mean"] += 1
        globals()["step"] += 1
        assert f(X) == X.mean()
    assert f.n_traces == 1


def test_an_attribute_that_only_a_copy_of_a_module_is_asked_for():
    net = Net()
    f = compile(lambda x: [g.data for g in gg.grad(lambda m: m(x).sum())(net).parameters()])
    x = X.astype("f4")
    with gg.no_grad():
        before = f(x)[0]
        net.scale = 4.0
        np.testing.assert_allclose(f(x)[0], before * 2, rtol=1e-6)


@pytest.mark.parametrize("ask", [lambda o: sum(vars(o).values()), lambda o: getattr(o, "".join(["a", "1"]))])
def test_attributes_that_are_read_without_being_named(ask):
    class Options:
        def __init__(self):
            self.a1 = 2.0

    options = Options()
    f = compile(lambda x: x * ask(options))
    np.testing.assert_array_equal(f(X), X * 2)
    options.a1 = 3.0
    np.testing.assert_array_equal(f(X), X * 3)


def test_a_class_is_left_as_it_was():
    class Own:
        k = 2.0

        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

    class Derived(Own):
        pass

    before, o = Own.__getattribute__, Derived()
    np.testing.assert_array_equal(compile(lambda x: x * o.k)(X), X * 2)
    assert Own.__getattribute__ is before
    assert "__getattribute__" not in vars(Derived)
