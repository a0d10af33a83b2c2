"""Which backend serves which array type: NumPy's at import, CuPy's when its first array appears."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError


@dataclass(frozen=True)
class Backend:
    """One array library: its name and its NumPy-like module `xp`."""

    name: str
    xp: Any


NUMPY = Backend("numpy", np)
PYTHON_SCALARS = (bool, int, float)
_backends: dict[type, Backend] = {np.ndarray: NUMPY, bool: NUMPY, int: NUMPY, float: NUMPY}


def backend_of_type(kind: type) -> Backend:
    """The backend of an array type, NumPy scalar type or Python scalar type; ArgumentTypeError for anything else."""
    found = _backends.get(kind) or _discover(kind)
    if found is None:
        raise ArgumentTypeError(
            f"{kind.__module__}.{kind.__qualname__} is not an array; pass a Tensor, a NumPy or CuPy array, "
            "or a bool, int or float"
        )
    return found


def is_array_type(kind: type) -> bool:
    """True for NumPy and CuPy arrays and NumPy scalars, False for Python scalars and everything else."""
    return kind not in PYTHON_SCALARS and (_backends.get(kind) or _discover(kind)) is not None


def register(kind: type, backend: Backend) -> None:
    """Let `backend` serve arrays of exactly the type `kind`, such as a subclass of one of ours."""
    _backends[kind] = backend


def _discover(kind: type) -> Backend | None:
    if issubclass(kind, np.ndarray | np.generic):
        found = NUMPY
    elif kind.__module__.partition(".")[0] == "cupy" and kind.__name__ == "ndarray":
        found = Backend("cupy", sys.modules["cupy"])  # imported, as there is an array of it
    else:
        return None
    _backends[kind] = found
    return found
