"""The linear layer: C7's three gradients by hand, what is computed and kept, dtypes, and the errors."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import Tensor, ops
from gpugrad.core.namespace import RAW
from gpugrad.errors import ShapeError
from gpugrad.ops.linear import outer_norm2


def test_c7_by_hand():
    """x = (1, 2), W = ((3, 4), (5, 6), (7, 8)), b = (1, 0, -1), u = (1, 10, 100).

    z = W x + b = (3 + 8 + 1, 5 + 12, 7 + 16 - 1) = (12, 17, 22);
    dx = u^T W = (3 + 50 + 700, 4 + 60 + 800) = (753, 864);
    dW = u x^T = ((1, 2), (10, 20), (100, 200));
    db = u = (1, 10, 100).
    """
    x = Tensor([1.0, 2.0], requires_grad=True)
    w = Tensor([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], requires_grad=True)
    b = Tensor([1.0, 0.0, -1.0], requires_grad=True)
    z = ops.linear(x, w, b)
    assert z.tolist() == [12.0, 17.0, 22.0]
    z.backward(np.array([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [753.0, 864.0]
    assert w.grad.tolist() == [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]
    assert b.grad.tolist() == [1.0, 10.0, 100.0]


def test_c7_over_a_batch_by_hand():
    """Two samples (1, 2) and (3, 4) with cotangents 1 and 10 of one output: dW = 1 (1, 2) + 10 (3, 4) = (31, 42)."""
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w, b = Tensor([[5.0, 6.0]], requires_grad=True), Tensor([0.5], requires_grad=True)
    z = ops.linear(x, w, b)
    assert z.tolist() == [[17.5], [39.5]]
    z.backward(np.array([[1.0], [10.0]]))
    assert x.grad.tolist() == [[5.0, 6.0], [50.0, 60.0]]
    assert w.grad.tolist() == [[31.0, 42.0]]
    assert b.grad.tolist() == [11.0]


def test_each_gradient_is_one_product(monkeypatch):
    """One product of matrices for dx and one for dW, over all leading axes; for a constant x only the one for dW."""
    calls = []
    for name in ("linear", "outer_sum"):
        plain = getattr(RAW[np.ndarray], name)

        def spy(*args, name=name, plain=plain):
            calls.append((name, *(a.shape for a in args if a is not None)))
            return plain(*args)

        monkeypatch.setattr(RAW[np.ndarray], name, spy)
    x, w = np.ones((5, 2, 3)), Tensor(np.ones((4, 3)), requires_grad=True)
    g = np.ones((5, 2, 4))
    ops.linear(Tensor(x, requires_grad=True), w).backward(g)
    assert calls == [("linear", (5, 2, 4), (3, 4)), ("outer_sum", (5, 2, 4), (5, 2, 3))]
    calls.clear()
    ops.linear(Tensor(x), w).backward(g)
    assert calls == [("outer_sum", (5, 2, 4), (5, 2, 3))]
    np.testing.assert_array_equal(w.grad, np.full((4, 3), 20.0))


def test_only_what_is_needed_is_kept():
    x, w, b = np.ones((2, 3)), np.ones((4, 3)), np.ones(4)
    for tracked, kept in (
        ((1, 0, 0), (0, 1, 0)),
        ((0, 1, 0), (1, 0, 0)),
        ((0, 0, 1), (0, 0, 0)),
        ((1, 1, 1), (1, 1, 0)),
    ):
        y = ops.linear(*(Tensor(v, requires_grad=bool(on)) for v, on in zip((x, w, b), tracked, strict=True)))
        saved = y.node[2]
        assert saved[0] is None
        assert tuple(int(v is not None) for v in saved[1:]) == kept


def test_second_derivative_is_the_cross_term():
    """L = sum of z^2 / 2 with z = w x for numbers: d2L/dx dw = 2 x w; both modes inside each other."""

    def loss(x, w):
        z = ops.linear(x, w)
        return (z * z).sum() * 0.5

    x, w = np.array([[3.0]]), np.array([[5.0]])
    inner = gg.grad(loss)  # x w^2
    np.testing.assert_array_equal(gg.grad(lambda w: inner(x, w).sum())(w), [[30.0]])
    np.testing.assert_array_equal(gg.jvp(lambda w: inner(x, w), (w,), (np.ones((1, 1)),))[1], [[30.0]])
    np.testing.assert_array_equal(gg.grad(lambda w: gg.jvp(lambda x: loss(x, w), (x,), (x,))[1])(w), [[90.0]])


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_narrow_dtypes(name):
    """4,096 ones and a bias of 1 give 4,097 in float32, rounded once: 4096 in both, their spacing being 4 and 32."""
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.float16
    x, w, b = (Tensor(np.ones(s, dtype=dtype), requires_grad=True) for s in ((300, 4096), (1, 4096), (1,)))
    y = ops.linear(x, w, b)
    assert y.dtype == dtype
    assert set(y.ravel().tolist()) == {4096.0}
    y.backward(np.ones((300, 1), dtype=dtype))
    assert w.grad.dtype == b.grad.dtype == dtype
    assert b.grad.item() == 300.0  # in bfloat16, ones added one by one stop at 256
    assert set(w.grad.ravel().tolist()) == {300.0}


def test_dtypes_promote_as_in_numpy():
    x, w = np.ones((2, 3), dtype="float32"), np.ones((4, 3), dtype="float32")
    assert ops.linear(x, w, np.ones(4)).dtype == np.float64
    assert ops.linear(x, w, np.ones(4, dtype="float32")).dtype == np.float32
    assert ops.linear(x.astype("float64"), w, np.ones(4, dtype="float32")).dtype == np.float64
    b = Tensor(np.ones(4, dtype="float32"), requires_grad=True)
    ops.linear(x.astype("float64"), w, b).sum().backward()
    assert b.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("x", "w", "b", "message"),
    [
        ((2, 5), (3, 4), None, r"linear: w has shape \(3, 4\) but x has 5 features; expected w.shape\[1\] == 5"),
        ((5,), (3, 4), (3,), r"w has shape \(3, 4\) but x has 5 features"),
        ((2, 4), (3, 4), (4,), r"b has shape \(4,\); expected \(3,\), one bias for each row of w"),
        ((2, 4), (3, 4), (1,), r"b has shape \(1,\); expected \(3,\)"),
        ((2, 4), (3, 4), (2, 3), r"b has shape \(2, 3\); expected \(3,\)"),
        ((2, 4), (4,), None, r"w has shape \(4,\); expected two axes"),
        ((), (3, 4), None, r"x is 0-d; expected shape \(..., 4\)"),
    ],
)
def test_errors_say_what_was_expected(x, w, b, message):
    arrays = [None if s is None else np.zeros(s) for s in (x, w, b)]
    with pytest.raises(ShapeError, match=message):
        ops.linear(*arrays)
    with pytest.raises(ShapeError, match=message):
        ops.linear(*(a if a is None else Tensor(a, requires_grad=True) for a in arrays))


@pytest.mark.parametrize(("rows", "products"), [(1, []), (2, [(2, 2), (2, 2)]), (3, [(5, 4)])])
def test_the_norm_of_an_outer_sum_takes_the_least_work(rows, products):
    """Two norms for one row; Gram matrices of rows (5 + 4) numbers, or the product of 5 * 4, whichever is less."""
    seen = []

    class Spy:
        swapaxes, maximum, einsum = map(staticmethod, (np.swapaxes, np.maximum, np.einsum))

        def matmul(self, a, b):
            seen.append((a.shape[-2], b.shape[-1]))
            return np.matmul(a, b)

    rng = np.random.default_rng(0)
    g, x = rng.normal(size=(6, rows, 5)), rng.normal(size=(6, rows, 4))
    y = outer_norm2.primitive.forward(Spy(), g, x)
    np.testing.assert_allclose(y, (np.einsum("irm,irn->imn", g, x) ** 2).sum((1, 2)))
    assert seen == products
