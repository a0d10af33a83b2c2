"""Permutations that depend on their key alone."""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError
from .table import Array

# First word of a key, so that a split and a loader with one seed do not share their randomness.
SPLIT, LOADER = 1, 2


def permutation(n: int, *key: int) -> Array:
    """A uniform permutation of 0..n-1, the same for the same key.  Shapes: (n,) int64.

    It ranks raw 64-bit draws of PCG64, which NumPy guarantees never to change, while the stream of
    `Generator.permutation` may (NEP 19): a held-out part must not move into training with an upgrade.

    >>> sorted(permutation(5, 7).tolist())
    [0, 1, 2, 3, 4]
    """
    draws = np.random.PCG64(np.random.SeedSequence(key)).random_raw(n)
    return np.argsort(draws, kind="stable")


def check_seed(operation: str, seed: int) -> int:
    """The seed as int; ArgumentError unless it is a whole number of 0 or more."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ArgumentError(f"{operation}: seed is {seed!r}; expected a whole number, 0 or more")
    return int(seed)
