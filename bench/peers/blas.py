"""How many threads NumPy's BLAS takes, changed while the program runs."""

from functools import cache
from typing import Any


def use_threads(threads: int) -> None:
    """For whoever computes with NumPy; nothing where threadpoolctl is not installed."""
    for pool in _pools():
        pool.set_num_threads(threads)


@cache
def _pools() -> list[Any]:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
