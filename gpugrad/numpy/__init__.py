"""NumPy's names and signatures, over Tensors and arrays: `import gpugrad.numpy as np`.

With a Tensor among the arguments, a function is recorded and differentiated in both modes, to any order.  Without one
it is NumPy's own: plain arrays come back at NumPy's speed, and functions that make arrays of numbers make plain ones.
NumPy's functions themselves, np.sin(t), lead to the same operations.  docs/numpy.md lists every name with its limits.
"""

from typing import Any

import numpy

from . import (
    creation,
    diagonals,
    elementwise,
    indexing,
    joining,
    linalg,
    lines,
    products,
    protocol,
    reductions,
    shapes,
    statistics,
)
from .left_out import LEFT_OUT
from .table import TABLE

# importing these fills the table
_MODULES = (
    creation,
    diagonals,
    elementwise,
    indexing,
    joining,
    lines,
    products,
    protocol,
    reductions,
    shapes,
    statistics,
)
CONSTANTS = ("pi", "e", "euler_gamma", "inf", "nan", "newaxis", "index_exp", "s_", "mgrid", "ogrid", "c_", "r_")

globals().update({_name: _entry.public for _name, _entry in TABLE.items()})
globals().update({_name: getattr(numpy, _name) for _name in CONSTANTS})


def __getattr__(name: str) -> Any:
    reason = f" ({LEFT_OUT[name]})" if name in LEFT_OUT else ""
    raise AttributeError(f"gpugrad.numpy has no {name}{reason}")


__all__ = [*TABLE, *CONSTANTS, "linalg"]
