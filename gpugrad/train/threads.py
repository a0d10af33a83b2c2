"""How many threads BLAS is given."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from itertools import pairwise
from typing import Any

# With fewer multiplications in a step's largest product, threads wait for each other more than they help, and ten times
# as long on a machine that has other work too.
WORTH_SHARING = 1 << 25
CHOSEN_BY = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def blas_threads_for(sizes: tuple[int, ...], batch_size: int) -> AbstractContextManager[Any]:
    """A scope with one BLAS thread for an MLP of small products, and the threads there are for a large one.

    sizes: the widths of all layers.  Nothing changes where an environment variable chooses the number, or threadpoolctl
    is not installed.
    """
    largest = max(a * b for a, b in pairwise(sizes)) * batch_size
    if largest >= WORTH_SHARING or any(name in os.environ for name in CHOSEN_BY):
        return nullcontext()
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1, user_api="blas")
    return limits
