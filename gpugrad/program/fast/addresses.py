"""The table of addresses that native code reads: of arrays, of scratch memory, and of what comes with each run."""

from typing import Any

import numpy as np

from ..ir import Value
from .memory import Place


class Addresses:
    """Numbers the blocks of memory that code asks for; `objects` come with each run, and take the first numbers."""

    def __init__(self, places: Any, objects: list[Value]) -> None:
        self.places, self.objects = places, objects
        self._addresses: list[int] = [0] * len(objects)
        self._arrays: list[Any] = []
        self._slots: dict[int, int] = {}
        self._scratch: dict[str, int] = {}

    def objects_like(self) -> list[Any]:
        """An array that lies as each of the objects does."""
        return [self._like(v) for v in self.objects]

    def place(self, v: Value) -> Place:
        """Where a value lies."""
        root = self.places.root.get(v, v)
        if root in self.objects:
            base = self._like(root)
            dummy = base if v is root else self.places._dummy(v)
            offset = dummy.ctypes.data - base.ctypes.data
            return Place(self.objects.index(root), offset, v.shape, dummy.strides, v.dtype)
        array = self.places.array(v)
        self._arrays.append(array)
        return Place(self._slot(array.ctypes.data), 0, v.shape, array.strides, v.dtype)

    def _like(self, v: Value) -> Any:
        """An array that lies as that of an input, or of a result that is new in each run."""
        return self.places._dummy(v) if v.kind == "input" or v.layout is None else np.empty(v.shape, v.dtype)

    def _slot(self, address: int) -> int:
        if address not in self._slots:
            self._slots[address] = len(self._addresses)
            self._addresses.append(address)
        return self._slots[address]

    def room(self, name: str, size: int) -> Place:
        """Scratch memory: the largest that any call wants under this name."""
        if name not in self._scratch:
            self._scratch[name] = 0
            self._slots[-1 - len(self._scratch)] = len(self._addresses)
            self._addresses.append(-len(self._scratch))
        self._scratch[name] = max(self._scratch[name], size)
        slot = self._addresses.index(-1 - list(self._scratch).index(name))
        return Place(slot, 0, (), (), np.dtype("u1"))

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch."""
        return sum(self._scratch.values())

    def table(self) -> Any:
        """The addresses, in the order of the slots; the arrays there are kept alive by this object."""
        for i, size in enumerate(self._scratch.values()):
            memory = np.empty(size + 4096, np.uint8)
            self._arrays.append(memory)
            at = self._addresses.index(-1 - i)
            self._addresses[at] = memory.ctypes.data + -memory.ctypes.data % 4096
        return np.array(self._addresses, np.int64)
