"""What generic forwards get as `xp` for a HostArray: CuPy's names, served by NumPy on views of the same memory."""

from collections.abc import Callable
from typing import Any

import cupy
import numpy as np

from gpugrad.backend.registry import Backend, register
from gpugrad.ops import erf_rational

from .arrays import HostArray, refuse_numpy_arrays
from .device import HostCuda, HostPool
from .performing import perform

_TAKES_NUMPY = {"array", "asarray"}


class StandIn:
    """A module of NumPy's functions for HostArrays, with the names that CuPy's module of that name has, no others."""

    def __init__(self, numpy_module: Any, cupy_module: Any) -> None:
        self._numpy, self._cupy = numpy_module, cupy_module
        self.__name__ = cupy_module.__name__

    def __getattr__(self, name: str) -> Any:
        theirs = getattr(self._cupy, name)  # AttributeError for a name CuPy has not
        ours = getattr(self._numpy, name)
        if isinstance(ours, type) or not callable(ours):
            found = StandIn(ours, theirs) if type(ours) is type(np) else ours
        else:
            found = _Function(ours, name)
        setattr(self, name, found)
        return found


class _Function:
    """One function, and where it is a ufunc its methods such as `add.at`; it refuses NumPy arrays, as CuPy does."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function, self.__name__ = function, name

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.__name__ not in _TAKES_NUMPY:
            refuse_numpy_arrays(self.__name__, args)
        changes = args[0] if self.__name__.endswith(".at") else options.get("out")
        return perform(self.__name__, self._function, args, options, changes)

    def __getattr__(self, name: str) -> "_Function":
        return _Function(getattr(self._function, name), f"{self.__name__}.{name}")


class HostCuPy(StandIn):
    """The module itself, with a device."""

    cuda = HostCuda()
    ndarray = HostArray

    def get_default_memory_pool(self) -> HostPool:
        return HostPool()


HOST_CUPY = HostCuPy(np, cupy)
SPECIAL = {name: _Function(getattr(erf_rational, name), name) for name in ("erf", "erfc")}  # of cupyx.scipy.special
register(HostArray, Backend("cupy", HOST_CUPY))
