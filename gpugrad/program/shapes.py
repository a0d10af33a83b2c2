"""Shapes and dtypes of results, without computing them."""

import functools
import math
from typing import Any

import numpy as np


def filled_shape(given: tuple[Any, ...], size: int) -> tuple[int, ...]:
    """The shape that reshape(*given) means for an array of `size` elements."""
    wanted = given[0] if len(given) == 1 and isinstance(given[0], tuple | list) else given
    wanted = tuple(int(n) for n in wanted)
    known = math.prod(n for n in wanted if n != -1)
    return tuple(size // max(known, 1) if n == -1 else n for n in wanted)


def product_shape(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a matrix product."""
    core = (*left[-2:-1], *(right[-1:] if len(right) > 1 else ()))
    return (*np.broadcast_shapes(left[:-2], right[:-2]), *core)


@functools.lru_cache(maxsize=4096)
def loop_dtypes(ufunc: Any, samples: tuple[Any, ...]) -> tuple[Any, ...]:
    """The dtypes that a ufunc casts its operands to, and the result's.  Samples are dtypes and Python numbers."""
    with np.errstate(all="ignore"):
        result = ufunc(*(np.ones(1, s) if isinstance(s, np.dtype) else s for s in samples)).dtype
    if ufunc is np.where:
        return np.dtype(bool), result, result, result
    try:
        kinds = tuple(
            s if isinstance(s, np.dtype) else type(s) if type(s) is not bool else np.dtype(bool) for s in samples
        )
        loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout))[: len(samples)]
    except TypeError:
        loop = samples
    return (*(d if isinstance(s, np.dtype) else None for d, s in zip(loop, samples, strict=True)), result)
