"""gpugrad.numpy.linalg has numpy.linalg's names, signatures, values, dtypes and result types, and torch's gradients."""

import inspect
import math

import numpy as np
import pytest

import gpugrad as gg
import gpugrad.numpy.linalg as la
from gpugrad.errors import DTypeError, ShapeError
from tests.ops.spec import parts, plain
from tests.ops.specs_linalg import definite, full, regular, symmetric

OWN = {"EighResult", "QRResult", "SVDResult", "SlogdetResult"}  # NumPy has them, but not by a public name
inf = math.inf


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def same_kind(got, want):
    """The same class, or our named tuple of NumPy's name and fields."""
    fields = getattr(type(want), "_fields", None)
    if fields:
        return type(got).__name__ == type(want).__name__ and type(got)._fields == fields
    return type(got) is type(want)


# --- names


def test_every_name_of_numpy_is_here_or_left_out_with_a_reason():
    assert set(np.linalg.__all__) - set(la.LEFT_OUT) <= set(la.__all__)
    assert set(la.__all__) - OWN <= set(np.linalg.__all__)
    for name in la.LEFT_OUT:
        with pytest.raises(AttributeError, match=f"{name}: .* complex"):
            getattr(la, name)
    with pytest.raises(AttributeError, match=r"gpugrad\.numpy\.linalg has no foo"):
        la.foo  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(np.linalg.__all__) - set(la.LEFT_OUT) - {"LinAlgError"}))
def test_signatures_are_numpys(name):
    """Names, order and defaults; `out` is left out, and what NumPy makes positional-only may be named."""

    def parameters(f):
        found = [(p.name, p.default) for p in inspect.signature(f).parameters.values() if p.name != "out"]
        return [(n, None if "no value" in str(default) or default is ... else default) for n, default in found]

    assert parameters(getattr(la, name)) == parameters(getattr(np.linalg, name))
    assert inspect.getdoc(getattr(la, name))


# --- values, shapes, dtypes and kinds of results

A, B, S, P, W = regular(draw(3, 3)), regular(draw(2, 3, 3)), symmetric(draw(3, 3)), definite(draw(3, 3)), draw(2, 4)
CALLS = {
    "cholesky": [(P,), (np.stack([P, 2 * P]),), (P, {"upper": True})],
    "cond": [(A,), (W,), (B, 1), (B, {"p": "nuc"}), (np.ones((2, 2)), 1)],
    "cross": [(A, A + 1), (draw(3, 2), draw(3, 2, seed=1), {"axis": 0})],
    "det": [(A,), (B,), (np.zeros((0, 0)),), ([[1, 2], [3, 4]],)],
    "diagonal": [(W,), (B, {"offset": 1})],
    "eigh": [(S,), (np.stack([S, P]),), (S, "U")],
    "eigvalsh": [(S,), (np.stack([S, P]),), (S, {"UPLO": "U"})],
    "inv": [(A,), (B,), ([[1, 2], [3, 4]],)],
    "lstsq": [(draw(5, 3), draw(5)), (draw(5, 3), draw(5, 2)), (W, draw(2)), (draw(5, 3), draw(5), 0.5)],
    "matmul": [(A, B), ([1, 2], [3, 4])],
    "matrix_norm": [(W,), (B, {"ord": 1}), (B, {"ord": "nuc", "keepdims": True})],
    "matrix_power": [(A, 3), (B, -2), (A, 0), ([[1, 2], [3, 4]], 3)],
    "matrix_rank": [(A,), (np.ones((2, 3, 3)),), ([1, 0],), (0,), (S, {"hermitian": True}), (A, {"rtol": 0.99})],
    "matrix_transpose": [(B,)],
    "multi_dot": [([draw(2, 3), draw(3, 4), draw(4, 2)],), ([draw(3), draw(3, 4), draw(4)],)],
    "norm": [
        *((draw(5), p) for p in (None, 0, 1, 2, 3, 0.5, -1, -2.5, inf, -inf)),
        *((W, p) for p in (None, "fro", "nuc", 1, -1, 2, -2, inf, -inf)),
        *((draw(2, 3, 4), p, (2, 0)) for p in (None, "fro", "nuc", 1, -1, 2, -2, inf, -inf)),
        *((draw(2, 3, 4), p, (0, -1), True) for p in (None, "nuc", 1, -inf)),
        *((draw(2, 3, 4), p, 1, True) for p in (None, 1, 3)),
        (draw(2, 3, 4),),
        (draw(2, 3, 4), None, None, True),
        (2.5,),
        ([1, -2],),
        ([[3, 4]], "fro"),
    ],
    "outer": [(draw(2), draw(3))],
    "pinv": [(W,), (B,), (np.ones((3, 2)),), (S, {"hermitian": True}), (W, {"rtol": 0.9}), (np.ones((2, 0)),)],
    "qr": [(A,), (W,), (draw(4, 2), "complete"), (draw(2, 4, 2), {"mode": "r"})],
    "slogdet": [(A,), (B,), (np.zeros((2, 2)),)],
    "solve": [(A, draw(3)), (A, draw(3, 2)), (B, draw(3)), (B, draw(2, 3, 1)), (A, draw(2, 3, 1))],
    "svd": [(W,), (B,), (W, False), (B, {"compute_uv": False}), (S, {"hermitian": True})],
    "svdvals": [(W,), (B,)],
    "tensordot": [(A, A, {"axes": 1}), (A, B, {"axes": ([1], [2])}), (A, A)],
    "tensorinv": [(draw(4, 6, 8, 3) + 1,), (draw(6, 2, 3), {"ind": 1})],
    "tensorsolve": [(draw(2, 3, 6), draw(2, 3)), (draw(2, 6, 3), draw(2, 3), (1,))],
    "trace": [(W,), (B, {"offset": 1}), (np.ones((2, 2), int), {"dtype": float})],
    "vecdot": [(W, W), ([1, 2], [3, 4]), (A[0], A[1]), (B, A), (draw(3, 2), draw(3, 2), {"axis": 0})],
    "vector_norm": [(W,), (B, {"axis": (0, 2), "ord": 3}), (B, {"axis": -1, "keepdims": True, "ord": inf})],
}
EACH = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]


def test_every_function_is_called():
    assert set(CALLS) == set(la.__all__) - OWN - {"LinAlgError"}


@pytest.mark.parametrize(("name", "i"), EACH)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_are_numpys(name, i, dtype):
    """On arrays with its very types, on Tensors with Tensors in their places."""
    *args, last = CALLS[name][i]
    args, params = (args, last) if isinstance(last, dict) else ([*args, last], {})
    args = [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args]
    with np.errstate(divide="ignore", invalid="ignore"):
        want = getattr(np.linalg, name)(*args, **params)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    boxed = [gg.Tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    for given in (args, boxed):
        got = getattr(la, name)(*given, **params)
        if given is args or isinstance(want, tuple):
            assert same_kind(got, want)
        for g, w in zip(parts(got), parts(want), strict=True):
            assert isinstance(g, gg.Tensor) == (given is boxed and any(isinstance(a, gg.Tensor) for a in boxed))
            assert plain(g).dtype == np.asarray(w).dtype and plain(g).shape == np.shape(w)
            np.testing.assert_allclose(plain(g), w, rtol=rtol, atol=rtol)


def test_complex_input_is_refused_and_empty_batches_pass():
    for name in ("det", "inv", "eigh", "svd", "qr", "norm", "cond"):
        with pytest.raises(DTypeError, match="complex"):
            getattr(la, name)(np.ones((2, 2), complex))
    for name in ("det", "inv", "eigh", "svd", "qr", "slogdet", "cholesky", "svdvals", "eigvalsh"):
        none = np.ones((0, 3, 3))
        got, want = getattr(la, name)(none), getattr(np.linalg, name)(none)
        assert [g.shape for g in parts(got)] == [w.shape for w in parts(want)]


def test_named_tuples_pass_through_transforms():
    a = np.stack([S, P])
    assert isinstance(gg.vmap(la.eigh)(a), la.EighResult)
    value, tangent = gg.jvp(la.qr, (A,), (draw(3, 3),))
    assert isinstance(value, la.QRResult) and isinstance(tangent, la.QRResult)
    value, pull = gg.vjp(la.slogdet, A)
    np.testing.assert_allclose(pull(la.SlogdetResult(0.0, 1.0))[0], np.linalg.inv(A).T, rtol=1e-12)


def test_shapes_that_do_not_fit():
    for call in (
        lambda: la.norm(np.ones((2, 2, 2)), 2),
        lambda: la.outer(np.ones((2, 2)), np.ones(2)),
        lambda: la.vecdot(np.ones(2), np.ones(3)),
        lambda: la.norm(np.ones((2, 2)), None, (0, 0)),
    ):
        with pytest.raises(ShapeError):
            call()


# --- gradients against torch

TORCH = {
    "solve": (la.solve, lambda t: t.linalg.solve, B, draw(2, 3, 2)),
    "solve vector": (la.solve, lambda t: t.linalg.solve, A, draw(3)),
    "inv": (la.inv, lambda t: t.linalg.inv, B),
    "det": (la.det, lambda t: t.linalg.det, B),
    "logdet": (lambda a: la.slogdet(a).logabsdet, lambda t: lambda a: t.linalg.slogdet(a)[1], B),
    "cholesky": (
        lambda x: la.cholesky(definite(x)),
        lambda t: lambda x: t.linalg.cholesky(_definite(t, x)),
        draw(2, 3, 3),
    ),
    "eigvalsh": (la.eigvalsh, lambda t: t.linalg.eigvalsh, S),
    "eigh": (
        lambda x: la.eigh(symmetric(x)).eigenvectors ** 2,
        lambda t: lambda x: t.linalg.eigh(x + x.mT + t.diag(8.0 * t.arange(3) - 7))[1] ** 2,
        draw(2, 3, 3),
    ),
    "svd tall": (
        lambda x: la.svd(x, False).U ** 2,
        lambda t: lambda x: t.linalg.svd(x, False)[0] ** 2,
        full(draw(4, 2)),
    ),
    "svd wide": (
        lambda x: la.svd(x, False).Vh ** 2,
        lambda t: lambda x: t.linalg.svd(x, False)[2] ** 2,
        full(draw(2, 4)),
    ),
    "svdvals": (la.svdvals, lambda t: t.linalg.svdvals, full(draw(2, 4, 3))),
    "qr": (lambda x: la.qr(x).Q ** 2, lambda t: lambda x: t.linalg.qr(x)[0] ** 2, full(draw(4, 3))),
    "qr wide": (lambda x: la.qr(x).R ** 2, lambda t: lambda x: t.linalg.qr(x)[1] ** 2, full(draw(3, 4))),
    "pinv": (la.pinv, lambda t: t.linalg.pinv, full(draw(4, 3))),
    "lstsq": (lambda a, b: la.lstsq(a, b)[0], lambda t: lambda a, b: t.linalg.lstsq(a, b)[0], draw(5, 3), draw(5, 2)),
    "matrix_power": (lambda a: la.matrix_power(a, -3), lambda t: lambda a: t.linalg.matrix_power(a, -3), A),
    "multi_dot": (
        lambda *a: la.multi_dot(a),
        lambda t: lambda *a: t.linalg.multi_dot(a),
        draw(2, 3),
        draw(3, 4),
        draw(4),
    ),
    "cond": (la.cond, lambda t: t.linalg.cond, full(draw(4, 3))),
    **{
        f"norm {p}": (
            lambda x, p=p: la.norm(x, p, 1),
            lambda t, p=p: lambda x: t.linalg.vector_norm(x, p, 1),
            draw(3, 4),
        )
        for p in (0.5, 1, 2, 3, -1, inf, -inf)
    },
    **{
        f"matrix norm {p}": (
            lambda x, p=p: la.norm(x, p),
            lambda t, p=p: lambda x: t.linalg.matrix_norm(x, p),
            full(draw(3, 4)),
        )
        for p in ("fro", "nuc", 1, -1, 2, -2, inf, -inf)
    },
    "norm at 0": (la.norm, lambda t: t.linalg.norm, np.zeros((2, 3))),
    "inf norm with ties": (
        lambda x: la.norm(x, inf),
        lambda t: lambda x: t.linalg.vector_norm(x, inf),
        np.array([1.0, -1.0]),
    ),
    "eigvalsh of equal ones": (lambda a: la.eigvalsh(a) ** 2, lambda t: lambda a: t.linalg.eigvalsh(a) ** 2, np.eye(3)),
}


def _definite(t, x):
    return x @ x.mT + 2 * t.eye(x.shape[-1], dtype=x.dtype)


@pytest.mark.parametrize(("ours", "theirs", "args"), [(a, b, c) for a, b, *c in TORCH.values()], ids=TORCH)
def test_gradients_are_torchs(ours, theirs, args):
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(a, requires_grad=True) for a in args]
    y = theirs(torch)(*leaves)
    g = np.random.default_rng(1).uniform(-1, 1, tuple(y.shape))
    y.backward(torch.as_tensor(g))
    value, pull = gg.vjp(ours, *args)
    np.testing.assert_allclose(value, y.detach().numpy(), rtol=1e-10, atol=1e-10)
    for got, leaf in zip(pull(g), leaves, strict=True):
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-9, atol=1e-9)
