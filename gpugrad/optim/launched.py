"""An optimizer's update on a GPU as one call of a program: the kernel that updates all parameters where they lie."""

from __future__ import annotations

from typing import Any

from ..core.trace_state import State
from ..core.traced import Traced, Value
from .fused import has_kernel


class Update:
    """What stands in a call in place of a primitive.

    Operands: parameters, their gradients, flat state arrays, the float32 master weights if there are any, coefficients.
    The outputs are what all of these but gradients and coefficients become.
    """

    name, kind = "update", "update"

    def __init__(self, rule: str, options: dict[str, Any], starts: list[int], n_state: int, has_master: bool) -> None:
        self.rule, self.options, self.starts = rule, options, starts
        self._n_state, self._has_master = n_state, has_master

    @property
    def n_params(self) -> int:
        """How many parameters, and as many gradients."""
        return len(self.starts)

    def changed(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands that are updated, in the order of the outputs."""
        n, first = self.n_params, 2 * self.n_params
        return (*operands[:n], *operands[first : first + self._n_state + self._has_master])

    def in_place(self, *arrays: Any) -> tuple[Any, ...]:
        """Update the operands where they lie."""
        from ..cuda import optimizer

        n = self.n_params
        params, grads, rest = list(arrays[:n]), list(arrays[n : 2 * n]), arrays[2 * n :]
        state, rest = rest[: self._n_state], rest[self._n_state :]
        flat = optimizer.Flat(self.starts, state, rest[0] if self._has_master else None)
        done = getattr(optimizer, self.rule)(params, grads, flat, rest[self._has_master :], **self.options)
        if done is NotImplemented:
            raise TypeError(f"optimizer: no kernel {self.rule} for {[str(a.dtype) for a in arrays]}")
        return self.changed(arrays)

    def bind(self, backend: Any) -> Any:
        """The update as a function that leaves its operands as they are."""
        return self.apart

    def apart(self, *arrays: Any) -> tuple[Any, ...]:
        """What the operands become, in new arrays."""
        mine = {id(a) for a in self.changed(arrays)}
        return self.in_place(*(a.copy() if id(a) in mine else a for a in arrays))

    def __repr__(self) -> str:
        return self.rule


def serves(bucket: Any, rule: Any, ks: list[int], grads: list[Any]) -> bool:
    """True where a kernel updates parameters `ks` by these gradients."""
    from ..cuda.kernel import type_name

    alike = all(grads[k].dtype == bucket.dtype and bucket.params[k].data.flags.c_contiguous for k in ks)
    return has_kernel(rule) and type_name(bucket.dtype) is not None and alike


def record(
    bucket: Any, rule: Any, group: dict[str, Any], state: State, ks: list[int], grads: list[Any], c: list[Traced]
) -> None:
    """Write down the update of parameters `ks`, which stand for their new values from here on."""
    name, options = rule.kernel(group)
    slots = [*bucket.names, *(["master"] if bucket.narrow else [])]
    params = [bucket.params[k].data for k in ks]
    changed = [*params, *(state.array(bucket.flat[slot]) for slot in slots)]
    update = Update(name, options, [bucket.spans[k][0] for k in ks], len(bucket.names), bucket.narrow)
    gradients = [state.trace.as_traced(grads[k]) for k in ks]
    operands = (*params, *gradients, *changed[len(ks) :], *c)
    outputs = tuple(Value(traced.array, "temp") for traced in changed)
    state.trace.calls.append((update, tuple(traced.value for traced in operands), {}, outputs))
    for traced, value in zip(changed, outputs, strict=True):
        traced.write(Traced(state.trace, traced.array, value))
