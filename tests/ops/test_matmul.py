"""Matrix products over random shapes, their adjoints, narrow dtypes, and the errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.errors import ArgumentTypeError, ShapeError


@given(shapes=hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=3, max_side=3))
def test_every_broadcast_and_its_adjoints(shapes):
    """Value as NumPy's; <v, ua b + a ub> = <J^T v, (ua, ub)>; gradients of the inputs' shapes."""
    rng = np.random.default_rng(0)
    a, b, ua, ub = (rng.standard_normal(s) for s in shapes.input_shapes * 2)
    want = np.matmul(a, b)
    y, pull = gg.vjp(ops.matmul, a, b)
    assert y.dtype == want.dtype
    np.testing.assert_allclose(y, want, rtol=1e-12, atol=1e-12)
    v = rng.standard_normal(want.shape)
    ga, gb = pull(v)
    assert (ga.shape, gb.shape) == (a.shape, b.shape)
    slope = np.matmul(ua, b) + np.matmul(a, ub)
    np.testing.assert_allclose(np.vdot(v, slope), np.vdot(ga, ua) + np.vdot(gb, ub), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gg.jvp(ops.matmul, (a, b), (ua, ub))[1], slope, rtol=1e-12, atol=1e-12)


def test_operators_and_methods():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for y in (Tensor(a) @ b, a @ Tensor(b), Tensor(a) @ Tensor(b), Tensor(a).matmul(b), Tensor(a).dot(b)):
        assert isinstance(y, Tensor)
        np.testing.assert_array_equal(y, a @ b)


def test_one_deep_product_where_one_side_has_no_batch(monkeypatch):
    """The weight's gradient under a batch is one product of two matrices: no batched product, no sum afterwards."""
    calls = []
    plain = PRIMITIVES["matmul"].raw[np.ndarray]

    def spy(a, b):
        calls.append((a.shape, b.shape))
        return plain(a, b)

    x, w = Tensor(np.ones((5, 2, 3)), requires_grad=True), Tensor(np.ones((3, 4)), requires_grad=True)
    y = x @ w
    monkeypatch.setitem(PRIMITIVES["matmul"].raw, np.ndarray, spy)
    monkeypatch.setattr(gg.core.namespace.RAW[np.ndarray], "matmul", spy)
    monkeypatch.setattr(gg.core.namespace.RAW[np.ndarray], "sum_to", None)
    y.backward(np.ones((5, 2, 4)))
    assert calls == [((5, 2, 4), (4, 3)), ((3, 10), (10, 4))]
    np.testing.assert_array_equal(w.grad, np.full((3, 4), 10.0))
    calls.clear()
    (w.T @ Tensor(np.ones((5, 3, 2)), requires_grad=True)).backward(np.ones((5, 4, 2)))
    assert ((4, 10), (10, 3)) in calls


def test_a_constant_side_gets_no_gradient_and_the_other_is_not_kept():
    x, w = Tensor(np.ones((2, 3))), Tensor(np.ones((3, 4)), requires_grad=True)
    _, kept_x, kept_w = (x @ w).node[2]
    assert kept_x is x.data
    assert not isinstance(kept_w, np.ndarray)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_narrow_dtypes_are_summed_in_float32(name):
    """Ones added in float16 stop at 2048, in bfloat16 at 256; and gradients keep the dtype."""
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.float16
    a, b = (Tensor(np.ones(s, dtype=dtype), requires_grad=True) for s in ((2, 4096), (4096, 3)))
    y = a @ b
    assert y.dtype == dtype
    assert y.tolist() == [[4096.0] * 3] * 2
    y.backward(np.ones((2, 3), dtype=dtype))
    assert a.grad.dtype == b.grad.dtype == dtype
    assert a.grad.tolist() == [[3.0] * 4096] * 2
    assert ops.einsum("ij,ij->i", a, a).tolist() == [4096.0, 4096.0]
    assert ops.einsum("ij->i", a).tolist() == [4096.0, 4096.0]
    assert (a @ np.ones((4096, 1), dtype="float32")).dtype == np.float32


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_integers_and_bools(dtype):
    a, b = (np.arange(6) % 3).reshape(2, 3).astype(dtype), (np.arange(6) % 2).reshape(3, 2).astype(dtype)
    for y, want in ((ops.matmul(a, b), a @ b), (ops.einsum("ij,jk", a, b), np.einsum("ij,jk", a, b))):
        assert y.dtype == want.dtype
        np.testing.assert_array_equal(y, want)
    mixed = Tensor(a) @ Tensor(b.astype("float32"), requires_grad=True)
    assert mixed.dtype == (a @ b.astype("float32")).dtype
    mixed.backward(np.ones((2, 2), dtype=mixed.dtype))


@given(st.data())
def test_tensordot_inner_and_dot(data):
    shape = st.lists(st.integers(0, 3), max_size=3)
    a_free, b_free, shared = data.draw(shape), data.draw(shape), data.draw(st.lists(st.integers(0, 3), max_size=2))
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((*a_free, *shared)), rng.standard_normal((*shared, *b_free))
    n = len(shared)
    np.testing.assert_allclose(ops.tensordot(a, b, n), np.tensordot(a, b, n), rtol=1e-12, atol=1e-12)
    order = data.draw(st.permutations(range(n)))
    axes = ([len(a_free) + i for i in order], [i - b.ndim for i in order])
    np.testing.assert_allclose(ops.tensordot(a, b, axes), np.tensordot(a, b, axes), rtol=1e-12, atol=1e-12)
    if n:
        c = np.moveaxis(b, 0, -1)
        if c.shape[-1] == a.shape[-1]:
            np.testing.assert_allclose(ops.inner(a, c), np.inner(a, c), rtol=1e-12, atol=1e-12)
            c = np.moveaxis(b, 0, -2) if b.ndim > 1 else b
            np.testing.assert_allclose(ops.dot(a, c), np.dot(a, c), rtol=1e-12, atol=1e-12)


Z = np.zeros


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Tensor(Z((2, 3))) @ Z((4, 5)), ShapeError, r"a.shape\[-1\] == b.shape\[-2\], got 3 and 4"),
        (
            lambda: Tensor(Z((2, 3))) @ Z(4),
            ShapeError,
            r"\(2, 3\) but b has shape \(4,\); .*b.shape\[-1\], got 3 and 4",
        ),
        (lambda: ops.matmul(Z((2, 2, 3)), Z((4, 3))), ShapeError, r"b.shape\[-2\], got 3 and 4"),
        (
            lambda: ops.matmul(Z((2, 2, 3)), Z((4, 3, 2))),
            ShapeError,
            r"leading axes \(2,\) and \(4,\) to be equal or 1",
        ),
        (lambda: Tensor(Z((2, 3))) @ 2.0, ShapeError, "b is a single number; .*scale with"),
        (lambda: ops.matmul(Z(()), Z(2)), ShapeError, "a is a single number"),
        (lambda: Tensor(Z(2)) @ "x", ArgumentTypeError, "argument b is a str"),
        (lambda: ops.tensordot(Z((2, 3)), Z((4, 2)), 1), ShapeError, r"axes \(1,\) of shape \(2, 3\) and \(0,\)"),
        (lambda: ops.tensordot(Z((2, 3)), Z(3), 2), ShapeError, "axes is 2; expected 0 to 1"),
        (lambda: ops.tensordot(Z((2, 2)), Z((2, 2)), ((0, 1), (0,))), ShapeError, "expected as many"),
        (lambda: ops.vdot(Z(2), Z(3)), ShapeError, "got 2 and 3"),
        (lambda: ops.inner(Z(2), Z(3)), ShapeError, "do not pair"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
