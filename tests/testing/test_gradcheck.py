"""gradcheck itself: it passes what is right, and says where what is wrong is wrong."""

import re

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import OPS
from gpugrad.core.primitive import elementwise, primitive
from gpugrad.errors import ArgumentError, DTypeError, GradientError
from gpugrad.testing import gradcheck

X = np.array([0.5, -1.5, 2.0])


@pytest.fixture
def square_with(planted):
    """x^2 with the reverse and forward rules given."""

    def make(reverse, forward=None):
        @primitive(saves="x")
        def planted_square(xp, x):
            """x * x."""
            return x * x

        planted_square.vjp(reverse)
        planted_square.jvp(forward or (lambda F, t, y, x: t * 2.0 * x))
        return planted_square

    return make


def test_right_rules_pass_to_any_order():
    assert gradcheck(lambda x: x * x * x, X, order=4)
    assert gradcheck(lambda a, b: ops.tanh(a * b) / (2.0 + a * a), X, X[::-1].copy(), order=3)


def test_nests_scalars_and_empty_arrays_pass():
    assert gradcheck(lambda x: {"a": x * x, "b": [ops.sin(x)]}, X, order=2)
    assert gradcheck(lambda x: x * x, np.float64(3.0), order=2)
    assert gradcheck(lambda x: x * x, np.zeros((0, 3)), order=2)
    assert gradcheck(lambda x: np.ones(3), X)


def test_a_wrong_reverse_rule_is_caught_and_its_worst_entry_named(square_with):
    # 2x everywhere but at 2.0, where it gives 5 instead of 4
    def reverse(F, g, y, x):
        return g * (2.0 * x + np.array([0.0, 0.0, 1.0]))

    with pytest.raises(GradientError) as caught:
        gradcheck(square_with(reverse), X)
    text = str(caught.value)
    assert text.startswith("gradcheck: reverse mode of planted_square is wrong: <u, J v> is ")
    assert "worst entry: input 0 at (2,) (value 2): reverse gives" in text
    analytic, difference = map(float, re.search(r"reverse gives (\S+), differences (\S+)$", text).groups())
    assert analytic / difference == pytest.approx(5 / 4, rel=1e-6)


def test_a_wrong_forward_rule_is_caught(square_with):
    op = square_with(lambda F, g, y, x: g * 2.0 * x, lambda F, t, y, x: t * 3.0 * x)
    with pytest.raises(GradientError, match="forward mode of planted_square is wrong"):
        gradcheck(op, X)
    assert gradcheck(op, X, modes=["reverse"])


def test_the_input_that_is_wrong_is_named(planted):
    @elementwise(direct="multiply", saves={"a": "b", "b": "a"})
    def planted_multiply(a, b):
        """a * b."""

    planted_multiply.vjp(lambda F, g, y, a, b: g * b, lambda F, g, y, a, b: -g * a)
    with pytest.raises(GradientError, match=r"worst entry: input 1 at \(\d,\)"):
        gradcheck(planted_multiply, X, X)


def test_a_rule_that_is_right_but_cannot_be_differentiated_is_caught_at_order_two(square_with):
    op = square_with(lambda F, g, y, x: g * 2.0 * gg.stop_gradient(x))
    assert gradcheck(op, X, order=1)
    with pytest.raises(GradientError, match="reverse of planted_square is wrong"):
        gradcheck(op, X, order=2)


def test_a_gradient_that_is_cut_is_caught():
    with pytest.raises(GradientError, match="reverse mode"):
        gradcheck(lambda x: gg.stop_gradient(x) * x, X)


def test_a_gradient_that_is_no_number_is_caught(square_with):
    with pytest.raises(GradientError, match="reverse mode"):
        gradcheck(square_with(lambda F, g, y, x: g * np.nan), X)


def check_boundary(passes, *args, **options):
    """gradcheck of these passes, or raises."""
    if passes:
        assert gradcheck(*args, **options)
    else:
        with pytest.raises(GradientError):
            gradcheck(*args, **options)


@pytest.mark.parametrize(("error", "passes"), [(0.5e-5, True), (1.5e-5, False), (-1.5e-5, False)])
def test_the_boundary_of_the_relative_tolerance(square_with, error, passes):
    # One input and one output, so <u, J v> is the one product u 2x v, and its scale is its own size: a rule off by
    # the factor 1 + e is off by e * scale, and rtol = 1e-5 lets e = 0.5e-5 pass, but not 1.5e-5.
    op = square_with(lambda F, g, y, x: g * 2.0 * x * (1.0 + error))
    check_boundary(passes, op, np.array(3.0), modes=["reverse"], atol=0.0)


@pytest.mark.parametrize(("error", "passes"), [(0.5e-3, True), (5e-3, False)])
def test_the_boundary_of_the_absolute_tolerance(square_with, error, passes):
    # Off by error * |u v| where atol = 2e-3 is all there is; |u v| is at most 1 for one element, and more than 0.4 for
    # this seed.
    op = square_with(lambda F, g, y, x: g * (2.0 * x + error))
    check_boundary(passes, op, np.array(0.0), modes=["reverse"], atol=2e-3, rtol=0.0, seed=3)


def test_small_terms_beside_large_ones_are_not_held_against_a_rule():
    # <u, J v> may cancel to nearly nothing while its summands are large.
    assert gradcheck(lambda x: x * 1e6, np.linspace(-1, 1, 50))


def test_every_mode_of_nesting_is_reached(square_with):
    reached = set()

    def reverse(F, g, y, x):
        reached.add(("reverse", F is OPS))
        return g * 2.0 * x

    def forward(F, t, y, x):
        reached.add(("forward", F is OPS))
        return t * 2.0 * x

    assert gradcheck(square_with(reverse, forward), X, order=2)
    assert reached == {("reverse", False), ("reverse", True), ("forward", False), ("forward", True)}


def test_what_it_cannot_check_is_refused():
    with pytest.raises(ArgumentError, match=r"modes are \('sideways',\); expected some of"):
        gradcheck(ops.tanh, X, modes=["sideways"])
    with pytest.raises(ArgumentError):
        gradcheck(ops.tanh, X, modes=[])
    with pytest.raises(DTypeError, match="input 0 has dtype float32; expected float64"):
        gradcheck(ops.tanh, X.astype(np.float32))
    with pytest.raises(DTypeError, match="input 1 has dtype int64"):
        gradcheck(ops.add, X, np.arange(3))


@pytest.mark.parametrize("nothing", [{"order": 0}, {"n_directions": 0}, {"eps": 0.0}])
def test_arguments_with_which_nothing_would_be_checked_are_refused(nothing):
    with pytest.raises(ArgumentError, match=f"{next(iter(nothing))} is 0.*; expected a positive number"):
        gradcheck(lambda x: gg.stop_gradient(x) * x, X, **nothing)
    with pytest.raises(ArgumentError, match="got no inputs"):
        gradcheck(lambda: 1.0)


def test_one_mode_by_its_name():
    assert gradcheck(ops.tanh, X, modes="reverse")


def test_containers_of_inputs():
    assert gradcheck(lambda d, pair: d["a"] * pair[0] + ops.sin(pair[1]), {"a": X}, (X[::-1].copy(), X), order=2)
    with pytest.raises(GradientError, match="worst entry: input 1 at"):
        gradcheck(lambda d: d["a"] + gg.stop_gradient(d["b"]), {"a": X, "b": X})


def test_arrays_of_a_gpu_and_the_worst_entry_among_them():
    """On memory that CuPy's stand-in serves, which refuses NumPy arrays as CuPy does."""
    pytest.importorskip("cupy")
    from tests.host_cuda.runtime import HostRuntime

    with HostRuntime().current() as host:
        x = host.array(X)
        assert gradcheck(lambda x: ops.tanh(x) * x, x, order=2)
        with pytest.raises(GradientError, match=r"worst entry: input 0 at \(1,\) \(value -1\.5\): reverse gives"):
            gradcheck(lambda x: gg.stop_gradient(x) * x, x)


def test_the_inputs_are_not_written():
    x = X.copy()
    x.flags.writeable = False
    assert gradcheck(lambda x: x * x, x, order=2)
