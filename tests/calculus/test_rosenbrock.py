"""Rosenbrock's function in 1,000 dimensions: derivatives and minimisers beside SciPy's own, hand-written ones."""

import numpy as np
import pytest

import gpugrad as gg

optimize = pytest.importorskip(
    "scipy.optimize", reason="SciPy, which comes with scikit-learn in the extra `train`, is not installed"
)

RNG = np.random.default_rng(7)
N = 1000
X, V = RNG.uniform(-2.0, 2.0, (2, N))
STARTS = {5: np.array([1.3, 0.7, 0.8, 1.9, 1.2]), N: RNG.uniform(0.5, 1.5, N)}  # the first is that of SciPy's guide


def rosenbrock(x):
    """sum over i of 100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


gradient, hessian = gg.grad(rosenbrock), gg.hessian(rosenbrock)


def hessian_product(x, v):
    return gg.hvp(rosenbrock, (x,), (v,))


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_value_gradient_and_product():
    close(rosenbrock(X), optimize.rosen(X))
    close(gradient(X), optimize.rosen_der(X))
    close(hessian_product(X, V), optimize.rosen_hess_prod(X, V))


def test_the_whole_hessian():
    found = hessian(X)
    expected = optimize.rosen_hess(X)
    close(found, expected)
    np.testing.assert_array_equal(found == 0, expected == 0)  # a band of three
    close(found @ V, hessian_product(X, V))


@pytest.mark.parametrize("n", STARTS)
@pytest.mark.parametrize("method", ["Newton-CG", "trust-krylov", "L-BFGS-B"])
def test_minimize_converges_as_with_the_hand_written_derivatives(method, n):
    second = method != "L-BFGS-B"
    ours = {"jac": gradient} | ({"hessp": hessian_product} if second else {})
    by_hand = {"jac": optimize.rosen_der} | ({"hessp": optimize.rosen_hess_prod} if second else {})
    found = optimize.minimize(rosenbrock, STARTS[n], method=method, **ours)
    expected = optimize.minimize(optimize.rosen, STARTS[n], method=method, **by_hand)
    assert found.success and expected.success
    assert abs(found.nit - expected.nit) <= 1
    np.testing.assert_allclose(found.x, expected.x, atol=1e-8)
    assert rosenbrock(found.x) < 1e-2 * rosenbrock(STARTS[n])
