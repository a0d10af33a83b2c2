"""The values of a Module by name: reading them out, and putting others in, all or nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..backend import array_device
from ..backend.device import to_numpy
from ..core.tape import mark_written
from ..core.tensor import Tensor, is_floating, raw
from ..errors import CheckpointError


class Loaded(NamedTuple):
    """What `load_state_dict` left out: names the module has and the state lacks, and the other way round."""

    missing: list[str]
    unexpected: list[str]


class _Place(NamedTuple):
    tensor: Tensor
    is_buffer: bool
    optional: bool


def _places(module: Any) -> Iterator[tuple[str, _Place]]:
    """Every name of every parameter and buffer, a module's own before those below it."""
    for path, owner in module.named_modules(unique=False):
        own = vars(owner)
        parameters, buffers = own.get("_parameters", {}), own.get("_buffers", {})
        for declared in (parameters, buffers):
            for name, value in own.items():
                if name in declared and isinstance(value, Tensor):
                    is_buffer = declared is buffers
                    place = _Place(value, is_buffer, is_buffer and buffers[name])
                    yield f"{path}.{name}" if path else name, place


def read_state(module: Any) -> dict[str, np.ndarray]:
    """Copies of all parameters and buffers by name."""
    return {name: np.array(to_numpy(raw(place.tensor))) for name, place in _places(module)}


def load_state(module: Any, state: Mapping[str, Any], strict: bool) -> Loaded:
    """Put the values of `state` in, or raise CheckpointError with every fault and put none in."""
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"load_state_dict: state is a {type(state).__name__}; expected a dictionary, as state_dict()"
        )
    places = dict(_places(module))
    missing = [name for name, place in places.items() if name not in state and not place.optional]
    unexpected = [name for name in state if name not in places]
    faults: list[str] = []
    values: dict[str, Any] = {}
    if strict and missing:
        faults.append("missing " + ", ".join(missing))
    if strict and unexpected:
        faults.append("unexpected " + ", ".join(map(str, unexpected)))
    seen: dict[int, str] = {}
    for name in (name for name in places if name in state):
        t = places[name].tensor
        value, fault = _readable(name, state[name], t)
        first = seen.setdefault(id(t), name)
        if fault is None and first in values and not np.array_equal(values[first], value):
            fault = f"{first} and {name} are one tied tensor here and differ there"
        if fault is not None:
            faults.append(fault)
        values[name] = value
    if faults:
        raise CheckpointError(f"load_state_dict: {'; '.join(faults)}; nothing was loaded")
    for name, value in values.items():
        _put(places[name], value)
    return Loaded(missing, unexpected)


def _readable(name: str, value: Any, t: Tensor) -> tuple[Any, str | None]:
    """(array, None), or (None, what is wrong with it)."""
    try:
        array = np.asarray(to_numpy(raw(value) if isinstance(value, Tensor) else value))
    except Exception as error:
        return None, f"{name} cannot be read as an array ({error})"
    if array.shape != t.shape:
        return None, f"{name} has shape {array.shape}, expected {t.shape}"
    if not (is_floating(array.dtype) and is_floating(t.dtype)) and not np.can_cast(array.dtype, t.dtype, "same_kind"):
        return None, f"{name} has dtype {array.dtype}, expected one that converts to {t.dtype}"
    return array, None


def _put(place: _Place, value: np.ndarray) -> None:
    """Parameters are written in place, as an optimizer may hold views of them; a buffer's array is replaced."""
    t = place.tensor
    array = array_device(raw(t)).asarray(value.astype(t.dtype))
    if place.is_buffer or not getattr(t.data.flags, "writeable", True):
        t.data = array
    else:
        t.data[...] = array
        mark_written(t.data)
