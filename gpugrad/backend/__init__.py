"""What NumPy and CuPy disagree on.  Nothing here knows of differentiation."""

from .device import Device, array_device, default_device, resolve_device
from .registry import Backend, backend_of_type, is_array_type

__all__ = [
    "Backend",
    "Device",
    "array_device",
    "backend_of_type",
    "default_device",
    "is_array_type",
    "resolve_device",
]
