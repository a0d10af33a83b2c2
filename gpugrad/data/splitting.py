"""Splitting rows into training, validation and held-out parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from .shuffle import SPLIT, check_seed, permutation
from .table import Array


def split(
    n: int,
    fractions: Sequence[float],
    seed: int = 0,
    stratify: Array | Sequence[object] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[Array, ...]:
    """Disjoint ascending index arrays that cover 0..n-1, one for each fraction.

    A part's size is n times its fraction, rounded so that all parts add up.  With `stratify`, labels (n,), each class
    is split so by itself, has at least one member in every part, and the parts still keep their sizes.  `names[c]` is
    what a message calls label c.
    Raises ArgumentError for fractions that are not positive or do not sum to 1, and for a bad seed; ShapeError for
    labels of another length; DataError for too few rows or class members to give each part one.

    >>> [part.tolist() for part in split(6, (0.5, 0.5), seed=1)]
    [[0, 3, 5], [1, 2, 4]]
    """
    check_seed("split", seed)
    shares = checked_shares(fractions)
    if stratify is None:
        _refuse_few(n, len(shares), "the data", "give it more rows or ask for fewer parts")
        parts = _cut(permutation(n, SPLIT, seed), shares, np.zeros(len(shares)))
    else:
        parts = _stratified(n, shares, seed, np.asarray(stratify), names)
    return tuple(np.sort(part) for part in parts)


def checked_shares(fractions: Sequence[float]) -> Array:
    """The fractions as an array that sums to 1.  Raises ArgumentError for what are none."""
    try:
        shares = np.asarray(fractions, dtype=np.float64)
    except (TypeError, ValueError):
        shares = np.empty(0)
    if shares.size == 0 or shares.ndim != 1 or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ArgumentError(
            f"split: fractions are {fractions!r}; expected positive numbers that sum to 1, such as (0.8, 0.2)"
        )
    scaled: Array = shares / shares.sum()
    return scaled


def _stratified(n: int, shares: Array, seed: int, labels: Array, names: Sequence[str] | None) -> list[Array]:
    if labels.shape != (n,):
        raise ShapeError(f"split: stratify has shape {labels.shape}; expected ({n},), one label for each row")
    classes, codes = np.unique(labels, return_inverse=True)
    order = permutation(n, SPLIT, seed)
    by_class = order[np.argsort(codes[order], kind="stable")]  # grouped by class, shuffled inside
    groups = np.split(by_class, np.cumsum(np.bincount(codes))[:-1])
    for label, group in zip(classes.tolist(), groups, strict=True):
        name = names[label] if names else label
        fix = "remove or merge the class, or split with stratify=None"
        _refuse_few(len(group), len(shares), f"class {name!r}", fix)
    owed = np.zeros(len(shares))  # keeps the whole parts near their sizes, over any number of classes
    cuts = [_cut(group, shares, owed) for group in groups]
    return [np.concatenate(part) for part in zip(*cuts, strict=True)]


def _refuse_few(n: int, n_parts: int, what: str, fix: str) -> None:
    if n < n_parts:
        rows = f"{n} row" if n == 1 else f"{n} rows"
        raise DataError(f"split: {what} has {rows}; expected at least {n_parts}, one for each part: {fix}")


def _cut(order: Array, shares: Array, owed: Array) -> list[Array]:
    """Cut by floors, then a row each to the largest remainders; `owed` carries what rounding left over."""
    exact = len(order) * shares
    sizes = np.floor(exact + 1e-9).astype(np.int64)
    rest = exact - sizes
    leftover = len(order) - int(sizes.sum())
    first = np.argsort(np.where(rest > 1e-9, -rest - owed, np.inf), kind="stable")
    sizes[first[:leftover]] += 1
    while (sizes == 0).any():  # a small class: lend a row to each part that got none
        sizes[np.argmin(sizes)] += 1
        sizes[np.argmax(sizes)] -= 1
    owed += exact - sizes
    return np.split(order, np.cumsum(sizes)[:-1])
