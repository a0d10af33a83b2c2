"""Devices by name: "cpu", "cuda", "cuda:1", and "auto", which falls back to the CPU and says why."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, DeviceError


@dataclass(frozen=True)
class Device:
    """Where an array lives: `kind` is "cpu" or "cuda", `index` the CUDA ordinal."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def xp(self) -> Any:
        """The array module of this device: numpy or cupy."""
        if self.kind == "cpu":
            return np
        from .cupy import import_cupy

        return import_cupy()

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        """`array` on this device, without a copy where it is there already."""
        if self.kind == "cpu":
            return np.asarray(to_numpy(array), dtype=dtype)
        if hasattr(array, "moved_to"):  # a value of a program that is being recorded
            return array.moved_to(self, dtype)
        from .cupy import to_device

        return to_device(array, self.index, dtype)


CPU = Device("cpu")


def default_device() -> Device:
    """The CPU; arrays go elsewhere only when asked."""
    return CPU


def array_device(array: Any) -> Device:
    """The device of a raw array or scalar."""
    device: Any = getattr(array, "device", None)
    return Device("cuda", int(device.id)) if hasattr(device, "id") else CPU


def to_numpy(array: Any) -> Any:
    """A NumPy array of the same values: itself on the CPU, a copy from a GPU."""
    if not hasattr(array, "get") or array_device(array).kind == "cpu":
        return np.asarray(array)
    from .cupy import to_host

    return to_host(array)


def resolve_device(name: "str | Device" = "auto") -> tuple[Device, str | None]:
    """The device of that name, and for "auto" without a GPU the reason the CPU was taken.

    Raises ArgumentError for an unknown name and DeviceError where a CUDA device asked for by name is not usable.
    """
    if isinstance(name, Device):
        return name, None
    kind, _, index = name.partition(":")
    if name not in ("auto", "cpu", "cuda") and not (kind == "cuda" and index.isdecimal()):
        raise ArgumentError(f"device: got {name!r}; expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    if name == "cpu":
        return CPU, None
    from .cupy import device_count, unavailable_reason

    reason = unavailable_reason()
    if reason:
        if name == "auto":
            return CPU, reason
        raise DeviceError(f"device: {name} is not usable: {reason}; or pass device='cpu'")
    wanted, count = int(index or 0), device_count()
    if wanted >= count:
        raise DeviceError(
            f"device: {name} does not exist; {count} CUDA device(s) found, expected cuda:0 to cuda:{count - 1}"
        )
    return Device("cuda", wanted), None
