"""Layered maps f(x, theta) with vector output (C18): the Jacobian by the parameters in both recursions."""

import itertools

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from tests.core.counting import vectors_carried

RNG = np.random.default_rng(13)
SIZES = (3, 5, 4, 2)
X = RNG.normal(size=3)


def close(got, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-14)


# --- C18: layered maps f(x, theta) with vector output (SE)


def layered(x, thetas):
    """x_k = tanh(W_k x_{k-1} + b_k)."""
    for w, b in thetas:
        x = ops.tanh(ops.linear(x, w, b))
    return x


def thetas_of(sizes):
    """(W, b) of each layer."""
    return [(RNG.normal(size=(m, n)), RNG.normal(size=m)) for n, m in itertools.pairwise(sizes)]


def layer_jacobians(x, thetas):
    """At each layer: (J_x of its output by its input, J_theta by its own parameters, W row by row and then b)."""
    found = []
    for w, b in thetas:
        y = np.tanh(w @ x + b)
        slope = np.diag(1 - y**2)
        found.append((slope @ w, slope @ np.hstack([np.kron(np.eye(len(b)), x), np.eye(len(b))])))
        x = y
    return found


def by_forward_recursion(x, thetas):
    """G^k = [J_x^k G^{k-1}, J_theta^k]: the Jacobian of x_k by all parameters up to layer k."""
    g = np.zeros((len(x), 0))
    for j_x, j_theta in layer_jacobians(x, thetas):
        g = np.hstack([j_x @ g, j_theta])
    return g


def by_reverse_recursion(x, thetas):
    """D = I; from the last layer down: the block of layer k is D J_theta^k, then D <- D J_x^k.  (blocks, D)"""
    d, blocks = np.eye(len(thetas[-1][1])), []
    for j_x, j_theta in reversed(layer_jacobians(x, thetas)):
        blocks.insert(0, d @ j_theta)
        d = d @ j_x
    return np.hstack(blocks), d


@pytest.mark.parametrize("sizes", [(3, 5, 4, 2), (2, 6), (4, 1, 3), (1, 2, 3, 2, 4)], ids=str)
@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_c18_the_jacobian_by_the_parameters_in_both_recursions(mode, sizes):
    x, thetas = RNG.normal(size=sizes[0]), thetas_of(sizes)
    j = gg.jacobian(layered, argnums=1, mode=mode)(x, thetas)
    flat = np.hstack([np.hstack([w.reshape(sizes[-1], -1), b]) for w, b in j])
    by_reverse, by_x = by_reverse_recursion(x, thetas)
    close(flat, by_forward_recursion(x, thetas))
    close(flat, by_reverse)
    close(gg.jacobian(layered, mode=mode)(x, thetas), by_x)
    both = gg.jacobian(layered, argnums=(0, 1), mode=mode)(x, thetas)
    close(both[0], by_x)
    close(both[1][-1][0], j[-1][0])


def test_c18_each_mode_carries_its_own_number_of_vectors():
    thetas = thetas_of(SIZES)
    n_parameters = sum(w.size + b.size for w, b in thetas)
    for mode, way, vectors in (
        ("forward", "forward", n_parameters),
        ("reverse", "reverse", SIZES[-1]),
        ("auto", "reverse", SIZES[-1]),
    ):
        with vectors_carried() as carried:
            gg.jacobian(layered, argnums=1, mode=mode)(X, thetas)
        assert carried == {"forward": [], "reverse": [], way: [vectors]}
