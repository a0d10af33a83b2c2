"""C17, the static graph: a function traced once, compiled and replayed gives the bits of the same function run eagerly.

Source: PML = Murphy, Probabilistic Machine Learning, 13.3.4.
"""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn, ops, optim
from gpugrad.errors import TraceError

RNG = np.random.default_rng(17)


def same_bits(got, expected):
    got, expected = (np.asarray(v.detach() if isinstance(v, gg.Tensor) else v) for v in (got, expected))
    assert got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c17_a_gradient_replayed_has_the_bits_of_the_eager_one(dtype):
    def step(w, b, x, labels):
        return gg.value_and_grad(lambda w, b: nn.cross_entropy(ops.tanh(ops.linear(x, w, b)), labels), (0, 1))(w, b)

    compiled = gg.compile(step)
    for n in (8, 8, 8, 5, 8):  # new numbers each time; another batch size is another program
        w, b, x = (RNG.normal(size=shape).astype(dtype) for shape in ((3, 4), (3,), (n, 4)))
        labels = RNG.integers(0, 3, n)
        (value, grads), (again, replayed) = step(w, b, x, labels), compiled(w, b, x, labels)
        same_bits(again, value)
        for g, h in zip(replayed, grads, strict=True):
            same_bits(h, g)
    assert compiled.n_traces == 2


def test_c17_a_training_step_replayed_has_the_bits_of_the_eager_one():
    def trained(wrap):
        model = nn.MLP([4, 8, 3], activation="relu", rng=0)
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, labels):
            model.zero_grad()
            loss = nn.cross_entropy(model(x), labels)
            loss.backward()
            optimizer.step()
            return loss

        rng, run = np.random.default_rng(0), wrap(step)
        losses = [run(rng.normal(size=(16, 4)).astype("float32"), rng.integers(0, 3, 16)) for _ in range(5)]
        return [*losses, *model.parameters()], run

    eager, _ = trained(lambda step: step)
    replayed, run = trained(gg.compile)
    for got, expected in zip(replayed, eager, strict=True):
        same_bits(got, expected)
    assert run.n_traces <= 2


def test_c17_what_depends_on_values_is_refused():
    with pytest.raises(TraceError, match="while"):
        gg.compile(lambda x: x if x < 0 else -x)(np.array(2.0))
