"""What a compiled function returns: arrays are found in tuples, lists, dictionaries and Modules, and nowhere else."""

import gc
from collections import deque
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.traced import Traced
from ..errors import TraceError
from .recording import Recorded

_MOST = 10_000  # objects looked at
_ELSEWHERE = (type, ModuleType, CodeType)


def require_in_sight(name: str, recorded: Recorded) -> None:
    """Raise TraceError where a result of the function `name` keeps a value of the trace where no program puts one."""
    values = recorded.program.results
    result = recorded.rebuild([np.broadcast_to(np.zeros((), v.dtype), v.shape) for v in values])
    holder = _holder(result)
    if holder is not None:
        raise TraceError(
            f"compile: {name} returns a {type(holder).__name__} that holds an array, which a recorded program computes "
            "anew in every call; expected arrays and Tensors alone, or in tuples, lists, dictionaries or named tuples"
        )


def _holder(result: Any) -> Any:
    """The first object in a result, itself none of the containers, from which a value of the trace is reached."""
    seen, waiting = {id(result): result}, deque([(result, None)])
    while waiting and len(seen) < _MOST:
        x, holder = waiting.popleft()
        if type(x) is Traced:
            return holder
        if holder is None and type(x) not in (tuple, list, dict):
            holder = x
        for child in _referents(x):
            if gc.is_tracked(child) and id(child) not in seen:
                seen[id(child)] = child
                waiting.append((child, holder))
    return None


def _referents(x: Any) -> list[Any]:
    """What x refers to; of a function what it closes over, of a generator's frame its variables."""
    kind = type(x)
    if issubclass(kind, _ELSEWHERE) or kind.__module__.startswith("gpugrad.program"):
        return []
    if kind is FunctionType:
        return [x.__closure__, x.__defaults__, x.__kwdefaults__]
    if kind is FrameType:
        return [*x.f_locals.values()]
    return gc.get_referents(x)
