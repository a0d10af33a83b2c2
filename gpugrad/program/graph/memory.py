"""Which arrays look at the same memory."""

from typing import Any

import numpy as np


def same(a: Any, b: Any) -> bool:
    """True where both look at the same elements in the same order."""
    alike = type(a) is type(b) and a.shape == b.shape and a.dtype == b.dtype
    return alike and (a is b or (a.strides == b.strides and bounds(a) == bounds(b)))


def overlap(a: Any, b: Any) -> bool:
    """True where the memory of both has bytes in common, or lies in between."""
    if isinstance(a, np.ndarray) is not isinstance(b, np.ndarray) or not hasattr(a, "strides"):
        return False
    (a_lo, a_hi), (b_lo, b_hi) = bounds(a), bounds(b)
    return a_lo < b_hi and b_lo < a_hi


def bounds(array: Any) -> tuple[int, int]:
    """The first byte of an array, and the one after its last."""
    if not array.size:
        return 0, 0
    start = array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
    steps = [(n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)]
    return start + sum(s for s in steps if s < 0), start + sum(s for s in steps if s > 0) + array.dtype.itemsize
