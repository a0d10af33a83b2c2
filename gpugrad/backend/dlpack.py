"""Arrays of other libraries by DLPack, without a copy: NumPy's on the host, CuPy's on a CUDA device."""

from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from .cupy import import_cupy

_HOST, _CUDA, _CUDA_PINNED_HOST, _CUDA_MANAGED = 1, 2, 3, 13  # DLDeviceType of dlpack.h


def from_dlpack(value: Any) -> Any:
    """An array over the memory of `value`, which has `__dlpack__`: a PyTorch tensor, a JAX array.

    Raises ArgumentTypeError for a value without DLPack, on another kind of device, or of a dtype NumPy cannot take.
    """
    try:
        kind = int(value.__dlpack_device__()[0])
    except AttributeError as error:
        raise ArgumentTypeError(
            f"from_dlpack: got a {type(value).__name__}, which has no __dlpack__; expected an array of another library"
        ) from error
    if kind not in (_HOST, _CUDA, _CUDA_PINNED_HOST, _CUDA_MANAGED):
        raise ArgumentTypeError(f"from_dlpack: device type {kind} is neither the host nor CUDA; move the array first")
    library = np if kind in (_HOST, _CUDA_PINNED_HOST) else import_cupy()
    try:
        return library.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError) as error:
        raise ArgumentTypeError(
            f"from_dlpack: {type(value).__name__}: {error}; pass one that is detached, of a dtype NumPy has "
            "(bfloat16 as a view in int16)"
        ) from error
