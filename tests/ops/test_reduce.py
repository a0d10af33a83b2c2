"""Sums, products, extrema and moments: dtypes, ties, zeros, precision, and axes that are not there."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentTypeError, GradientError, ShapeError

nan = np.nan


def gradient(f, x, dtype=np.float64):
    leaf = gg.Tensor(np.asarray(x, dtype), requires_grad=True)
    f(leaf).sum().backward()
    return leaf.grad.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint8", "float32"])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min", "argmax", "argmin", "any", "all"])
def test_dtypes_are_numpys(name, dtype):
    x = np.array([[3, 0, 1], [2, 5, 1]]).astype(dtype)
    for axis in (None, 1):
        got, want = getattr(ops, name)(gg.Tensor(x), axis=axis), getattr(np, name)(x, axis=axis)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


def test_sum_of_a_chosen_dtype():
    x = np.full(3, 100, np.int8)
    assert ops.sum(x, dtype="float32").dtype == np.float32
    assert gradient(lambda t: ops.sum(t, dtype="float64"), [1.0, 2.0], np.float32) == [1.0, 1.0]
    assert ops.prod(np.array([2, 3]), dtype="float64").dtype == ops.mean(np.array([2, 3]), dtype="float64").dtype


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_byte_floats_add_up_in_float32(dtype):
    """A running sum in bfloat16 would stop at 256, one in float16 at 2048."""
    pytest.importorskip("ml_dtypes")
    x = gg.Tensor(np.ones((2, 5000))).astype(dtype)
    for axis in (1, 0, None):
        y = ops.sum(x, axis=axis)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y.numpy(), np.sum(np.ones((2, 5000)), axis=axis).astype(x.dtype))
    assert float(ops.mean(x)) == 1.0 and float(ops.var(x)) == 0.0


def test_python_numbers_and_lists():
    assert ops.sum(2.0) == 2.0 and ops.mean([1, 2]) == 1.5 and ops.max([[1, 5], [2, 3]], axis=0).tolist() == [2, 5]


def test_max_shares_the_gradient_between_ties():
    assert gradient(ops.max, [1.0, 3.0, 3.0, 2.0]) == [0.0, 0.5, 0.5, 0.0]
    assert gradient(ops.min, [[1.0, 1.0], [1.0, 2.0]]) == [[1 / 3, 1 / 3], [1 / 3, 0.0]]
    assert gradient(lambda x: ops.max(x, axis=1), [[2.0, 2.0], [1.0, 2.0]]) == [[0.5, 0.5], [0.0, 1.0]]
    y, t = gg.jvp(ops.max, (np.array([3.0, 3.0]),), (np.array([1.0, 5.0]),))
    assert (float(y), float(t)) == (3.0, 3.0)


def test_max_of_nan():
    assert np.isnan(ops.max(np.array([1.0, nan])))
    assert gradient(lambda x: ops.max(x, axis=1), [[1.0, nan], [1.0, 2.0]]) == [[0.0, 0.0], [0.0, 1.0]]


def test_product_with_zeros():
    """The slope of an element is the product of the others: 2 * 3 for one zero, 0 for all with two."""
    assert gradient(ops.prod, [0.0, 2.0, 3.0]) == [6.0, 0.0, 0.0]
    assert gradient(ops.prod, [0.0, 2.0, 0.0]) == [0.0, 0.0, 0.0]
    assert gradient(lambda x: ops.prod(x, axis=(0, 1)), [[1.0, 0.0], [2.0, 3.0]]) == [[0.0, 6.0], [0.0, 0.0]]
    hessian = gg.jacobian(gg.grad(ops.prod))(np.array([0.0, 2.0, 0.0]))
    assert hessian.tolist() == [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]


def test_variance_is_stable():
    """In one pass E x^2 - (E x)^2 would lose all digits here."""
    x = 1e9 + np.array([1.0, 2.0, 3.0])
    assert float(ops.var(x)) == 2 / 3 and float(ops.var(x, ddof=1)) == float(ops.var(x, correction=1)) == 1.0
    assert gradient(lambda t: ops.var(t, ddof=1), x) == [-1.0, 0.0, 1.0]


def test_std_where_the_variance_is_zero():
    assert gradient(ops.std, [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]
    assert gradient(lambda x: ops.std(x, axis=1, ddof=1), [[1.0, 1.0], [0.0, 2.0]])[0] == [0.0, 0.0]
    np.testing.assert_allclose(gradient(ops.std, [1.0, 3.0]), [-0.5, 0.5])
    _, t = gg.jvp(ops.std, (np.ones(3),), (np.arange(3.0),))
    assert float(t) == 0.0


def test_too_few_elements_for_the_correction_give_nan_as_numpy_does():
    with np.errstate(all="ignore"):
        assert np.isnan(ops.var(np.array([1.0]), ddof=1))
        assert np.isnan(gradient(lambda x: ops.var(x, ddof=1), [1.0])).all()


def test_places_carry_no_gradient():
    x = gg.Tensor([[1.0, 5.0, 5.0], [7.0, 2.0, 1.0]], requires_grad=True)
    assert x.argmax().item() == 3 and x.argmin(axis=0).tolist() == [0, 1, 1]
    assert x.argmax(axis=1, keepdims=True).tolist() == [[1], [0]] and x.argmax(keepdims=True).shape == (1, 1)
    for y in (x.argmax(), x.any(), x.all(axis=0), ops.count_nonzero(x)):
        assert not y.requires_grad
        with pytest.raises(GradientError):
            y.backward()


def test_nan_counts_as_true():
    x = np.array([nan, 1.0])
    assert bool(ops.all(x)) is True and bool(ops.any(np.array([nan, 0.0]))) is True
    assert ops.count_nonzero(np.array([[0.0, nan], [1.0, 0.0]]), axis=0).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: ops.sum(x, axis=2), ShapeError, r"sum: axis 2 is out of range for 2 axes; expected -2 to 1"),
        (lambda x: ops.mean(x, axis=(0, -2)), ShapeError, r"mean: axes \(0, -2\) name an axis twice"),
        (lambda x: ops.max(x, axis=-3), ShapeError, r"max: axis -3 is out of range"),
        (lambda x: ops.std(x, axis=1.0), ArgumentTypeError, r"std: axis is 1\.0; expected an int"),
        (lambda x: ops.argmax(x, axis=(0, 1)), ArgumentTypeError, r"argmax: axis is \(0, 1\); expected an int"),
        (lambda x: ops.max(x[:0]), ShapeError, r"max: shape \(0, 3\) has no elements along axis 0"),
        (lambda x: ops.argmin(x[:, :0], axis=1), ShapeError, r"argmin: shape \(2, 0\) has no elements along axis 1"),
    ],
)
def test_errors_name_the_axis(call, error, message):
    for x in (np.ones((2, 3)), gg.Tensor(np.ones((2, 3)))):
        with pytest.raises(error, match=message):
            call(x)


@pytest.mark.parametrize("shape", [(2, 3), (40, 50)])
def test_the_gradient_of_a_sum_can_be_written_to(shape):
    """It is a buffer of its own, not a view that repeats one number."""
    x = gg.Tensor(np.ones(shape), requires_grad=True)
    for f in (ops.sum, lambda t: ops.sum(ops.sum(t, axis=0))):
        x.grad = None
        f(x).backward()
        x.grad.data[0, 0] = 5.0
        assert x.grad.numpy().sum() == x.size + 4.0
