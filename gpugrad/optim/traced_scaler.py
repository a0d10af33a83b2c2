"""A loss scaler while a function is compiled: the scale and what was found lie in 0-d arrays that programs write."""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

from ..core.namespace import RAW
from ..core.trace_state import State
from ..core.traced import Traced
from .optimizer import Optimizer


def scale(scaler: Any, loss: Any, state: State) -> Any:
    """loss times the scale of each call."""
    _know(scaler, state)
    return loss * state.array(scaler._scale).astype(loss.dtype)


def unscale(scaler: Any, optimizer: Optimizer, state: State) -> None:
    """Record the division of the gradients, and whether all are finite."""
    _know(scaler, state)
    factor: Any = state.array(scaler._scale)
    finite = scaler._unscaled(optimizer, 1.0 / factor)
    place, key = scaler._place(optimizer), id(optimizer)
    state.array(place).write(finite)
    state.each_time(partial(scaler._finite.__setitem__, key, place), partial(scaler._finite.pop, key))


def step(scaler: Any, optimizer: Optimizer, state: State) -> Any:
    """Record a step that changes what it changes where the gradients are finite; whether they are."""
    _know(scaler, state)
    place = scaler._finite[id(optimizer)]
    finite = state.array(place).copy()
    state.only_if = finite, place
    try:
        optimizer.step()
    finally:
        state.only_if = None
    return finite


def update(scaler: Any, state: State, largest: float) -> None:
    """Record the choice of the next scale."""
    _know(scaler, state)
    F = RAW[Traced]
    flags: list[Any] = [state.array(place) for place in scaler._finite.values()]
    good = functools.reduce(F.logical_and, flags)
    factor: Any = state.array(scaler._scale)
    n_good: Any = state.array(scaler._good_steps)
    n = n_good + 1
    grown = F.equal(n, scaler.growth_interval)
    larger = F.where(grown, F.minimum(factor * scaler.growth_factor, largest), factor)
    factor.write(F.where(good, larger, factor * scaler.backoff_factor))
    n_good.write(F.where(F.logical_and(good, F.logical_not(grown)), n, 0))
    state.each_time(scaler._forget, scaler._remember)


def _know(scaler: Any, state: State) -> None:
    """Let the program hold while the settings stay, and gradients have been unscaled as they are when it begins."""
    if not any(guard == scaler._settings for guard, _ in state.guards):
        state.guards.append((scaler._settings, scaler._settings()))
