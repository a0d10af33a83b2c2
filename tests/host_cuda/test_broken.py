"""Kernels that are wrong on purpose: each is found out, without a sanitizer."""

import numpy as np
import pytest

from tests.host_cuda.guarded import guarded
from tests.host_cuda.runtime import FORWARD, ORDERS, REVERSE

TOLD = {  # kernel: what the launch says
    "past_the_end_of_shared": r"broken\.cu:5: index out of bounds of the array",
    "past_the_end": r"illegal address .* \(0 bytes past the end of argument 0\)",
    "before_the_start": r"it wrote beside the memory of argument 0",
    "reads_past_the_end": r"illegal address .* \(0 bytes past the end of argument 0\)",
    "divergent_barrier": r"divergent __syncthreads\(\): this one is in line 16, others wait in line 14",
    "deadlock": r"deadlock: it waits in a warp collective \(mask ffffffff\)",
    "mixed_collectives": r"lanes \d+ and \d+ are in different calls",
    "lane_not_in_the_mask": r"the mask 0000ffff leaves out the calling lane 16",
    "lane_has_left": r"deadlock: it waits in a warp collective",
    "misaligned": r"broken\.cu:37: misaligned address",
    "shift_too_far": r"broken\.cu:38: shift by more than the width",
    "division_by_zero": r"broken\.cu:39: integer division by zero",
    "stack_too_deep": r"stack overflow",
    "trapped": r"thread \(3,0,0\).*__trap\(\)",
}
SILENT = "unwritten_shared", "missing_barrier", "race_in_a_warp", "race_of_blocks"
INTEGER = {"shift_too_far", "division_by_zero", "stack_too_deep", "trapped"}


@pytest.fixture(scope="module")
def broken(kernels):
    return kernels("broken.cu", *TOLD, *SILENT)


@pytest.mark.parametrize("name", TOLD)
def test_the_launch_says_what_is_wrong(broken, name):
    broken.order(FORWARD)
    y = guarded((28 if name == "past_the_end" else 32,), np.int32 if name in INTEGER else np.float32)
    args = (guarded((32,), np.float32), y) if name == "reads_past_the_end" else (y,)
    with pytest.raises(RuntimeError, match=rf"^{name}: (block .*)?{TOLD[name]}"):
        broken.get_function(name)((1,), (32,), args)


def test_a_lane_that_left_before_is_named(broken):
    broken.order(REVERSE)
    with pytest.raises(RuntimeError, match="the mask ffffffff names lane 31, which has exited"):
        broken.get_function("lane_has_left")((1,), (32,), (np.zeros(32, np.float32),))


def test_a_launch_after_an_error_is_clean(broken):
    with pytest.raises(RuntimeError):
        broken.get_function("trapped")((1,), (32,), (np.zeros(32, np.int32),))
    broken.get_function("unwritten_shared")((1,), (31,), (np.zeros(32, np.float32),))


@pytest.mark.parametrize("order", ORDERS)
def test_unwritten_shared_memory_is_nan(broken, order):
    broken.order(order)
    y = np.zeros(32, np.float32)
    broken.get_function("unwritten_shared")((2,), (32,), (y,))  # also in a second block
    np.testing.assert_array_equal(y, [*[1.0] * 31, np.nan])


@pytest.mark.parametrize("order", ORDERS)
def test_a_missing_barrier_gives_a_wrong_result(broken, order):
    broken.order(order, seed=2)
    y = np.zeros(64, np.float32)
    broken.get_function("missing_barrier")((1,), (64,), (y,))
    assert not np.array_equal(y, np.arange(64)[::-1])


def test_a_race_in_a_warp_shows_in_one_of_the_orders(broken):
    results = []
    for order in (FORWARD, REVERSE):
        broken.order(order)
        y = np.zeros(32, np.float32)
        broken.get_function("race_in_a_warp")((1,), (32,), (y,))
        results.append(np.array_equal(y, np.roll(np.arange(32), -1)))
    assert not all(results)


def test_a_race_of_blocks_shows_where_the_order_of_blocks_decides(broken):
    results = set()
    for order in ORDERS:
        broken.order(order, seed=2)
        y = np.zeros(32, np.float32)
        broken.get_function("race_of_blocks")((32,), (1,), (y,))
        results.add(y.tobytes())
    assert len(results) == len(ORDERS)
