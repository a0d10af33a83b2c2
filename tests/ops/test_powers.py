"""Powers, roots and quotients at the points where a formula alone would give NaN."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import DTypeError

inf, nan = np.inf, np.nan


def gradients(f, *values, dtype=np.float64):
    """Gradients of sum(f(...)) for leaves of these values."""
    leaves = [gg.Tensor(np.asarray(v, dtype), requires_grad=True) for v in values]
    y = f(*leaves)
    y.backward(np.ones(y.shape, dtype))
    return [leaf.grad.tolist() for leaf in leaves]


def test_a_number_as_exponent_at_zero():
    x = [0.0, 0.0, 3.0]
    assert gradients(lambda x: x**0, x) == [[0.0, 0.0, 0.0]]
    assert gradients(lambda x: x**1, x) == [[1.0, 1.0, 1.0]]
    assert gradients(lambda x: x**2, x) == [[0.0, 0.0, 6.0]]
    assert gradients(lambda x: x**3, x) == [[0.0, 0.0, 27.0]]
    assert gradients(lambda x: x**1.5, [0.0, 4.0]) == [[0.0, 3.0]]


def test_whole_exponents_of_negative_bases():
    assert gradients(lambda x: x**3, [-2.0]) == [[12.0]]
    assert gradients(lambda x: x**-2, [-2.0]) == [[0.25]]
    assert gradients(lambda x: x**2.0, [-3.0]) == [[-6.0]]
    assert gradients(lambda x: x ** np.array([3, 2]), [-2.0, -2.0]) == [[12.0, -4.0]]


def test_zero_base_with_a_tracked_exponent():
    """0^0 = 1 with gradients 0 and 0; 0^2 has 0 and 0; 0^1 has 1 and 0."""
    assert gradients(ops.power, [0.0, 0.0, 0.0], [0.0, 2.0, 1.0]) == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert gradients(lambda b: 0.0**b, [2.0, 1.0]) == [[0.0, 0.0]]
    assert gradients(lambda b: 2.0**b, [3.0]) == [[8 * np.log(2.0)]]


def test_zero_base_with_a_negative_exponent_is_infinite():
    with np.errstate(all="ignore"):
        assert gradients(ops.power, [0.0], [-1.0]) == [[-inf], [-inf]]


def test_second_derivative_of_a_zero_base():
    d2 = gg.grad(gg.grad(lambda x: x**2))
    assert float(d2(0.0)) == 2.0
    assert float(gg.grad(gg.grad(lambda x: ops.power(x, gg.Tensor(2.0))))(0.0)) == 2.0


def test_exponents_keep_the_dtype():
    x = np.array([1.5, 2.0], np.float32)
    for exponent in (2, 3, 2.0, 0.5, -1, 0):
        assert (x**exponent).dtype == ops.power(x, exponent).dtype == np.float32
        assert gradients(lambda t, n=exponent: t**n, x, dtype=np.float32)[0] is not None
    assert ops.power(np.array([2, 3]), 3).tolist() == [8, 27]
    assert ops.power(2, 3) == 8 and ops.power(np.float64(2.0), 3) == 8.0


def test_integers_to_a_negative_power():
    with pytest.raises(DTypeError, match=r"power: integers to a negative integer power.*a \*\* -2\.0"):
        gg.Tensor([1, 2]) ** -1


def test_roots_at_zero():
    with np.errstate(divide="ignore"):
        assert gradients(ops.sqrt, [0.0, 4.0]) == [[inf, 0.25]]
        assert gradients(ops.cbrt, [0.0, -8.0]) == [[inf, 1 / 12]]
    assert gradients(ops.hypot, [0.0, 3.0], [0.0, -4.0]) == [[0.0, 0.6], [0.0, -0.8]]
    big = 1e200  # whose square overflows
    np.testing.assert_allclose(gradients(ops.hypot, [big], [big]), np.full((2, 1), np.sqrt(0.5)))
    np.testing.assert_allclose(gradients(ops.arctan2, [big], [big]), [[0.5 / big], [-0.5 / big]])


def test_abs_and_sign_at_zero():
    assert gradients(ops.absolute, [-2.0, 0.0, 3.0]) == [[-1.0, 0.0, 1.0]]
    assert not ops.sign(gg.Tensor([1.0], requires_grad=True)).requires_grad


def test_remainder_takes_the_sign_of_the_divisor():
    x, y = [5.5, -5.5], [2.0, 2.0]
    assert ops.remainder(np.array(x), np.array(y)).tolist() == [1.5, 0.5]
    assert gradients(ops.remainder, x, y) == [[1.0, 1.0], [-2.0, 3.0]]


def test_integers_divide_to_floats():
    t = gg.Tensor([1, 2])
    assert (t / 2).dtype == np.float64 and (t / 2).tolist() == [0.5, 1.0]
    assert (t // 2).dtype == np.int64 and (gg.Tensor([True]) + True).tolist() == [True]


@pytest.mark.parametrize(
    ("op", "fix"),
    [(lambda t: t - t, "logical_xor"), (lambda t: -t, "logical_not"), (lambda t: True - t, "logical_xor")],
)
def test_bools_are_not_subtracted(op, fix):
    with pytest.raises(DTypeError, match=fix):
        op(gg.Tensor([True, False]))


def test_logaddexp_at_infinity_and_far_out():
    a, b = [-inf, -inf, inf, inf, 0.0, 1e4], [-inf, 0.0, inf, 0.0, 1e4, 1e4]
    assert gradients(ops.logaddexp, a, b) == [[0.0, 0.0, 0.5, 1.0, 0.0, 0.5], [0.0, 1.0, 0.5, 0.0, 1.0, 0.5]]
    assert ops.logaddexp(np.array([-inf]), np.array([-inf])).tolist() == [-inf]
