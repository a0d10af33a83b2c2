"""How exactly float32 matrix products are computed on a GPU: in float32, or with TF32's 10-bit mantissa."""

import contextlib

from ..errors import ArgumentError

LEVELS = ("float32", "tf32")
_level = [LEVELS[0]]


class matmul_precision(contextlib.AbstractContextManager["matmul_precision"]):
    """Set how float32 matrix products are computed on a GPU; as a context manager, for its block only.

    level: "float32" (the default: float32 products and sums), or "tf32": operands rounded to 10 bits of mantissa, sums
    in float32, several times as fast on cards from sm_80 on.  Other dtypes and the CPU are not concerned.

    Raises ArgumentError for another level.

    >>> with matmul_precision("tf32"):
    ...     current_precision()
    'tf32'
    >>> current_precision()
    'float32'
    """

    def __init__(self, level: str) -> None:
        if level not in LEVELS:
            raise ArgumentError(f"matmul_precision: level is {level!r}; expected one of {LEVELS}")
        self._before = _level[0]
        _level[0] = level

    def __exit__(self, *exc: object) -> None:
        _level[0] = self._before


def current_precision() -> str:
    """The level in force."""
    return _level[0]
