"""Batched values: one level of vmap.  The batch axis of a Batched is axis 0 of its data; its own shape leaves it out.

A primitive meets a batch by a rule of its own (`@op.batch`), by the rule of its family, or, without either, example by
example.  A rule is `rule(F, batched, *inputs, **params)`: `batched[i]` says whether inputs[i] has the batch axis in
front, and what it gives has it in front too.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from .namespace import OPS
from .record import INTERPRETERS, operand
from .tensor import Tensor

_new = object.__new__


class Batched(Tensor):
    """A Tensor of one vmap level: `data` has the batch axis in front of the logical axes."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape[1:]

    @property
    def ndim(self) -> int:
        return len(self.data.shape) - 1

    @property
    def size(self) -> int:
        return self.data.size // max(1, self.data.shape[0])

    def detach(self) -> Tensor:
        """The same values outside any recording, and still one for each example."""
        return batched(self.data.detach() if isinstance(self.data, Tensor) else self.data, self.level)

    def _concrete(self, asked_by: str) -> Any:
        raise ArgumentTypeError(
            f"{asked_by}: a value inside vmap stands for many and has no single value; use gpugrad's operations on it "
            "(ops.where(x > 0, a, b), ops.getitem(array, i)), or vmap outside"
        )

    def numpy(self) -> Any:
        """Refused, as for any single value."""
        return self._concrete("numpy")


def batched(data: Any, level: int) -> Batched:
    """A Batched from a value whose axis 0 is the batch."""
    b = _new(Batched)
    b.data, b.level, b.node = data, level, None
    return b


def spread(p: Any, level: int, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Compute primitive `p` one level down, for all examples at once."""
    flags, inner = [], []
    for a in args:
        mine = isinstance(a, Tensor) and a.level == level
        flags.append(mine)
        inner.append(a.data if mine else operand(p, a))
    if p.batch_rule is not None:
        y = p.batch_rule(OPS, tuple(flags), *inner, **params)
    else:
        y = FAMILIES.get(p.family, example_by_example)(p, tuple(flags), inner, params)
    return tuple(batched(v, level) for v in y) if isinstance(y, tuple) else batched(y, level)


def batch_size(flags: tuple[bool, ...], inner: list[Any]) -> int:
    """Length of the batch axis."""
    return next(x.shape[0] for x, mine in zip(inner, flags, strict=True) if mine)


def elementwise(p: Any, flags: tuple[bool, ...], inner: list[Any], params: dict[str, Any]) -> Any:
    """Broadcasting counts axes from the last, so a batched input of fewer axes gets 1s behind its batch axis."""
    ranks = [len(getattr(x, "shape", ())) - mine for x, mine in zip(inner, flags, strict=True)]
    rank = max(ranks)
    if min(ranks) == rank:
        return p.call(*inner, **params)

    def aligned(x: Any, mine: bool, own: int) -> Any:
        if not mine or own == rank:
            return x
        return OPS.reshape(x, shape=(x.shape[0], *(1,) * (rank - own), *x.shape[1:]))

    return p.call(*(aligned(*each) for each in zip(inner, flags, ranks, strict=True)), **params)


def along_axis(p: Any, flags: tuple[bool, ...], inner: list[Any], params: dict[str, Any]) -> Any:
    """One input, and an `axis` parameter of non-negative numbers: every axis moves up by one."""
    axis = params["axis"]
    shifted = axis + 1 if isinstance(axis, int) else tuple(i + 1 for i in axis)
    return p.call(*inner, **{**params, "axis": shifted})


def example_by_example(p: Any, flags: tuple[bool, ...], inner: list[Any], params: dict[str, Any]) -> Any:
    """The slow way that always holds: call for each example and stack."""
    n = batch_size(flags, inner)
    if n == 0:
        raise ArgumentError(f"vmap: {p.name} cannot be mapped over an axis of length 0; expected at least one example")

    def call(i: int) -> Any:
        return p.call(*(x[i] if mine else x for x, mine in zip(inner, flags, strict=True)), **params)

    results = [call(i) for i in range(n)]
    if isinstance(results[0], tuple):
        return tuple(_stacked(p, column) for column in zip(*results, strict=True))
    return _stacked(p, results)


def _stacked(p: Any, results: Sequence[Any]) -> Any:
    shapes = [tuple(y.shape) for y in results]
    if other := next((i for i, shape in enumerate(shapes) if shape != shapes[0]), 0):
        raise ShapeError(
            f"vmap: {p.name} gives shape {shapes[0]} for example 0 but {shapes[other]} for example {other}; expected "
            "one shape (of a mask that differs between examples, ops.where(mask, x, 0.0) keeps it)"
        )
    return OPS.stack(*results, axis=0)


Family = Callable[[Any, tuple[bool, ...], list[Any], dict[str, Any]], Any]
FAMILIES: dict[str | None, Family] = {
    "elementwise": elementwise,
    "reduce": along_axis,
    "axis": along_axis,
}
INTERPRETERS[Batched] = spread
