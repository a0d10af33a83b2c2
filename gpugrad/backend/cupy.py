"""CuPy, imported only when a CUDA device or a CuPy array first appears."""

from types import ModuleType

from ..errors import DeviceError


def import_cupy() -> ModuleType:
    """Import CuPy, or raise DeviceError with the line to type."""
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            f"device: CuPy cannot be imported ({error}); install it with pip install 'gpugrad[cuda13]' "
            "(or 'gpugrad[cuda12]' for a driver older than 580)"
        ) from error
    return cupy


def unavailable_reason() -> str | None:
    """None where a CUDA device works, else one line saying why not and what to do."""
    try:
        cupy = import_cupy()
    except DeviceError as error:
        return str(error).removeprefix("device: ")
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        return f"CUDA answers {error}; install or update the NVIDIA driver"
    return None if count else "no CUDA device is visible; check nvidia-smi and CUDA_VISIBLE_DEVICES"


def device_count() -> int:
    """Number of CUDA devices that CuPy sees."""
    return int(import_cupy().cuda.runtime.getDeviceCount())
