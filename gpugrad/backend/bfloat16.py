"""The bfloat16 dtype, from the optional package ml_dtypes."""

import numpy as np

from ..errors import MissingDependencyError


def bfloat16() -> np.dtype:
    """ml_dtypes.bfloat16 as a NumPy dtype; MissingDependencyError where the package is absent."""
    try:
        from ml_dtypes import bfloat16 as scalar_type
    except ImportError as error:
        raise MissingDependencyError(
            "bfloat16: NumPy needs the package ml_dtypes for it; pip install 'gpugrad[bf16]'"
        ) from error
    return np.dtype(scalar_type)
