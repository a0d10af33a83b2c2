"""A stretch of the flat state, the parts of parameters that belong to it, and one update of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.precision import is_narrow


class Part(NamedTuple):
    """A whole parameter, or a flat piece of it, and its place in the bucket's flat arrays."""

    k: int  # which parameter of the bucket
    lo: int
    hi: int
    piece: slice | None  # of the flattened parameter; None: the whole, in its own shape
    data: Any  # view of the parameter's array


class Scratch:
    """Arrays that all blocks of a bucket share, as long as the longest: nothing is allocated in a step."""

    def __init__(self, xp: Any, empty: Callable[..., Any], size: int, compute: Any, dtype: Any) -> None:
        self.xp = xp
        self.out, self.tmp, self.p, self.g = (empty(size, compute) for _ in range(4))
        self.narrow = (empty(size, dtype), empty(size, bool)) if is_narrow(dtype) else ()


class Block:
    """One update.  A large contiguous parameter of float32 or float64 is updated where it is; others by way of copies.

    Parameters of 2-byte dtypes are copies of their float32 master weights, which are part of the state.
    """

    def __init__(self, scratch: Scratch, parts: list[Part], state: tuple[Any, ...], master: Any) -> None:
        self.scratch, self.parts, self._all = scratch, parts, (state, master)
        lo, hi = parts[0].lo, parts[-1].hi
        n = hi - lo
        self.state = tuple(s[lo:hi] for s in state)
        self._apart: list[Block] | None = [self] if len(parts) == 1 else None
        self.out, self.tmp = scratch.out[:n], scratch.tmp[:n]
        self.in_place = master is None and parts[0].piece is not None
        if self.in_place:
            self.p = parts[0].data
            return
        self.p, self.g = scratch.p[:n] if master is None else master[lo:hi], scratch.g[:n]
        self.copies, self.roundings = [], []
        for part in parts:
            at, shape = slice(part.lo - lo, part.hi - lo), part.data.shape
            p, g = self.p[at].reshape(shape), self.g[at].reshape(shape)
            self.copies.append((part.k, part.piece, part.data, p, g))
            if master is not None:
                self.roundings.append((part.data, p, *(s[at].reshape(shape) for s in scratch.narrow)))

    def apart(self) -> list[Block]:
        """A block for each parameter, for when some have no gradient, or had none before."""
        if self._apart is None:
            self._apart = [Block(self.scratch, [part], *self._all) for part in self.parts]
        return self._apart

    def run(self, rule: Any, group: dict[str, Any], c: Any, grads: list[Any]) -> None:
        """Let `rule`, an Optimizer, update the parameters by their gradients."""
        xp = self.scratch.xp
        if self.in_place:
            part = self.parts[0]
            g = grads[part.k].reshape(-1)[part.piece]
            rule.update(xp, group, c, self.p, g, self.state, self.out, self.tmp)
            return
        for k, piece, data, p, g in self.copies:
            g[...] = grads[k] if piece is None else grads[k].reshape(-1)[piece]
            if not self.roundings:
                p[...] = data
        for data, master, rounded, differs in self.roundings:
            _adopt(xp, data, master, rounded, differs)
        rule.update(xp, group, c, self.p, self.g, self.state, self.out, self.tmp)
        for _, _, data, p, _ in self.copies:
            data[...] = p


def _adopt(xp: Any, data: Any, master: Any, rounded: Any, differs: Any) -> None:
    """Take over the elements of `data` that somebody has written since they were rounded from `master`."""
    rounded[...] = master
    xp.not_equal(data, rounded, out=differs)
    xp.copyto(master, data, where=differs, casting="unsafe")
