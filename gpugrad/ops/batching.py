"""What batching rules share: inputs without the batch axis given one."""

from collections.abc import Sequence
from typing import Any


def size(batched: Sequence[bool], xs: Sequence[Any]) -> int:
    """Length of the batch axis, the first of each batched input."""
    return next(x.shape[0] for x, mine in zip(xs, batched, strict=True) if mine)


def repeated(F: Any, x: Any, n: int) -> Any:
    """x with a batch axis in front, the same for all, without copying."""
    return F.broadcast_to(x, shape=(n, *x.shape))


def all_batched(F: Any, batched: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """The inputs, each with a batch axis in front."""
    n = size(batched, xs)
    return [x if mine else repeated(F, x, n) for x, mine in zip(xs, batched, strict=True)]


def all_ranked(F: Any, batched: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """The inputs, each with an axis in front, of length 1 where it had no batch axis: to be broadcast."""
    return [x if mine else F.reshape(x, shape=(1, *x.shape)) for x, mine in zip(xs, batched, strict=True)]
