"""Loss scaling for float16, whose gradients would underflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import backend_of_type
from ..core import tape
from ..core.precision import is_narrow
from ..core.tape import mark_written
from ..core.tensor import Tensor
from ..errors import ArgumentError, CheckpointError, GradientError
from . import traced_scaler
from .optimizer import Optimizer

LARGEST = float(np.finfo(np.float32).max)


class GradScaler:
    """Multiplies the loss so that float16 gradients do not underflow, and skips the steps in which they overflow.

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)          # only where gradients are looked at, to clip them, say
        scaler.step(optimizer)              # skipped if a gradient is not finite
        scaler.update()

    The scale falls by `backoff_factor` after a step with overflow, and grows by `growth_factor` after `growth_interval`
    steps without one.  With `enabled=False` every method passes its argument through.  Compute the loss itself in
    float32: in float16 no scale above 65504 can pass through it, and the first steps are spent finding that out.

    In a compiled function `step` gives a value, as each call decides anew: a skipped step writes everything as it was,
    and does not count.

    Raises ArgumentError for factors that do not grow and shrink, or numbers that are not positive.
    Source: Micikevicius et al., Mixed precision training (2018), section 3.2.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not (0 < init_scale <= LARGEST and growth_factor > 1 and 0 < backoff_factor < 1 and growth_interval >= 1):
            raise ArgumentError(
                f"GradScaler: got init_scale {init_scale!r}, growth_factor {growth_factor!r}, backoff_factor "
                f"{backoff_factor!r}, growth_interval {growth_interval!r}; expected init_scale > 0, growth_factor > 1, "
                "0 < backoff_factor < 1 and growth_interval >= 1"
            )
        self.growth_factor, self.backoff_factor = float(growth_factor), float(backoff_factor)
        self.growth_interval, self.enabled = int(growth_interval), enabled
        self._scale, self._good_steps = np.array(float(init_scale)), np.array(0)  # arrays that programs write, too
        self._finite: dict[int, Any] = {}  # by optimizer: whether its gradients are, once unscaled
        self._places: dict[int, Any] = {}  # and the arrays in which that is said
        self._forgotten: dict[int, Any] = {}

    def get_scale(self) -> float:
        """The factor in use: 1 where not enabled."""
        return float(self._scale) if self.enabled else 1.0

    def scale(self, loss: Any) -> Any:
        """loss times the scale: recorded, so that backward() through it gives scaled gradients."""
        if not self.enabled:
            return loss
        if (state := tape.traced_state()) is not None:
            return traced_scaler.scale(self, loss, state)
        return loss * float(self._scale)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of `optimizer` by the scale; those of 2-byte dtypes become float32, or they underflow.

        Raises GradientError when called twice before `update`.
        """
        if not self.enabled:
            return
        if id(optimizer) in self._finite:
            raise GradientError(
                "GradScaler.unscale_: called twice since update(); expected one call for each optimizer"
            )
        if (state := tape.traced_state()) is not None:
            return traced_scaler.unscale(self, optimizer, state)
        finite = self._unscaled(optimizer, 1 / float(self._scale))
        if isinstance(finite, (bool, np.generic)):
            place = self._place(optimizer)
            place[...] = finite
            finite = place
        self._finite[id(optimizer)] = finite

    def _unscaled(self, optimizer: Optimizer, factor: Any) -> Any:
        """Multiply the gradients, and say whether all are finite."""
        params = [p for group in optimizer.param_groups for p in group["params"]]
        return all_of([_unscale(grad, factor) for p in params if (grad := p.grad) is not None])

    def _place(self, optimizer: Optimizer) -> Any:
        return self._places.setdefault(id(optimizer), np.array(True))

    def step(self, optimizer: Optimizer) -> Any:
        """optimizer.step(), unless a gradient is not finite; unscales first if need be.  True where it stepped."""
        if self.enabled:
            if id(optimizer) not in self._finite:
                self.unscale_(optimizer)
            if (state := tape.traced_state()) is not None:
                return traced_scaler.step(self, optimizer, state)
            if not self._finite[id(optimizer)]:
                return False
        optimizer.step()
        return True

    def update(self) -> None:
        """Set the scale for the next iteration; once, after the steps.  Raises GradientError if there was none."""
        if not self.enabled:
            return
        if not self._finite:
            raise GradientError(
                "GradScaler.update: no step since the last update(); expected scaler.step(optimizer) first"
            )
        if (state := tape.traced_state()) is not None:
            return traced_scaler.update(self, state, LARGEST)
        self._good_steps += 1
        if not all(self._finite.values()):
            self._set(float(self._scale) * self.backoff_factor, 0)
        elif self._good_steps == self.growth_interval:
            self._set(min(float(self._scale) * self.growth_factor, LARGEST), 0)
        self._forget()

    def _set(self, scale: float, good_steps: int) -> None:
        self._scale[...], self._good_steps[...] = scale, good_steps

    def _forget(self) -> None:
        self._forgotten = dict(self._finite)
        self._finite.clear()

    def _remember(self) -> None:
        self._finite.update(self._forgotten)

    def _settings(self) -> tuple[Any, ...]:
        """What decides, besides values, what a call does."""
        return self.enabled, self.growth_factor, self.backoff_factor, self.growth_interval, *self._finite

    def state_dict(self) -> dict[str, Any]:
        """{"scale", "growth_tracker"}: the factor, and steps since it last changed; fit for JSON."""
        return {"scale": float(self._scale), "growth_tracker": int(self._good_steps)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`; raises CheckpointError where it does not hold what `state_dict` gives."""
        if not isinstance(state, dict):
            raise CheckpointError(f"GradScaler: the state is a {type(state).__name__}; expected a state_dict()")
        scale, tracker = (state.get(key) for key in ("scale", "growth_tracker"))
        if not (isinstance(scale, float) and 0 < scale <= LARGEST and isinstance(tracker, int) and tracker >= 0):
            raise CheckpointError(
                f"GradScaler: the state has scale {scale!r} and growth_tracker {tracker!r}; expected a positive number "
                "and a whole one: the checkpoint is damaged"
            )
        self._set(scale, tracker)


def all_of(flags: list[Any]) -> Any:
    """True if all are: one value on their device, so that asking waits for it once."""
    if not flags or isinstance(flags[0], (bool, np.generic)):
        return all(flags)
    return backend_of_type(type(flags[0])).xp.stack(flags).all()


def _unscale(grad: Tensor, factor: Any) -> Any:
    """Multiply a gradient, and say whether all of it is finite."""
    data = grad.data
    if is_narrow(data.dtype):
        grad.data = data = data.astype(np.float32)
    if tape.traced_state() is not None:
        factor = factor.astype(data.dtype)
    if isinstance(data, np.generic):
        grad.data = data = data * data.dtype.type(factor)
    else:
        mark_written(data)
        data *= factor
    return backend_of_type(type(data)).xp.isfinite(data).all()
