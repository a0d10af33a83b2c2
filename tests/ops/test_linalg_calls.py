"""How linear algebra is called: what it refuses, and in which words; batches by vmap; two-byte floats, integers."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.errors import ArgumentError, LinAlgError, ShapeError
from gpugrad.testing import gradcheck
from tests.ops.spec import parts
from tests.ops.specs_linalg import SPECS, definite, full, regular, symmetric


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


# --- errors

REFUSED = {
    "inv of a singular matrix": (
        lambda: ops.inv(np.ones((2, 2))),
        LinAlgError,
        "inv: the matrix is singular; use pinv",
    ),
    "inv in a batch": (
        lambda: ops.inv(np.stack([np.eye(2), np.ones((2, 2))])),
        LinAlgError,
        r"inv: the matrix at \[1\] of the batch is singular",
    ),
    "solve": (lambda: ops.solve(gg.Tensor(np.ones((2, 2))), np.ones(2)), LinAlgError, "solve: the matrix is singular"),
    "a zero on the diagonal": (
        lambda: ops.solve_triangular(np.triu(np.ones((3, 3)), 1), np.ones(3)),
        LinAlgError,
        "solve_triangular: the matrix has a 0 on its diagonal",
    ),
    "not definite": (lambda: ops.cholesky(-np.eye(2)), LinAlgError, "cholesky: the matrix is not positive definite"),
    "NaN": (lambda: ops.eigh(np.full((3, 3), np.nan)), LinAlgError, "did not converge .it holds NaN or infinity"),
    "NaN in svd": (lambda: ops.svd(np.full((3, 4), np.nan)), LinAlgError, "svd: .* did not converge"),
    "dependent columns": (
        lambda: gg.grad(lambda a: ops.qr(a)[0].sum())(np.zeros((2, 2))),
        LinAlgError,
        "in a derivative of qr",
    ),
    "not square": (lambda: ops.det(gg.Tensor(np.ones((2, 3)))), ShapeError, r"det: .* shape \(2, 3\); expected square"),
    "no matrix": (lambda: ops.eigh([1.0, 2.0]), ShapeError, "eigh: .* expected at least two axes"),
    "a number": (lambda: ops.inv(3.0), ShapeError, "inv: .* expected at least two axes"),
    "b does not fit": (
        lambda: ops.solve(np.eye(3), np.ones((2, 2))),
        ShapeError,
        r"solve: a has shape \(3, 3\) but b has shape \(2, 2\); expected b to be",
    ),
    "UPLO": (lambda: ops.eigh(np.eye(2), "X"), ArgumentError, "UPLO is 'X'"),
    "mode": (lambda: ops.qr(np.eye(2), "raw"), ArgumentError, "mode is 'raw'"),
    "order of a vector": (lambda: ops.vector_norm(np.ones(2), ord="nuc"), ArgumentError, "ord is 'nuc'"),
    "order of a matrix": (lambda: ops.matrix_norm(np.eye(2), ord=3), ArgumentError, "ord is 3"),
    "two tolerances": (lambda: ops.pinv(np.eye(2), 1e-3, rtol=1e-3), ArgumentError, "got rcond and rtol"),
    "lstsq": (lambda: ops.lstsq(np.ones((2, 2)), np.ones(3)), ShapeError, "lstsq: a has shape"),
    "a chain of one": (lambda: ops.multi_dot([np.eye(2)]), ArgumentError, "expected at least two"),
    "a broken chain": (lambda: ops.multi_dot([np.eye(2), np.eye(3), np.eye(3)]), ShapeError, "do not chain"),
    "cross": (lambda: ops.cross(np.ones(2), np.ones(3)), ShapeError, "expected length 3"),
    "tensorsolve": (lambda: ops.tensorsolve(np.ones((2, 3, 4)), np.ones((2, 3))), ShapeError, "tensorsolve: a has"),
    "tensorinv": (lambda: ops.tensorinv(np.ones((2, 3, 4))), ShapeError, "tensorinv: axes"),
    "cond of nothing": (lambda: ops.cond(np.ones((0, 0))), LinAlgError, "not empty"),
}


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_will_not_do_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_numpys_own_error_catches_ours():
    with pytest.raises(np.linalg.LinAlgError):
        gg.vmap(ops.inv)(gg.Tensor(np.ones((2, 2, 2))))


# --- batches


@pytest.fixture
def no_loops(monkeypatch):
    """Every primitive but lstsq, which NumPy has for one matrix only, computes a batch at once."""
    loop = gg.core.batch.example_by_example

    def refuse(p, *args):
        assert p.name == "lstsq", f"{p.name} was run example by example"
        return loop(p, *args)

    monkeypatch.setattr("gpugrad.core.batch.example_by_example", refuse)


def patterns(spec):
    """Which inputs are mapped: all, and each alone."""
    n = len(spec.moving)
    return [(0,) * n] + [tuple(0 if i == k else None for i in range(n)) for k in range(n) if n > 1]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_a_batch_is_its_examples(spec, no_loops):
    """Values and gradients."""
    several = [spec.draw(seed=seed) for seed in (1, 2)]

    def value(*xs):
        return tuple(parts(spec.of_moving(several[0])(*xs)))

    def gradient(*xs):
        y, pull = gg.vjp(lambda *xs: tuple(v for v in value(*xs) if v.dtype == np.float64), *xs)
        return pull(y)

    for axes in patterns(spec):
        xs = [
            np.stack([args[i] for args in several]) if axis == 0 else several[0][i]
            for i, axis in zip(spec.moving, axes, strict=True)
        ]
        for f in (value, gradient) if spec.differentiable else (value,):
            got = gg.vmap(f, in_axes=axes)(*xs)
            rows = [f(*(x[i] if axis == 0 else x for x, axis in zip(xs, axes, strict=True))) for i in range(2)]
            for y, column in zip(got, zip(*rows, strict=True), strict=True):
                np.testing.assert_allclose(np.asarray(y), np.stack(column), rtol=1e-9, atol=1e-9)


def test_no_examples_at_all():
    f = gg.vmap(lambda a, b: (ops.solve(a, b), ops.eigh(a)[0], ops.svdvals(a), ops.qr(a)[1], ops.det(a)))
    assert [y.shape for y in f(np.ones((0, 3, 3)), np.ones((0, 3)))] == [(0, 3), (0, 3), (0, 3), (0, 3, 3), (0,)]


def test_one_matrix_is_factored_once_for_a_batch_of_right_sides(monkeypatch):
    seen = []
    numpys = np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda a, b: seen.append(b.shape) or numpys(a, b))
    gg.vmap(lambda b: ops.solve(np.eye(3), b))(np.ones((5, 3)))
    assert seen == [(3, 5)]


# --- two-byte floats

NARROW = {
    "solve": lambda a: ops.solve(regular(a), a),
    "inv": lambda a: ops.inv(regular(a)),
    "det": ops.det,
    "slogdet": lambda a: ops.slogdet(regular(a)),
    "cholesky": lambda a: ops.cholesky(definite(a)),
    "eigh": lambda a: ops.eigh(symmetric(a))[0],
    "svd": lambda a: ops.svd(full(a)),
    "pinv": lambda a: ops.pinv(full(a)),
    "qr": lambda a: ops.qr(full(a)),
    "lstsq": lambda a: ops.lstsq(full(a), a)[0],
    "norm": lambda a: (ops.vector_norm(a, ord=3), ops.matrix_norm(a, ord="nuc"), ops.matrix_norm(a, ord=1)),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("f", NARROW.values(), ids=NARROW)
def test_two_byte_floats_are_computed_in_float32(f, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    a = gg.Tensor(draw(3, 3), dtype=dtype)
    leaf = gg.Tensor(a.data, requires_grad=True)
    wide = gg.Tensor(a.data.astype(np.float32), requires_grad=True)
    unit = 2.0**-10 if dtype == "float16" else 2.0**-7
    for t in (leaf, wide):
        ops.sum(sum(y.sum() for y in parts(f(t)))).backward()
    for y, w in zip(parts(f(a)), parts(f(wide)), strict=True):
        assert y.dtype == a.dtype
        np.testing.assert_allclose(y.data.astype(np.float64), w.detach().numpy(), rtol=16 * unit, atol=16 * unit)
    assert leaf.grad.dtype == a.dtype
    scale = 64 * unit * max(1.0, float(np.abs(wide.grad.numpy()).max()))
    np.testing.assert_allclose(leaf.grad.data.astype(np.float64), wide.grad.numpy(), atol=scale)


@pytest.mark.parametrize("op", [ops.solve, ops.solve_triangular, lambda a, b: ops.lstsq(a, b)[:2], ops.cross])
def test_one_input_may_be_a_constant(op):
    a, b = regular(draw(3, 3)), draw(3, 3, seed=1)
    assert gradcheck(lambda a: op(a, b), a, order=2)
    assert gradcheck(lambda b: op(a, b), b, order=2)


def test_integers_are_computed_in_float64():
    a = np.array([[2, 1], [1, 3]])
    for f in (ops.inv, ops.det, ops.eigvalsh, ops.cholesky, ops.svdvals, ops.pinv, lambda a: ops.solve(a, a)):
        assert np.asarray(f(a)).dtype == np.float64
    assert ops.matrix_power(a, 3).dtype == np.int64


def test_every_matrix_operation_has_a_batching_rule():
    ours = [p for p in PRIMITIVES.values() if p.call.__module__.startswith("gpugrad.ops.linalg_")]
    assert len(ours) > 15
    loops = [p.name for p in ours if p.batch_rule is None and p.family is None and p.name != "lstsq"]
    assert loops == []
