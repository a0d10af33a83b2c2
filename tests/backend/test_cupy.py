"""Every way in which a GPU can be missing, told in one line with what to type; copies; figures of memory."""

import builtins
import os
import subprocess
import sys
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

from gpugrad.backend import cupy as backend
from gpugrad.backend import resolve_device
from gpugrad.errors import DeviceError


def raising(error):
    def call(*args):
        raise error

    return call


class CUDARuntimeError(RuntimeError):
    """As CuPy's: the name of the error, then what CUDA says of it."""


class DynamicLibNotFoundError(RuntimeError):
    """As cuda.pathfinder's."""


def fake(count=1, driver=13000, start=None, nvrtc=None, cublas=None):
    """A CuPy that finds `count` devices (or raises), of which the named part raises."""
    runtime = SimpleNamespace(
        getDeviceCount=raising(count) if isinstance(count, Exception) else lambda: count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 13020,
        free=raising(start) if start else lambda pointer: None,
        memGetInfo=lambda: (70, 100),
    )

    class Cuda:
        def __init__(self):
            self.runtime = runtime
            self.nvrtc = SimpleNamespace(getVersion=raising(nvrtc) if nvrtc else lambda: (13, 2))

        @property
        def cublas(self):
            if cublas:
                raise cublas
            return SimpleNamespace(CUBLAS_OP_N=0)

    return SimpleNamespace(cuda=Cuda())


def told(cupy):
    with backend.use(cupy):
        return backend.unavailable_reason()


OLD = CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")
NONE = CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
MEMORY = CUDARuntimeError("cudaErrorMemoryAllocation: out of memory")
NVRTC = DynamicLibNotFoundError('Failure finding "libnvrtc.so": No such file: libnvrtc.so.13')
CUBLAS = ImportError('Failure finding "libcublasLt.so.13": No such file\n  listdir("/x"):\n    libcudart.so.13')


@pytest.mark.parametrize(
    ("cupy", "cause", "to_type"),
    [
        (fake(OLD, driver=0), "no NVIDIA driver is found", "docker run --gpus all"),
        (fake(OLD, driver=12040), "is for CUDA 12.4, older than CuPy's CUDA 13.2", "pip install 'gpugrad[cuda12]'"),
        (fake(OLD, driver=11080), "is for CUDA 11.8, older than CuPy's CUDA 13.2", "update it"),
        (fake(NONE), "no CUDA device is visible", "nvidia-smi -L"),
        (fake(0), "no CUDA device is visible", "nvidia-smi -L"),
        (fake(start=MEMORY), "has no memory left", "export CUDA_VISIBLE_DEVICES=1"),
        (fake(nvrtc=NVRTC), "NVRTC, which compiles kernels, is not found", "pip install 'cuda-toolkit[nvrtc]==1"),
        (
            fake(cublas=CUBLAS),
            "cuBLAS, which multiplies matrices, is not found",
            "pip install 'cuda-toolkit[cublas]==1",
        ),
        (fake(CUDARuntimeError("cudaErrorUnknown: unknown error")), "CUDA answers cudaErrorUnknown", "gpugrad info"),
    ],
    ids=["no driver", "driver 12", "driver 11", "no device", "none", "no memory", "no NVRTC", "no cuBLAS", "other"],
)
def test_what_is_missing_and_what_to_type(cupy, cause, to_type, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    line = told(cupy)
    assert cause in line and to_type in line and "\n" not in line
    with backend.use(cupy):
        assert resolve_device("auto") == (resolve_device("cpu")[0], line)
        with pytest.raises(DeviceError, match=r"^device: cuda is not usable: .*; or pass device='cpu'$"):
            resolve_device("cuda")


def test_nothing_is_missing():
    assert told(fake()) is None
    with backend.use(fake(count=2)):
        assert backend.device_count() == 2
        assert str(resolve_device("cuda:1")[0]) == "cuda:1"
        with pytest.raises(DeviceError, match=r"cuda:2 does not exist; 2 CUDA device\(s\) found"):
            resolve_device("cuda:2")


def test_a_variable_that_hides_the_devices_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES=''; unset CUDA_VISIBLE_DEVICES" in told(fake(NONE))


def test_the_wheel_of_cuda_12_is_told_of_cuda_12(monkeypatch):
    monkeypatch.setattr(backend, "_installed", lambda name: name == "cupy-cuda12x")
    assert "pip install 'cuda-toolkit[nvrtc]==12.*'" in told(fake(nvrtc=NVRTC))


@pytest.mark.parametrize(
    ("error", "cause", "to_type"),
    [
        (ModuleNotFoundError("No module named 'cupy'"), "CuPy is not installed", "pip install 'gpugrad[cuda13]'"),
        (
            ImportError("\n=====\nCuPy failed to load libcudart.so.13\n=====\n"),
            r"cannot be imported \(CuPy failed to load libcudart.so.13\)",
            "install it again with pip install 'gpugrad[cuda13]'",
        ),
        (PermissionError(13, "Permission denied", "/.cupy"), "compiled kernels", "export CUPY_CACHE_DIR=/tmp/cupy"),
    ],
    ids=["not installed", "broken", "home"],
)
def test_a_cupy_that_cannot_be_imported(error, cause, to_type, monkeypatch):
    monkeypatch.setattr(backend, "import_module", raising(error))
    with pytest.raises(DeviceError, match=f"^device: .*{cause}") as info:
        backend.import_cupy()
    assert to_type in str(info.value)
    assert to_type in backend.unavailable_reason()


def test_an_unwritable_home_with_the_real_cupy(root):
    pytest.importorskip("cupy", reason="pip install 'gpugrad[test-cuda]'")
    code = "from gpugrad.backend.cupy import unavailable_reason; print(unavailable_reason())"
    env = {name: value for name, value in os.environ.items() if name != "CUPY_CACHE_DIR"} | {"HOME": "/proc/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True)
    assert "export CUPY_CACHE_DIR=/tmp/cupy" in done.stdout, done.stderr


def test_cupy_is_imported_no_earlier_than_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(builtins, "__import__", lambda *a, _import=__import__: (asked.append(a[0]), _import(*a))[1])
    assert resolve_device("cpu")[0].kind == "cpu"
    assert not [name for name in asked if name.startswith("cupy")]


# --- copies and figures, on the stand-in for a device


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_there_and_back(host, dtype, shape):
    x = np.ones(shape, dtype)
    there = backend.to_device(x, 0)
    assert type(there).__name__ == "HostArray" and backend.to_device(there, 0) is not None
    back = backend.to_host(there)
    assert type(back) is np.ndarray and back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)


def test_a_copy_to_the_host_is_not_the_staging_memory(host, monkeypatch):
    staged, cuda = [], backend.import_cupy().cuda
    make = cuda.alloc_pinned_memory
    monkeypatch.setattr(cuda, "alloc_pinned_memory", lambda n: staged.append(make(n)) or staged[-1])
    back = backend.to_host(host.array(np.arange(4.0)))
    assert len(staged) == 1 and not np.shares_memory(back, staged[0])
    np.testing.assert_array_equal(staged[0].view(float), back)


def test_figures_of_memory(host):
    figures = backend.memory_figures(0)
    assert list(figures) == ["used", "pooled", "free", "total"]
    assert figures["total"] >= figures["free"] > 0
