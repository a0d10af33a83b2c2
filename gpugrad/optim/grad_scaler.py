"""Loss scaling for float16, whose gradients would underflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import backend_of_type
from ..core.precision import is_narrow
from ..core.tape import mark_written
from ..core.tensor import Tensor
from ..errors import ArgumentError, CheckpointError, GradientError
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
        self._scale, self._good_steps = float(init_scale), 0
        self._finite: dict[int, Any] = {}  # by optimizer: whether its gradients are, once unscaled

    def get_scale(self) -> float:
        """The factor in use: 1 where not enabled."""
        return self._scale if self.enabled else 1.0

    def scale(self, loss: Any) -> Any:
        """loss times the scale: recorded, so that backward() through it gives scaled gradients."""
        return loss * self._scale if self.enabled else loss

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
        params = [p for group in optimizer.param_groups for p in group["params"]]
        finite = [_unscale(grad, 1 / self._scale) for p in params if (grad := p.grad) is not None]
        self._finite[id(optimizer)] = all_of(finite)

    def step(self, optimizer: Optimizer) -> bool:
        """optimizer.step(), unless a gradient is not finite; unscales first if need be.  True where it stepped."""
        if self.enabled:
            if id(optimizer) not in self._finite:
                self.unscale_(optimizer)
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
        self._good_steps += 1
        if not all(self._finite.values()):
            self._scale, self._good_steps = self._scale * self.backoff_factor, 0
        elif self._good_steps == self.growth_interval:
            self._scale, self._good_steps = min(self._scale * self.growth_factor, LARGEST), 0
        self._finite.clear()

    def state_dict(self) -> dict[str, Any]:
        """{"scale", "growth_tracker"}: the factor, and steps since it last changed; fit for JSON."""
        return {"scale": self._scale, "growth_tracker": self._good_steps}

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
        self._scale, self._good_steps = scale, tracker


def all_of(flags: list[Any]) -> Any:
    """True if all are: one value on their device, so that asking waits for it once."""
    if not flags or isinstance(flags[0], (bool, np.generic)):
        return all(flags)
    return backend_of_type(type(flags[0])).xp.stack(flags).all()


def _unscale(grad: Tensor, factor: float) -> Any:
    """Multiply a gradient, and say whether all of it is finite."""
    data = grad.data
    if is_narrow(data.dtype):
        grad.data = data = data.astype(np.float32)
    if isinstance(data, np.generic):
        grad.data = data = data * data.dtype.type(factor)
    else:
        mark_written(data)
        data *= factor
    return backend_of_type(type(data)).xp.isfinite(data).all()
