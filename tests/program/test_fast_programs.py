"""The compiling executor on random programs: eager execution is the oracle, to what another order of sums allows."""

import numpy as np
import pytest
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad.core.tree import flatten
from gpugrad.program import compile

from .building import MODES, both, build, random_programs
from .noise import noise, noisy

pytest.importorskip("llvmlite")
TRANSFORMS = st.sampled_from(sorted(MODES.keys() - {"sgd", "adam"}))  # Adam makes 0.01 of the least gradient
UNITS = 8  # times what roundings by one unit move a result: sums have another order, exp, tanh and log other digits


def check(choices, mode, subset, seed, dtype):
    for args, eager, got in both(choices, mode, subset, (seed, seed + 1), dtype, "fast"):
        moves = sensitivity(MODES[mode](build(choices)), args, eager)
        for a, b, moved in zip(eager, got, moves, strict=True):
            assert_near(a, b, UNITS * (moved + unit(a)))


def sensitivity(f, args, eager):
    """For each result how far it moves where every operation rounds its own result at random, its arguments as well."""
    moves = []
    with noise(), np.errstate(all="ignore"):
        for _ in range(6):
            found = results(f, [noisy(x) for x in args])
            moves.append([np.abs(a - b) for a, b in zip(found, eager, strict=True)])
    return [np.nan_to_num(np.max(parts, axis=0), nan=0.0, posinf=np.inf) for parts in zip(*moves, strict=True)]


def unit(x):
    """What one rounding of each element may come to."""
    return np.abs(x) * np.finfo(x.dtype).eps if x.dtype.kind == "f" else 0


def results(f, args):
    with np.errstate(all="ignore"):
        return [np.asarray(x, "float64") for x in flatten(f(*args))[0]]


def assert_near(eager, got, bound):
    """|got - eager| <= bound, element by element."""
    if eager.dtype.kind != "f":
        return np.testing.assert_array_equal(got, eager)
    with np.errstate(all="ignore"):
        distance = np.abs(got.astype("float64") - eager.astype("float64"))
        same = (got == eager) | (np.isnan(got) & np.isnan(eager))
        share = np.where(same, 0.0, distance / (bound + np.finfo(eager.dtype).tiny))
    assert not (~(share <= 1)).any(), f"an element is {np.max(share):.3g} times the bound away"


@random_programs(25, mode=TRANSFORMS)
def test_a_random_program_gives_what_eager_execution_gives(choices, mode, subset, seed, dtype):
    check(choices, mode, subset, seed, dtype)


@pytest.mark.slow
@random_programs(2000, mode=TRANSFORMS)
def test_two_thousand_random_programs(choices, mode, subset, seed, dtype):
    check(choices, mode, subset, seed, dtype)


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_and_results_whose_axes_lie_in_another_order(order):
    f = compile(lambda x: (gg.ops.tanh(x.T), gg.ops.reshape(x.T, -1) * 2, x.T.sum(axis=0)), executor="fast")
    a = np.random.default_rng(0).standard_normal((3, 4))
    for x in (np.asarray(a, order=order), a, np.asfortranarray(a), a[::-1, ::-1]):
        for got, expected in zip(f(x), (np.tanh(x.T), x.T.reshape(-1) * 2, x.sum(axis=1)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_inputs_that_are_numpys_scalars(kind):
    f = compile(lambda x: (gg.ops.exp(-gg.ops.abs(x)), x * 2), executor="fast")
    for value in (3, -1):
        x = np.dtype(kind).type(value)
        for got, expected in zip(f(x), (np.exp(-abs(x)), x * 2), strict=True):
            assert type(got) is type(expected)
            np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_pointwise_calls_that_nobody_reads():
    """Without "dead" they stay, and one call is made of them that has no result."""
    x = np.linspace(0.0, 1.0, 5)
    f = compile(lambda x: (gg.ops.tanh(gg.ops.exp(x)), x * 2)[1], passes=("lower", "fuse"), executor="fast")
    np.testing.assert_array_equal(f(x), x * 2)
