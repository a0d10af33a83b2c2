"""What CuPy would do by a launch, done by NumPy, or taken down where a stream is in capture."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpugrad.cuda import runtime

from . import arrays
from .recording import memory_at, recording, require_capturable


class _Placed:
    """An array by its address alone: whether its memory is still there is asked at each replay."""

    def __init__(self, array: Any) -> None:
        self._kind = array.dtype
        self.ref = memory_at(array.data.mem.ptr)[0]
        self._address = _Address(array)

    def view(self) -> np.ndarray:
        return arrays.view_of(self._address, self._kind)


class _Address:
    """What NumPy reads to make a view of memory that it does not keep."""

    def __init__(self, array: Any) -> None:
        self.__array_interface__ = arrays.Interface(array, arrays.plain_kind(array.dtype)).__array_interface__


def _placed(value: Any, refs: list[Any]) -> Any:
    """`value` with every HostArray in it by its address; `refs` gets the owners."""
    if isinstance(value, arrays.HostArray):
        place = _Placed(value)
        refs.append(place.ref)
        return place
    if type(value) in (tuple, list):
        return type(value)(_placed(v, refs) for v in value)
    return {k: _placed(v, refs) for k, v in value.items()} if type(value) is dict else value


def _looked_at(value: Any) -> Any:
    """What `_placed` took away, as NumPy's views."""
    if isinstance(value, _Placed):
        return value.view()
    if type(value) in (tuple, list):
        return type(value)(map(_looked_at, value))
    return {k: _looked_at(v) for k, v in value.items()} if type(value) is dict else value


def perform(name: str, function: Callable[..., Any], args: Any, options: Any, changes: Any = None) -> Any:
    """What CuPy would do by a launch, by NumPy's function; taken down where a stream is in capture.

    changes: the array that is written to, where it is one of the arguments; it is what comes back.
    """
    if recording() is None:
        result = function(*arrays.unwrapped(args), **arrays.unwrapped(options))
        return arrays.rewrapped(result) if changes is None else changes
    from_host = bool(args) and not isinstance(args[0], arrays.HostArray)
    require_capturable(name, getattr(function, "__module__", None) or "", args, from_host)
    refs: list[Any] = []
    given, named = _placed(tuple(args), refs), _placed(dict(options), refs)

    def again() -> Any:
        with np.errstate(all="ignore"):
            return function(*_looked_at(given), **_looked_at(named))

    if changes is not None:
        recording().add(f"cupy.{name}", again, refs)
        return changes
    results: list[_Placed] = []
    with np.errstate(all="ignore"):
        found = function(*arrays.unwrapped(args), **arrays.unwrapped(options))  # of what lies there now, for the shapes
    outputs = _in_pool(found, arrays.unwrapped([*args, *options.values()]), results)
    if results:
        refs += [place.ref for place in results]
        recording().add(f"cupy.{name}", lambda: _fill(results, again()), refs)
    return outputs


def _in_pool(found: Any, inputs: list[Any], results: list[_Placed]) -> Any:
    """Arrays for what a function gave, in the pool of the capture; views of its inputs stay that."""
    if isinstance(found, tuple | list):
        return type(found)(_in_pool(x, inputs, results) for x in found)
    if not isinstance(found, np.ndarray | np.generic):
        return found
    if any(isinstance(x, np.ndarray) and np.may_share_memory(found, x) for x in inputs) and found.base is not None:
        return arrays.wrap(found)
    axes = sorted(range(found.ndim), key=lambda axis: -found.strides[axis])
    new = runtime.current().empty([found.shape[axis] for axis in axes], found.dtype).transpose(np.argsort(axes))
    results.append(_Placed(new))
    return new


def _fill(places: list[_Placed], found: Any) -> None:
    parts = list(found) if isinstance(found, tuple | list) else [found]
    for place, part in zip(places, parts, strict=True):
        place.view()[...] = part
