"""A Module as a container of its parameters: grad, jvp, hvp, vmap, checkpoint and functional updates over a model."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import nn
from gpugrad.core.tree import flatten, map_tree

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])


def mlp(**settings):
    return nn.MLP([3, 4, 2], activation="tanh", dtype="float64", **settings)


@pytest.fixture(autouse=True)
def plain_values():
    """The parameters want gradients of `.backward()` too; under no_grad the transforms give plain values."""
    with gg.no_grad():
        yield


def loss(model, x=X, t=T):
    return nn.cross_entropy(model(x), t)


def gradients(model):
    model.zero_grad()
    with gg.enable_grad():
        loss(model).backward()
    return [p.grad.numpy() for p in model.parameters()]


def test_grad_of_a_model_is_a_model_of_gradients():
    m = mlp()
    value, g = gg.value_and_grad(loss)(m)
    assert isinstance(g, nn.MLP)
    assert float(value) == float(loss(m))
    assert [n for n, _ in g.named_parameters()] == [n for n, _ in m.named_parameters()]
    for got, want in zip(g.parameters(), gradients(m), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


def test_a_functional_step():
    m = mlp()
    start = float(loss(m))
    moved = map_tree(lambda p, g: p - 0.5 * g, m, gg.grad(loss)(m))
    assert float(loss(moved)) < start
    assert float(loss(m)) == start
    assert [n for n, _ in moved.named_parameters()] == [n for n, _ in m.named_parameters()]
    assert moved[0] is not m[0]


def test_frozen_parameters_are_leaves_too():
    m = mlp()
    m[0].requires_grad_(False)
    assert len(flatten(m)[0]) == 4
    assert gg.grad(loss)(m)[0].weight.shape == (4, 3)


def test_tied_parameters_are_one_leaf():
    m = nn.Sequential(nn.Linear(3, 3, rng=0, dtype="float64"), nn.Tanh(), nn.Linear(3, 3, rng=1, dtype="float64"))
    m[2].weight = m[0].weight
    g = gg.grad(lambda m: (m(X) * X).sum())(m)
    assert g[2].weight is g[0].weight
    with gg.enable_grad():
        (m(X) * X).sum().backward()
    np.testing.assert_allclose(g[0].weight.numpy(), m[0].weight.grad.numpy(), rtol=1e-12)


def test_modules_in_containers_are_exchanged():
    class Net(nn.Module):
        def __init__(self):
            self.parts = {"list": [nn.Linear(3, 2, rng=0, dtype="float64")], "pair": (nn.Tanh(), "text")}

        def forward(self, x):
            return self.parts["pair"][0](self.parts["list"][0](x))

    m = Net()
    g = gg.grad(loss)(m)
    assert [n for n, _ in g.named_parameters()] == ["parts.list.0.weight", "parts.list.0.bias"]
    assert g.parts["pair"][1] == "text"
    np.testing.assert_allclose(list(g.parameters())[1].numpy(), gradients(m)[1], rtol=1e-12)


def test_hessian_vector_product_over_a_model():
    m = mlp()
    v = map_tree(lambda p: gg.Tensor(RNG.normal(size=p.shape)), m)
    forward_over_reverse = gg.jvp(gg.grad(loss), (m,), (v,))[1]

    def slope(m):
        parts = zip(flatten(gg.grad(loss)(m))[0], flatten(v)[0], strict=True)
        return sum((g * d).sum() for g, d in parts)

    for a, b in zip(flatten(forward_over_reverse)[0], flatten(gg.grad(slope)(m))[0], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-14)


def test_per_sample_gradients_average_to_the_batch_gradient():
    m = mlp(norm="layer")
    each = gg.vmap(lambda x, t: gg.grad(loss)(m, x[None], t[None]), in_axes=0)(X, T)
    for got, want in zip(each.parameters(), gradients(m), strict=True):
        np.testing.assert_allclose(got.numpy().mean(axis=0), want, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("kind", ["dropout", "batch norm"])
def test_buffers_are_shared_with_the_original(kind):
    m = mlp(dropout=0.5) if kind == "dropout" else mlp(norm="batch")
    before = {name: b.numpy().copy() for name, b in m.named_buffers()}
    gg.grad(loss)(m)
    assert all((b.numpy() != before[name]).any() for name, b in m.named_buffers())


def test_eager_and_transform_draw_the_same_mask():
    a, b = mlp(dropout=0.5), mlp(dropout=0.5)
    for got, want in zip(gg.grad(loss)(a).parameters(), gradients(b), strict=True):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_checkpoint_replays_dropout_and_moves_buffers_once(norm):
    plain, kept = mlp(dropout=0.5, norm=norm), mlp(dropout=0.5, norm=norm)
    again = gg.checkpoint(loss)
    for _ in range(2):
        a, b = gg.grad(loss)(plain), gg.grad(again)(kept)
        for want, got in zip(a.parameters(), b.parameters(), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12)
    for (name, want), (_, got) in zip(plain.named_buffers(), kept.named_buffers(), strict=True):
        assert (got.numpy() == want.numpy()).all(), name
    with gg.enable_grad():
        loss(plain).backward()
        again(kept).backward()
    np.testing.assert_allclose(kept[0].weight.grad.numpy(), plain[0].weight.grad.numpy(), rtol=1e-12)


def test_outside_no_grad_gradients_are_tracked_too():
    m = mlp()
    with gg.enable_grad():
        g = gg.grad(loss)(m)
        penalty = sum((p * p).sum() for p in g.parameters())
        penalty.backward()
    expected = gg.grad(lambda m: sum((p * p).sum() for p in gg.grad(loss)(m).parameters()))(m)
    for p, want in zip(m.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), want.numpy(), rtol=1e-10, atol=1e-14)
