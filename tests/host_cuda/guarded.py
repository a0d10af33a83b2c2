"""Memory that tells when a kernel leaves its array: filled with the bytes 0xff, and ended by a page nobody may touch.

A read or write past the end is an error of the launch; one before the start, or within the last 15 bytes up to the
multiple of 16 at which the guard page begins, is seen afterwards by `overwritten`.
"""

import ctypes
import math
import mmap
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

_PAGE, _PROT_NONE = mmap.PAGESIZE, 0
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class _Region(mmap.mmap):
    """Whole pages, the last of them untouchable; `start` and `end` of the array are offsets into it."""

    start: int
    end: int
    limit: int


_regions: "weakref.WeakValueDictionary[int, _Region]" = weakref.WeakValueDictionary()


def guarded(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """A new array in C order, aligned to 16 bytes, all of its bytes 0xff: NaN in every float type."""
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    padded = -(-n_bytes // 16) * 16
    limit = -(-(padded + 16) // _PAGE) * _PAGE  # at least 16 bytes before the array too
    region = _Region(-1, limit + _PAGE)
    region.limit, region.start, region.end = limit, limit - padded, limit - padded + n_bytes
    whole = np.frombuffer(region, np.uint8)
    whole[:limit] = 0xFF
    if _libc.mprotect(whole.ctypes.data + limit, _PAGE, _PROT_NONE):
        raise OSError(ctypes.get_errno(), "mprotect failed")
    _regions[whole.ctypes.data + region.start] = region
    return whole[region.start : region.end].view(dtype).reshape(shape)


def guarded_like(array: np.ndarray) -> np.ndarray:
    """A guarded copy in the memory layout of `array`, without its gaps."""
    tight = np.array(array, order="K")
    axes = sorted(range(tight.ndim), key=lambda axis: -tight.strides[axis])
    copy = guarded([tight.shape[axis] for axis in axes], tight.dtype).transpose(np.argsort(axes))
    copy[...] = array
    return copy


def overwritten(address: int) -> bool:
    """True where bytes beside the guarded array that starts at this address are not 0xff any more."""
    region = _regions.get(address)
    if region is None:
        return False
    whole = np.frombuffer(region, np.uint8)
    return not (whole[: region.start] == 0xFF).all() or not (whole[region.end : region.limit] == 0xFF).all()
