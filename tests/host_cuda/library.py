"""The stand-in for cuBLAS and cuBLASLt as a library of ctypes, whose products a capture takes down in their order."""

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from .recording import Recording

_PRODUCTS = ("cublasGemmStridedBatchedEx", "cublasLtMatmul")


class Library:
    """Every function of the library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library, self._capture = library, None
        library.stand_in_capture.argtypes = (ctypes.c_longlong,)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._library, name)
        return self._noted(name, function) if name in _PRODUCTS else function

    @contextlib.contextmanager
    def recorded(self, capture: Recording, stream: int) -> Iterator[None]:
        """Take products on `stream` down in `capture`; those on another one are refused."""
        self._capture = capture
        self._library.stand_in_capture(stream)
        try:
            yield
        finally:
            self._library.stand_in_capture(-1)
            self._capture = None

    def _noted(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        def call(*args: Any) -> int:
            number = self._library.stand_in_taken_down()
            status = function(*args)
            if self._capture is not None and self._library.stand_in_taken_down() > number:
                self._capture.add(name, lambda: self._library.stand_in_replay(number))
            return status

        return call
