"""NumPy's protocols on Tensors, until they are first used: then gpugrad.numpy is imported and takes their place.

The package at the top says how, in LOADERS, as nothing here may import what stands above.
"""

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor, methods

LOADERS: list[Callable[[], Any]] = []


def _array_ufunc(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    LOADERS[0]()
    return self.__array_ufunc__(*args, **kwargs)  # type: ignore[attr-defined]


def _array_function(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    LOADERS[0]()
    return self.__array_function__(*args, **kwargs)  # type: ignore[attr-defined]


methods(__array_ufunc__=_array_ufunc, __array_function__=_array_function)

__all__: list[str] = []
