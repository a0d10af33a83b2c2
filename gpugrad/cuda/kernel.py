"""What every launcher shares: names of types, grid arithmetic, and the launch itself."""

import functools
import math
from typing import Any

import numpy as np

from . import runtime

_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "__half", "bfloat16": "__nv_bfloat16"}
TYPES = tuple(_TYPE_NAMES.values())
MAX_GRID_Y = 65535
MOST_COLUMNS = 2**30 - 1  # of a row: kernels count them, and twice as many sums, in 32 bits
NULL = np.uintp(0)  # for a pointer argument that is not there


@functools.cache
def type_name(dtype: Any) -> str | None:
    """The C++ name of a storage dtype, None where the kernels have none."""
    return _TYPE_NAMES.get(np.dtype(dtype).name)


def c_contiguous(*arrays: Any) -> bool:
    """True where every array lies in C order without gaps (None counts as such)."""
    return all([a is None or a.flags.c_contiguous for a in arrays])  # a list: a generator costs twice as much


def aligned(*arrays: Any) -> bool:
    """True where every array begins at a multiple of 16 bytes."""
    return all([a is None or a.data.ptr % 16 == 0 for a in arrays])


def blocks_for(n: int, per_block: int, most: int | None = None) -> int:
    """How many blocks cover n items, at least one, at most `most` where the kernel strides over the grid."""
    n_blocks = max(1, math.ceil(n / per_block))
    return n_blocks if most is None else min(n_blocks, most)


def launch(
    file: str, name: str, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], shared_bytes: int = 0
) -> None:
    """Launch the kernel `name`, a name expression such as "relu<float>", of kernels/`file`.

    Scalars must be NumPy scalars of the parameter's own type (np.int32, np.float32): their bytes are passed.
    """
    runtime.current().launch(file, name, grid, block, args, shared_bytes)
