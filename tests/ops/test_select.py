"""where, maximum, minimum and clip: what is held back gets exactly nothing, and ties are shared as documented."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ShapeError
from gpugrad.ops.select import either

inf, nan = np.inf, np.nan


def gradients(f, *values, weights=1.0):
    leaves = [gg.Tensor(np.asarray(v, np.float64), requires_grad=True) for v in values]
    (f(*leaves) * weights).sum().backward()
    return [leaf.grad.tolist() for leaf in leaves]


def test_where_hands_the_gradient_to_the_branch_taken():
    mask = np.array([True, False, True])
    assert gradients(
        lambda a, b: ops.where(mask, a, b), [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], weights=np.arange(1.0, 4.0)
    ) == [
        [1.0, 0.0, 3.0],
        [0.0, 2.0, 0.0],
    ]


def test_no_nan_leaks_from_the_branch_not_taken():
    mask = np.array([True, False])
    (da,) = gradients(lambda a: ops.where(mask, a, nan), [1.0, 2.0])
    assert da == [1.0, 0.0]
    # the cotangent itself is NaN or infinite where a is held back
    (da,) = gradients(lambda a: ops.where(mask, a, 1.0), [1.0, 2.0], weights=np.array([2.0, nan]))
    assert da == [2.0, 0.0]
    (da,) = gradients(lambda a: ops.where(mask, a, 1.0), [1.0, 2.0], weights=np.array([2.0, inf]))
    assert da == [2.0, 0.0]


def test_the_double_where_keeps_an_infinite_slope_out():
    x = [0.0, 4.0]

    def safe_sqrt(x):
        return ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), 0.0)

    assert gradients(safe_sqrt, x) == [[0.0, 0.25]]


def test_where_with_numbers_keeps_the_dtype():
    t = gg.Tensor(np.array([1.0, -1.0], np.float32), requires_grad=True)
    y = ops.where(t > 0, t, 0)
    assert y.dtype == np.float32 and y.tolist() == [1.0, 0.0]
    y.sum().backward()
    assert t.grad.dtype == np.float32 and t.grad.tolist() == [1.0, 0.0]


def test_where_of_a_batch_of_conditions():
    masks, x = np.array([[True, False], [False, True]]), np.array([1.0, 2.0])
    got = gg.vmap(lambda m: gg.grad(lambda x: ops.where(m, x * x, 3 * x).sum())(x))(masks)
    np.testing.assert_array_equal(got, [[2.0, 3.0], [3.0, 4.0]])


def test_where_names_the_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"where: shapes \(3,\) and \(2,\)"):
        ops.where(np.ones(3, bool), gg.Tensor([1.0, 2.0]), 0.0)


@pytest.mark.parametrize(("op", "larger"), [(ops.maximum, 0.0), (ops.minimum, 1.0)])
def test_ties_share_half_and_half(op, larger):
    da, db = gradients(op, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], weights=np.array([1.0, 10.0, 100.0]))
    assert da == [larger * 1.0, 5.0, (1 - larger) * 100.0]
    assert db == [(1 - larger) * 1.0, 5.0, larger * 100.0]


def test_nan_wins_and_gets_no_gradient():
    y = ops.maximum(gg.Tensor([nan, 1.0]), gg.Tensor([0.0, nan]))
    assert np.isnan(y.numpy()).all()
    assert gradients(ops.maximum, [nan, 1.0], [0.0, nan]) == [[0.0, 0.0], [0.0, 0.0]]


def test_clip_has_gradient_one_at_its_bounds():
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert gradients(lambda x: ops.clip(x, -1.0, 1.0), x) == [[0.0, 1.0, 1.0, 1.0, 0.0]]
    assert gradients(lambda x: ops.clip(x, min=-1.0), x) == [[0.0, 1.0, 1.0, 1.0, 1.0]]
    assert gradients(lambda x: ops.clip(x, max=0.0), x) == [[1.0, 1.0, 1.0, 0.0, 0.0]]
    assert gradients(lambda x: ops.clip(x), x) == [[1.0] * 5]


def test_bounds_that_are_tensors_get_what_x_is_denied():
    dx, dlow, dhigh = gradients(ops.clip, [-2.0, 0.0, 2.0], [-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
    assert (dx, dlow, dhigh) == ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    assert gradients(ops.clip, [-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]) == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_clip_as_numpy_does():
    x = np.array([-3, 0, 3])
    assert ops.clip(x, -1, 1).tolist() == np.clip(x, -1, 1).tolist()
    assert ops.clip(x, 2, -2).tolist() == np.clip(x, 2, -2).tolist()  # the upper bound has the last word
    assert gg.Tensor(x).clip(0, 2).tolist() == [0, 0, 2]
    assert np.isnan(ops.clip(np.array([nan]), 0.0, 1.0)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int64"])
def test_masked_keeps_the_bits(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    x = gg.Tensor([-1.5, 2.5, 0.0, 3.0] if "float" in dtype else [-1, 2, 0, 3]).astype(dtype)
    y = ops.masked(x, np.array([True, False, True, True]))
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.numpy(), np.where([True, False, True, True], x.numpy(), x.numpy()[2]))


# --- many elements, which are chosen by their bits


N = 1 << 14
RNG = np.random.default_rng(5)
MASK = RNG.random(N) < 0.5


def odd_values(dtype):
    """Numbers, and everything that is none."""
    x = RNG.normal(scale=50, size=N).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[:5] = np.nan, np.inf, -np.inf, 0.0, -0.0
        RNG.shuffle(x)
    return x


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool", "complex64"])
def test_either_is_where_to_the_bit(dtype):
    a, b = odd_values(dtype), odd_values(dtype)
    pairs = [(a, b), (a[::-1], b), (a, np.asarray(b[0])), (np.asarray(a[0]), b)]
    pairs += [(a, 0.5), (-0.0, b), (a, float("nan"))] if np.dtype(dtype).kind == "f" else [(a, 1)]
    for x, y in pairs:
        got, expected = either(np, MASK, x, y), np.where(MASK, x, y)
        assert got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


def test_either_leaves_to_numpy_what_does_not_fit():
    a, b = odd_values("float32"), odd_values("float64")
    for mask, x, y in (
        (MASK, a, b),
        (MASK, np.arange(N), 0.5),
        (MASK, 1.0, 2.0),
        (MASK.reshape(2, -1), a[: N // 2], a[N // 2 :]),
        (MASK.astype(int), a, a[::-1]),
    ):
        got, expected = either(np, mask, x, y), np.where(mask, x, y)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_elements_and_their_gradients(dtype):
    a, b = RNG.normal(size=(2, N)).astype(dtype)
    np.testing.assert_array_equal(ops.where(MASK, a, b), np.where(MASK, a, b))
    g, h = gg.grad(lambda a, b: (ops.where(MASK, a, b) * np.inf).sum(), (0, 1))(np.abs(a) + 1, np.abs(b) + 1)
    np.testing.assert_array_equal(g, np.where(MASK, np.inf, 0.0))
    np.testing.assert_array_equal(h, np.where(MASK, 0.0, np.inf))
    g, h = gg.grad(lambda a, b: ops.maximum(a, b).sum(), (0, 1))(a, np.where(MASK, a, b))
    np.testing.assert_array_equal(g, np.where(MASK, 0.5, a > b))
    np.testing.assert_array_equal(h, 1 - g)
