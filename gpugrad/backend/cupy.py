"""CuPy, imported only when a CUDA device or a CuPy array first appears, and why it cannot be used where it cannot."""

import contextlib
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import DeviceError

_replaced: list[Any] = []
INSTALL = "pip install 'gpugrad[cuda13]' (or 'gpugrad[cuda12]' for a driver older than 580)"


def import_cupy() -> Any:
    """Import CuPy, or raise DeviceError with the line to type."""
    if _replaced:
        return _replaced[-1]
    try:
        return import_module("cupy")
    except ModuleNotFoundError as error:
        raise DeviceError(f"device: CuPy is not installed ({error}); install it with {INSTALL}") from error
    except ImportError as error:
        raise DeviceError(
            f"device: CuPy cannot be imported ({_line(error)}); install it again with {INSTALL}"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"device: CuPy cannot make its folder of compiled kernels ({error}); "
            "name one that can be written: export CUPY_CACHE_DIR=/tmp/cupy"
        ) from error


@contextlib.contextmanager
def use(module: Any) -> Iterator[None]:
    """Let `module` be what `import_cupy` gives within the block, so that all of gpugrad takes it for CuPy."""
    _replaced.append(module)
    try:
        yield
    finally:
        _replaced.pop()


def unavailable_reason() -> str | None:
    """None where a CUDA device works, else one line saying why not and what to do."""
    try:
        cupy = import_cupy()
    except DeviceError as error:
        return str(error).removeprefix("device: ")
    checks: tuple[Callable[[], Any], ...] = (
        lambda: _some_device(cupy.cuda.runtime.getDeviceCount()),
        lambda: cupy.cuda.runtime.free(0),  # starts CUDA on the current device
        lambda: cupy.cuda.nvrtc.getVersion(),
        lambda: cupy.cuda.cublas.CUBLAS_OP_N,
    )
    for check in checks:
        try:
            check()
        except Exception as error:
            return reason(error)
    return None


def reason(error: Exception) -> str:
    """What an error of CuPy or CUDA means, in one line, and what to type."""
    text = f"{type(error).__name__}: {_line(error)}"
    for sign, explain in _REASONS.items():
        if sign in text:
            return explain()
    return f"CUDA answers {_line(error)}; check that nvidia-smi works, then the versions that gpugrad info prints"


def device_count() -> int:
    """Number of CUDA devices that CuPy sees."""
    return int(import_cupy().cuda.runtime.getDeviceCount())


def to_device(array: Any, index: int, dtype: Any = None) -> Any:
    """`array` on CUDA device `index`, itself where it is there already.

    From the host the copy goes through CuPy's pool of pinned memory, on the current stream, without waiting for it.
    """
    cupy = import_cupy()
    with cupy.cuda.Device(index):
        return cupy.asarray(array, dtype=dtype)


def to_host(array: Any) -> np.ndarray:
    """The values of a CuPy array in a new NumPy array, copied by way of pinned memory on the current stream."""
    if not array.nbytes:
        return np.empty(array.shape, array.dtype)
    staged = np.frombuffer(import_cupy().cuda.alloc_pinned_memory(array.nbytes), array.dtype, array.size)
    staged = staged.reshape(array.shape)
    array.get(out=staged)
    return staged.copy()


def memory_figures(index: int = 0) -> dict[str, int]:
    """Bytes on a device: "used" by arrays, "pooled" (held by CuPy's pool, used or not), "free" and "total"."""
    cupy = import_cupy()
    with cupy.cuda.Device(index):
        pool = cupy.get_default_memory_pool()
        free, total = cupy.cuda.runtime.memGetInfo()
        return {"used": pool.used_bytes(), "pooled": pool.total_bytes(), "free": free, "total": total}


def _some_device(count: int) -> None:
    if not count:
        raise DeviceError("cudaErrorNoDevice")


def _line(error: BaseException) -> str:
    """The error's first line that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line.strip("=- ")), type(error).__name__)


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver() -> str:
    runtime = import_cupy().cuda.runtime
    driver, needed = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if not driver:
        return (
            "no NVIDIA driver is found; install one (sudo ubuntu-drivers install, or nvidia.com/drivers) until "
            "nvidia-smi works, and start a container with docker run --gpus all"
        )
    found = f"the NVIDIA driver is for CUDA {_version(driver)}, older than CuPy's CUDA {_version(needed)}"
    if needed >= 13000 > driver >= 12000:
        return f"{found}; update it, or pip uninstall -y cupy-cuda13x && pip install 'gpugrad[cuda12]'"
    return f"{found}; update it (nvidia.com/drivers)"


def _no_device() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return "no CUDA device is visible; check nvidia-smi -L"
    return f"no CUDA device is visible with CUDA_VISIBLE_DEVICES={visible!r}; unset CUDA_VISIBLE_DEVICES"


def _no_memory() -> str:
    return (
        "the CUDA device has no memory left; see in nvidia-smi what uses it, or take another one: "
        "export CUDA_VISIBLE_DEVICES=1"
    )


def _missing(library: str, part: str) -> Callable[[], str]:
    def explain() -> str:
        major = 12 if _installed("cupy-cuda12x") else 13
        return f"{library} is not found; pip install 'cuda-toolkit[{part}]=={major}.*'"

    return explain


def _installed(distribution: str) -> bool:
    from importlib import metadata  # slow to import, and seldom needed

    with contextlib.suppress(metadata.PackageNotFoundError):
        return bool(metadata.version(distribution))
    return False


_REASONS: dict[str, Callable[[], str]] = {
    "cudaErrorInsufficientDriver": _driver,
    "cudaErrorNoDevice": _no_device,
    "cudaErrorMemoryAllocation": _no_memory,
    "OutOfMemoryError": _no_memory,
    "nvrtc": _missing("NVRTC, which compiles kernels,", "nvrtc"),
    "cublas": _missing("cuBLAS, which multiplies matrices,", "cublas"),
}
