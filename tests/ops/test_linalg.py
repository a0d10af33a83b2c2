"""Linear algebra beyond the table of specs: free choices of a basis, and where derivatives end."""

import math

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import GradientError, LinAlgError
from gpugrad.testing import gradcheck
from tests.ops.specs_linalg import definite, full, symmetric


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


# --- functions that do not depend on the choice of a basis

GAUGE_FREE = {
    "projector on two eigenvectors": lambda x: _projector(ops.eigh(symmetric(x))[1][..., :2]),
    "matrix exponential": lambda x: _of_spectrum(ops.exp, *ops.eigh(0.1 * symmetric(x))),
    "matrix square root": lambda x: _of_spectrum(ops.sqrt, *ops.eigh(definite(x))),
    "polar factor": lambda x: _polar(*ops.svd(full(x), full_matrices=False)),
    "best rank 2": lambda x: _rank2(*ops.svd(full(x))),
    "projector of qr": lambda x: _projector(ops.qr(full(x))[0]),
    "gram of r": lambda x: (lambda r: r.mT @ r)(ops.qr(full(x), "r")),
}


def _projector(v):
    return v @ v.mT


def _of_spectrum(f, w, v):
    return (v * f(w)[..., None, :]) @ v.mT


def _polar(u, s, vh):
    return u @ vh


def _rank2(u, s, vh):
    return (u[..., :2] * s[..., None, :2]) @ vh[..., :2, :]


@pytest.mark.parametrize("f", GAUGE_FREE.values(), ids=GAUGE_FREE)
def test_functions_without_a_free_choice(f):
    assert gradcheck(f, draw(3, 3), order=2)
    assert gradcheck(f, draw(2, 4, 4), order=1)


def test_a_factorisation_multiplied_out_is_the_identity_map():
    """Its Jacobian is known without differences, also at the third order, where it is 0."""
    maps = {
        "svd": lambda a: (lambda u, s, vh: (u * s[..., None, :]) @ vh)(*ops.svd(a, full_matrices=False)),
        "qr": lambda a: ops.matmul(*ops.qr(a)),
        "inv": lambda a: ops.inv(ops.inv(a)),
        "pinv": lambda a: ops.pinv(ops.pinv(a)),
    }
    a, t, u = full(draw(3, 3)), draw(3, 3, seed=1), draw(3, 3, seed=2)
    for f in maps.values():
        np.testing.assert_allclose(gg.jvp(f, (a,), (t,))[1], t, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(gg.vjp(f, a)[1](u)[0], u, rtol=1e-10, atol=1e-10)
        second = gg.jvp(lambda x, f=f: gg.jvp(f, (x,), (t,))[1], (a,), (u,))[1]
        np.testing.assert_allclose(second, 0, atol=1e-9)


def test_cholesky_and_eigh_give_symmetric_gradients_that_multiply_back():
    a, g = definite(draw(3, 3)), draw(3, 3, seed=1)
    for f in (
        lambda a: (lambda c: c @ c.mT)(ops.cholesky(a)),
        lambda a: (lambda c: c.mT @ c)(ops.cholesky(a, upper=True)),
        lambda a: _of_spectrum(ops.positive, *ops.eigh(a)),
    ):
        np.testing.assert_allclose(gg.vjp(f, a)[1](g)[0], (g + g.T) / 2, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(gg.jvp(f, (a,), (g,))[1], (g + g.T) / 2, rtol=1e-12, atol=1e-12)


# --- columns that complete a basis

COMPLETED = {
    "svd tall": ((5, 2), lambda x: ops.svd(full(x))[0][..., 2:]),
    "svd wide": ((2, 2, 5), lambda x: ops.svd(full(x))[2].mT[..., 2:]),
    "qr": ((5, 2), lambda x: ops.qr(full(x), "complete")[0][..., 2:]),
}


@pytest.mark.parametrize(("shape", "rest"), COMPLETED.values(), ids=COMPLETED)
def test_the_columns_that_complete_a_basis_have_derivatives_as_a_span(shape, rest):
    assert gradcheck(lambda x: _projector(rest(x)), draw(*shape), order=2)
    with pytest.raises(GradientError, match="which columns complete the basis"):
        gg.grad(lambda x: (rest(x) * np.arange(3.0)).sum())(draw(*shape))


@pytest.mark.parametrize("f", [lambda x: ops.svd(full(x)), lambda x: ops.qr(full(x), "complete")])
def test_the_whole_basis_stays_orthonormal(f):
    x = draw(5, 2)
    (q, *_), (t, *_) = gg.jvp(f, (x,), (draw(5, 2, seed=1),))
    np.testing.assert_allclose(q.T @ t + t.T @ q, 0, atol=1e-13)


# --- where a function is not smooth


def test_equal_eigenvalues_leave_functions_of_eigenvalues_their_gradient():
    a = np.diag([2.0, 2.0, 2.0, 5.0])
    for values in (ops.eigvalsh, lambda a: ops.eigh(a)[0]):
        np.testing.assert_allclose(gg.grad(lambda a, w=values: (w(a) ** 3).sum())(a), 3 * a @ a, atol=1e-12)
        t = draw(4, 4)
        pushed = gg.jvp(lambda a, w=values: (w(a) ** 3).sum(), (a,), (t,))[1]
        np.testing.assert_allclose(pushed, np.sum(3 * a @ a * t), atol=1e-12)
    np.testing.assert_allclose(gg.grad(lambda a: ops.svdvals(a).sum())(np.eye(3)), np.eye(3), atol=1e-14)
    np.testing.assert_allclose(gg.grad(lambda a: ops.matrix_norm(a, ord="nuc"))(np.eye(3)), np.eye(3), atol=1e-14)


def test_equal_eigenvalues_have_no_derivative_through_eigenvectors():
    """It is NaN, without a warning: a finite number would be wrong."""
    for f in (
        lambda a: (ops.eigh(a)[1] * np.arange(9.0).reshape(3, 3)).sum(),
        lambda a: (ops.svd(a)[0] * np.arange(9.0).reshape(3, 3)).sum(),
    ):
        assert np.isnan(gg.grad(f)(np.eye(3))).any()
    tall = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert np.isnan(gg.grad(lambda a: ops.svd(a, full_matrices=False)[0].sum())(tall)).any()
    assert np.isfinite(gg.grad(lambda a: ops.svdvals(a).sum())(tall)).all()


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_has_its_gradient_at_every_rank(rank):
    """By differences, which for a polynomial of degree 3 are exact at any step."""
    a = draw(4, rank) @ draw(rank, 4, seed=1) if rank else np.zeros((4, 4))
    a = np.round(a * 8) @ np.diag([1.0, 2.0, 0.0, 1.0]) if rank == 2 else a
    g = gg.grad(lambda a: ops.det(a))(a)
    cofactors = [[(-1) ** (i + j) * np.linalg.det(_minor(a, i, j)) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(g, cofactors, atol=1e-12)


def test_det_that_rounds_to_zero_has_its_gradient():
    g = gg.grad(lambda a: ops.det(a))(np.diag([1e-300, 1e-20, 1e10]))
    np.testing.assert_allclose(np.diag(g), [1e-10, 1e-290, 0], rtol=1e-12, atol=1e-300)


def _minor(a, i, j):
    return np.delete(np.delete(a, i, 0), j, 1)


def test_det_of_a_singular_matrix_refuses_its_second_derivative():
    a = np.zeros((2, 2))
    with pytest.raises(LinAlgError, match="a second one of det, there is none"):
        gg.hessian(lambda a: ops.det(a))(a)
    assert float(ops.slogdet(a)[1]) == -math.inf
    with pytest.raises(LinAlgError, match="a derivative asked for it, of slogdet"):
        gg.grad(lambda a: ops.slogdet(a)[1])(a)
    third = gg.jacobian(gg.hessian(lambda a: ops.det(a)))(np.eye(3))
    np.testing.assert_allclose(third[0, 0, 1, 1, 2, 2], 1, atol=1e-12)
    np.testing.assert_allclose(third[0, 1, 1, 2, 2, 0], 1, atol=1e-12)
    np.testing.assert_allclose(third[0, 0, 1, 2, 2, 1], -1, atol=1e-12)


def test_norms_at_zero_and_ties_give_a_member_of_the_subdifferential():
    zero, one = np.zeros(3), np.array([0.0, -2.0, 2.0])
    for ord in (1, 2, 3, 1.5, 0.5, -1, math.inf, -math.inf):
        np.testing.assert_array_equal(gg.grad(lambda x, p=ord: ops.vector_norm(x, ord=p))(zero), zero)
    expected = {1: [0, -1, 1], math.inf: [0, -0.5, 0.5], -math.inf: [0, 0, 0], 0.5: [0, -2, 2], -1: [0, 0, 0]}
    for ord, g in expected.items():
        np.testing.assert_allclose(gg.grad(lambda x, p=ord: ops.vector_norm(x, ord=p))(one), g, atol=1e-12)
    np.testing.assert_allclose(gg.grad(lambda a: ops.matrix_norm(a, ord=2))(np.eye(2)), np.eye(2) / 2, atol=1e-12)
    np.testing.assert_allclose(gg.grad(lambda a: ops.matrix_norm(a, ord=1))(np.eye(2)), np.eye(2) / 2, atol=1e-12)
    assert np.isfinite(gg.grad(lambda a: ops.matrix_norm(a, ord="fro"))(np.zeros((2, 2)))).all()


def test_cond_of_a_singular_matrix_is_inf_without_derivative():
    a = np.stack([np.ones((2, 2)), np.diag([1.0, 2.0])])
    for p in (None, -2, 1, "fro"):
        np.testing.assert_array_equal(np.isinf(ops.cond(a, p)), np.isinf(np.linalg.cond(a, p)))
    g = gg.grad(lambda a: ops.cond(a, 1).sum())(a)
    assert np.isnan(g[0]).all() and np.isfinite(g[1]).all()


def test_lstsq_of_deficient_rank_is_the_shortest_solution_and_moves_with_it():
    """Within the matrices of rank 2, by differences."""
    left, right, b = draw(6, 2), draw(2, 4, seed=1), draw(6, 2, seed=2)

    def solved(left, right, b):
        x, residuals, rank, s = ops.lstsq(left @ right, b, rcond=1e-9)
        assert residuals.shape == (0,) and int(rank) == 2
        return x, s[:2]

    assert gradcheck(solved, left, right, b, order=2)
