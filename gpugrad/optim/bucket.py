"""Parameters of one group that share dtype and device: where their state lies, and the blocks it is updated in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import array_device, backend_of_type
from ..core import tape
from ..core.precision import is_narrow
from ..core.tape import mark_written
from ..core.tensor import Tensor
from ..errors import ArgumentError, DeviceError, DTypeError, ShapeError
from .block import Block, Part, Scratch

# Elements.  Parameters up to GATHER are copied together and updated by one call a pass, larger ones in place and BLOCK
# at a time, so that all passes over a block but the first find it in the cache.  On a GPU a launch costs more.
GATHER = {"numpy": 1 << 13, "cupy": 1 << 20}
BLOCK = {"numpy": 1 << 17, "cupy": 1 << 22}


class Bucket:
    """Parameters, how many updates each has had, and their state: one flat array a name, in the order `spans`."""

    def __init__(self, params: list[Tensor], labels: list[str]) -> None:
        self.params, self.labels = params, labels
        self.datas = [_writable(p, label) for p, label in zip(params, labels, strict=True)]
        self.shapes = [data.shape for data in self.datas]
        self.set_steps([0] * len(params))
        backend = backend_of_type(type(self.datas[0]))
        self.xp, self.gather, self.block = backend.xp, GATHER[backend.name], BLOCK[backend.name]
        self.dtype = self.datas[0].dtype
        self.narrow = is_narrow(self.dtype)
        self.compute = np.dtype(np.float32) if self.narrow else self.dtype
        self.names: tuple[str, ...] | None = None
        self.flat: dict[str, Any] = {}
        self.spans: list[tuple[int, int]] = [(0, 0)] * len(params)
        self._order = sorted(range(len(params)), key=lambda k: params[k].size > self.gather)  # small ones adjoin
        self.size = 0
        for k in self._order:
            self.spans[k] = (self.size, self.size + params[k].size)
            self.size = self.spans[k][1]
        self._numbers = np.empty(0, self.compute)
        self._scalars: list[Any] = []

    def allocate(self, names: tuple[str, ...]) -> None:
        """Make room for the state arrays `names`, zero at first; those that are there stay as they are."""
        for name in names:
            if name not in self.flat:
                self.flat[name] = self._empty(self.size, self.compute, zero=True)
        if self.narrow and "master" not in self.flat:
            self.flat["master"] = self._empty(self.size, self.compute)
            for k, data in enumerate(self.datas):
                self.state_of(k, "master")[...] = data
        self.names = names
        self._link()

    def state_of(self, k: int, name: str) -> Any:
        """State array `name` of parameter k, in its shape: a view."""
        lo, hi = self.spans[k]
        return self.flat[name][lo:hi].reshape(self.shapes[k])

    def step_of(self, k: int) -> int:
        """How many updates parameter k has had."""
        return self._steps[k] if self.even is None else self.even

    def set_steps(self, steps: list[int]) -> None:
        """How many updates each has had; `even` is that number where it is the same for all, which is faster."""
        self._steps = steps
        self.even = steps[0] if min(steps) == max(steps) else None

    def step(self, rule: Any, group: dict[str, Any]) -> None:
        """Update every parameter that has a gradient by `rule`, an Optimizer."""
        if (state := tape.traced_state()) is not None:
            from . import traced

            return traced.step(self, rule, group, state)
        names = rule.slots(group)
        if names != self.names:
            self.allocate(names)
        grads, all_there = self._gradients()
        try:
            if all_there and self.even is not None:
                c = self._as_scalars(rule.coefficients(group, self.even + 1))
                if not self._fused(rule, group, c, grads, self._order):
                    for block in self.blocks:
                        block.run(rule, group, c, grads)
                self.even += 1
            else:
                self._step_apart(rule, group, grads)
        except (TypeError, ValueError) as error:
            self._explain(grads, error)

    def _fused(self, rule: Any, group: dict[str, Any], c: Any, grads: list[Any], ks: list[int]) -> bool:
        """Update parameters `ks` by a kernel of ours; False where there is none for them."""
        if self.xp is np:
            return False
        from . import fused

        return fused.update(self, rule, group, c, grads, ks)

    def _step_apart(self, rule: Any, group: dict[str, Any], grads: list[Any]) -> None:
        """Some parameters have no gradient, or have had fewer updates than others."""
        steps = [self.step_of(k) for k in range(len(grads))]
        for block in self.blocks:
            for one in block.apart():
                k = one.parts[0].k
                if grads[k] is not None:
                    c = self._as_scalars(rule.coefficients(group, steps[k] + 1))
                    if not self._fused(rule, group, c, grads, [k]):
                        one.run(rule, group, c, grads)
        self.set_steps([step + (g is not None) for step, g in zip(steps, grads, strict=True)])

    def _gradients(self) -> tuple[list[Any], bool]:
        """The gradients as arrays, None where there is none, and whether all are there.  Their parameters are dated."""
        grads: list[Any] = []
        all_there = True
        for k, p in enumerate(self.params):
            if p.data is not self.datas[k]:
                self._replaced(k)
            grad = p.grad
            if grad is None:
                grads.append(None)
                all_there = False
                continue
            g = grad.data
            if g.shape != self.shapes[k]:
                raise ShapeError(
                    f"{self.labels[k]} has shape {self.shapes[k]} and its gradient {g.shape}; expected the same"
                )
            mark_written(p.data)
            grads.append(g)
        return grads, all_there

    def _replaced(self, k: int) -> None:
        """The parameter has been given another array: go on with that one."""
        data = _writable(self.params[k], self.labels[k])
        was, now = ((d.shape, str(d.dtype), str(array_device(d))) for d in (self.datas[k], data))
        if was != now:
            raise ArgumentError(
                f"{self.labels[k]} is now {now} (shape, dtype, device) but was {was} when the optimizer was made; "
                "move or convert the model first, and then make the optimizer"
            )
        self.datas[k] = data
        self._link()

    def _link(self) -> None:
        """The blocks, over the parameters' arrays of now."""
        parts: list[list[Part]] = [[]]
        filled = 0
        for k in self._order:
            lo, hi = self.spans[k]
            data, size = self.datas[k], hi - lo
            if size <= self.gather or not data.flags.c_contiguous:
                if filled + size > self.block:
                    parts.append([])
                    filled = 0
                parts[-1].append(Part(k, lo, hi, None, data))
                filled += size
            else:
                flat = data.reshape(-1)
                pieces = (slice(a, min(a + self.block, size)) for a in range(0, size, self.block))
                parts += [[Part(k, lo + s.start, lo + s.stop, s, flat[s])] for s in pieces] + [[]]
                filled = 0
        parts = [block for block in parts if block]
        longest = max(block[-1].hi - block[0].lo for block in parts)
        scratch = Scratch(self.xp, self._empty, longest, self.compute, self.dtype)
        state = tuple(self.flat[name] for name in self.names or ())
        self.blocks = [Block(scratch, block, state, self.flat.get("master")) for block in parts]

    def _as_scalars(self, values: tuple[float, ...]) -> Any:
        """Host numbers rounded to the parameters' dtype: 0-d arrays for NumPy (read twice as fast), floats for CuPy."""
        if self.xp is not np:
            return values
        if len(self._scalars) != len(values):
            self._numbers = np.empty(len(values), self.compute)
            self._scalars = [self._numbers[i : i + 1].reshape(()) for i in range(len(values))]
        self._numbers[...] = values
        return self._scalars

    def _empty(self, size: int, dtype: Any, zero: bool = False) -> Any:
        make = self.xp.zeros if zero else self.xp.empty
        if self.xp is np:
            return make(size, dtype)
        with self.datas[0].device:
            return make(size, dtype)

    def _explain(self, grads: list[Any], error: Exception) -> None:
        for k, g in enumerate(grads):
            here, there = array_device(self.datas[k]), array_device(g)
            if g is not None and here != there:
                raise DeviceError(
                    f"{self.labels[k]} is on {here} and its gradient on {there}; expected one device"
                ) from error
        raise error


def _writable(p: Tensor, label: str) -> Any:
    """The parameter's array; a NumPy scalar, which cannot be written, becomes a 0-d array first."""
    if isinstance(p.data, np.generic):
        p.data = np.array(p.data)
    if not getattr(p.data.flags, "writeable", True):
        raise ArgumentError(f"{label} is a read-only array; expected one that can be updated in place: pass a copy")
    if p.data.dtype.kind != "f" and p.data.dtype.name != "bfloat16":
        raise DTypeError(f"{label} has dtype {p.data.dtype}; expected float16, bfloat16, float32 or float64")
    return p.data
