"""gpugrad info."""

from __future__ import annotations

import os
import platform
from importlib import import_module, metadata, util
from pathlib import Path

import numpy as np

from ..backend import Device, resolve_device
from ..backend.cupy import memory_figures
from ..cuda import autotune
from ..cuda.source import kernels_dir, kernels_hash
from ..errors import GpugradError
from ..program.compile import compile
from ..train.versions import own_version
from .show import columns

OPTIONAL = {  # distribution: what it is for and what brings it
    "llvmlite": "native code: gpugrad[fast]",
    "ml_dtypes": "bfloat16: gpugrad[bf16]",
    "typer": "command line: gpugrad[train]",
    "safetensors": "checkpoints: gpugrad[train]",
    "rich": "progress bar: gpugrad[train]",
    "matplotlib": "learning curve: gpugrad[train]",
    "scikit-learn": "bundled data sets: gpugrad[train]",
    "pyarrow": "Parquet: gpugrad[parquet]",
    "threadpoolctl": "number of BLAS threads: pip install threadpoolctl",
}


def info(kernels: bool = False) -> None:
    """Show versions, the device found or why there is none and its memory, threads, and CUDA kernels.

    With --kernels: which implementation each operation was measured to run fastest with on this machine, and the times.
    """
    device, reason = resolve_device("auto")
    rows = [
        ("gpugrad", f"{own_version()} in {Path(__file__).resolve().parents[1]}"),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        ("NumPy", _version("numpy") or "?"),
        ("CuPy", _cupy()),
        ("device", f"cpu; {reason}" if device.kind == "cpu" else _gpu(device)),
        *([("GPU memory", _memory(device))] if device.kind == "cuda" else []),
        ("CPU", f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"),
        ("BLAS", _blas()),
        ("compile", _executor()),
        ("kernels", _kernels()),
    ]
    rows += [(name, _version(name) or f"not installed ({use})") for name, use in OPTIONAL.items()]
    print(columns(rows))
    if kernels:
        print(
            columns(autotune.report())
            or "nothing measured yet: run a step in `with gpugrad.cuda.autotune.measuring():`"
        )


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cupy() -> str:
    if util.find_spec("cupy") is None:
        return "not installed (gpugrad[cuda13] or gpugrad[cuda12])"
    names = ("cupy-cuda13x", "cupy-cuda12x", "cupy")
    return next((f"{found} ({name})" for name in names if (found := _version(name))), "unknown version")


def _gpu(device: Device) -> str:
    runtime = device.xp.cuda.runtime
    properties, driver = runtime.getDeviceProperties(device.index), runtime.driverGetVersion()
    return (
        f"{device} of {runtime.getDeviceCount()}; {properties['name'].decode()}, compute capability "
        f"{properties['major']}.{properties['minor']}, driver for CUDA {driver // 1000}.{driver % 1000 // 10}"
    )


def _memory(device: Device) -> str:
    figures = {name: n_bytes / 2**30 for name, n_bytes in memory_figures(device.index).items()}
    return "{free:.1f} of {total:.1f} GiB free; CuPy's pool holds {pooled:.1f}, of which {used:.1f} in use".format(
        **figures
    )


def _blas() -> str:
    try:
        pools = import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return "threads unknown (pip install threadpoolctl)"
    blas = [pool for pool in pools if pool.get("user_api") == "blas"]
    texts = (f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads" for pool in blas)
    return "; ".join(texts) or "none found"


def _executor() -> str:
    """What runs compiled programs on the CPU, and why: that of the smallest one."""
    double = compile(lambda x: x + x)
    double(np.ones(1))
    return next(line.removeprefix("executor: ") for line in double.explain().splitlines() if "executor: " in line)


def _kernels() -> str:
    try:
        folder = kernels_dir()
        return f"{len(list(folder.rglob('*.cu')))} sources in {folder}, hash {kernels_hash(folder)}"
    except GpugradError as error:
        return str(error)
