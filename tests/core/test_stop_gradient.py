"""stop_gradient and detach take every derivative level off, and leave the batch of vmap on."""

import numpy as np
import pytest

import gpugrad as gg

X = np.arange(6.0).reshape(2, 3)


def test_inside_vmap_each_example_keeps_its_own_value():
    assert (gg.vmap(lambda x: gg.stop_gradient(x) * x.shape[0])(X) == 3 * X).all()
    assert (gg.vmap(gg.grad(lambda x: (gg.stop_gradient(x) * x).sum()))(X) == X).all()
    assert (gg.grad(lambda x: gg.vmap(lambda r: (r.detach() * r).sum())(x).sum())(X) == X).all()


def test_inside_nested_derivatives():
    def f(x):
        return gg.stop_gradient(x) * x

    assert float(gg.grad(gg.grad(f))(3.0)) == 0.0
    assert float(gg.jvp(gg.grad(f), (3.0,), (1.0,))[1]) == 0.0
    assert not gg.stop_gradient(gg.Tensor([1.0], requires_grad=True) * 2.0).requires_grad


def test_containers_are_stopped_leaf_by_leaf():
    def f(x):
        kept = gg.stop_gradient({"a": x, "b": (x * 2.0, 3.0)})
        return (kept["a"] * kept["b"][0] * x).sum()

    np.testing.assert_allclose(gg.grad(f)(X), 2 * X**2)
    plain = {"a": X}
    assert gg.stop_gradient(plain) is plain


@pytest.mark.parametrize("swapped", [False, True])
def test_a_constant_beside_an_array_reaches_the_forward_as_an_array(planted, swapped):
    came = []

    @gg.primitive(family="elementwise", jvp="bilinear", saves={"a": "b", "b": "a"})
    def planted_product(xp, a, b):
        """a * b."""
        came.extend((type(a), type(b)))
        return a * b

    planted_product.vjp(lambda F, g, y, a, b: g * b, lambda F, g, y, a, b: g * a)

    def f(x):
        constant = gg.stop_gradient(x)
        return (planted_product(x, constant) if swapped else planted_product(constant, x)).sum()

    for _ in range(2):  # the first call binds the forward
        np.testing.assert_array_equal(gg.grad(f)(X), X)
    np.testing.assert_array_equal(gg.jvp(f, (X,), (X,))[1], (X * X).sum())
    assert set(came) == {np.ndarray}
