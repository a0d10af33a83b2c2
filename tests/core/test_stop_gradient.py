"""stop_gradient and detach take every derivative level off, and leave the batch of vmap on."""

import numpy as np

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
