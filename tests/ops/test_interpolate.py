"""interp: slopes at the knots and outside, jumps, NaN, one point, periods, and what is refused."""

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, ShapeError
from gpugrad.testing import gradcheck

XP, FP = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 1.0])


def gradient(f, x):
    return gg.grad(lambda x: f(x).sum())(np.asarray(x, float)).tolist()


def test_slopes_at_the_knots_and_outside():
    x = [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0]
    assert gradient(lambda x: ops.interp(x, XP, FP), x) == [0.0, 2.0, 2.0, -0.5, -0.5, -0.5, 0.0]


def test_gradients_of_the_points_by_hand():
    x = np.array([-1.0, 0.25, 2.0, 9.0])
    assert gradient(lambda fp: ops.interp(x, XP, fp), FP) == [1.75, 0.75, 1.5]
    assert gradient(lambda xp: ops.interp(x, xp, FP), XP) == pytest.approx([-1.5, -0.5 + 0.25, 0.25])


def test_gradients_of_all_by_differences():
    x = np.array([-1.5, 0.3, 0.9, 2.0, 5.5])
    assert gradcheck(lambda *a: ops.interp(*a, left=2.0, right=3.0), x, XP, FP, order=2)
    assert gradcheck(lambda *a: ops.interp(*a, period=4.0), x, XP, FP, order=2)


def test_left_and_right_carry_gradients():
    g = gg.grad(lambda a, b: ops.interp(np.array([-1.0, 0.5, 7.0, 8.0]), XP, FP, a, b).sum(), (0, 1))(0.0, 0.0)
    assert [float(v) for v in g] == [1.0, 2.0]


def test_awkward_points_are_numpys():
    x = np.array([-np.inf, -1.0, 0.0, 1.0, 1.5, 3.0, np.inf, np.nan])
    for xp, fp in ((XP, FP), (XP[:1], FP[1:2]), ([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 6.0]), ([0, 3, 3], [1, 2, 7])):
        for ends in ({}, {"left": -5.0}, {"right": 6.0}):
            got, want = ops.interp(x, xp, fp, **ends), np.interp(x, xp, fp, **ends)
            np.testing.assert_allclose(got, want, rtol=1e-14)
    x = np.linspace(-9, 9, 31)
    for period in (4.0, -2.5):
        got = ops.interp(x, [5.0, 0.5, 7.25], [1.0, 2.0, 3.0], period=period)
        np.testing.assert_allclose(got, np.interp(x, [5.0, 0.5, 7.25], [1.0, 2.0, 3.0], period=period), atol=1e-12)


def test_what_is_refused():
    for wrong, error, words in [
        (lambda: ops.interp(1.0, [], []), ShapeError, "expected"),
        (lambda: ops.interp(1.0, XP, FP[:2]), ShapeError, r"shapes \(3,\) and \(2,\)"),
        (lambda: ops.interp(1.0, [XP], [FP]), ShapeError, "expected"),
        (lambda: ops.interp(1.0, XP, FP, period=0), ArgumentError, "period is 0"),
    ]:
        with pytest.raises(error, match=words):
            wrong()
