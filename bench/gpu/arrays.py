"""Arrays between NumPy and CuPy by their bits: no dtype of NumPy's or ml_dtypes' needs a kernel or a cast of CuPy's."""

from typing import Any

import numpy as np


def bits(dtype: np.dtype) -> np.dtype:
    """An integer dtype of the same size, for dtypes that NumPy has from elsewhere (bfloat16); others as they are."""
    return dtype if dtype.isbuiltin == 1 else np.dtype(f"u{dtype.itemsize}")


def to_card(cupy: Any, array: Any) -> Any:
    """A copy on the current device, in the array's memory layout without its gaps; broadcast axes stay broadcast."""
    array = np.asarray(array)
    once = (step == 0 and n > 1 for n, step in zip(array.shape, array.strides, strict=True))
    held = array[(*(slice(0, 1) if one else slice(None) for one in once), ...)]
    order = sorted(range(held.ndim), key=lambda axis: -held.strides[axis])
    flat = np.ascontiguousarray(held.transpose(order)).reshape([held.shape[axis] for axis in order])
    there = cupy.array(flat.view(bits(array.dtype))).view(array.dtype)
    there = there.transpose([order.index(axis) for axis in range(held.ndim)])
    return there if held.shape == array.shape else cupy.broadcast_to(there, array.shape)


def from_card(array: Any) -> np.ndarray:
    """The values of a CuPy array in a new NumPy array of its dtype, which waits for the current stream."""
    kind = bits(array.dtype)
    if kind == array.dtype:
        return array.get()
    return array.view(kind).get().view(array.dtype)


def overwrite(target: Any, source: Any) -> None:
    """Copy a CuPy array into another one of the same shape and dtype."""
    kind = bits(target.dtype)
    target.view(kind)[...] = source.view(kind)
