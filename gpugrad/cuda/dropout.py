"""Launcher of kernels/dropout.cu."""

from typing import Any

import numpy as np

from . import runtime
from .kernel import NULL, TYPES, aligned, blocks_for, c_contiguous, launch, type_name

THREADS = 256
BLOCKS_PER_SM = 32
INSTANCES = tuple(f"dropout_fwd<{t}>" for t in TYPES)


def dropout(x: Any, key: Any, counter: Any, *, p: float) -> Any:
    """Primitive dropout of x (...); key and counter as 0-d uint64 arrays on the device are read there at launch."""
    names = (*_named(key), *_named(counter))
    there = hasattr(getattr(x, "data", None), "ptr")
    if (
        not there
        or not 0.0 <= p < 1.0
        or type_name(x.dtype) is None
        or not c_contiguous(x)
        or any(n is None for n in names)
    ):
        return NotImplemented
    now = runtime.current()
    y = now.empty(x.shape, x.dtype)
    if x.size:
        grid = blocks_for(x.size, THREADS * (8 if x.dtype.itemsize == 2 else 4), now.limits().n_sm * BLOCKS_PER_SM)
        scale = (np.float64 if x.dtype == np.float64 else np.float32)(1.0 / (1.0 - p))
        sizes = np.int64(x.size), np.int32(aligned(x, y))
        args = (x, y, *sizes, *names, np.uint32(int(p * 2.0**32)), scale)
        launch("dropout.cu", f"dropout_fwd<{type_name(x.dtype)}>", (grid,), (THREADS,), args)
    return y


def _named(value: Any) -> tuple[Any, Any]:
    """(pointer, value) of a key or counter, one of which counts; (None, None) for what is neither."""
    if isinstance(value, int | np.integer | np.ndarray):
        return (NULL, np.uint64(value)) if np.size(value) == 1 and 0 <= int(value) < 2**64 else (None, None)
    if getattr(value, "shape", None) == () and value.dtype == np.uint64:
        return value, np.uint64(0)
    return None, None
