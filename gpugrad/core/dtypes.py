"""Which dtypes carry gradients, and dtypes by name."""

from typing import Any

import numpy as np

from ..errors import DTypeError


def is_floating(dtype: Any) -> bool:
    """True for the dtypes that carry gradients: float16, bfloat16, float32, float64."""
    return dtype.kind == "f" or (dtype.kind == "V" and dtype.name == "bfloat16")  # `.name` takes microseconds


def as_dtype(dtype: Any) -> np.dtype:
    """A NumPy dtype from a name, type or dtype; "bfloat16" comes from ml_dtypes.

    Raises DTypeError for an unknown name, MissingDependencyError where ml_dtypes is needed and absent.
    """
    if isinstance(dtype, np.dtype):
        return dtype
    if dtype == "bfloat16":
        from ..backend.bfloat16 import bfloat16

        return bfloat16()
    try:
        return np.dtype(dtype)
    except TypeError as error:
        raise DTypeError(f"dtype: got {dtype!r}; expected a NumPy dtype such as 'float32', or 'bfloat16'") from error
