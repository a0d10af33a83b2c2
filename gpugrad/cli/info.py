"""gpugrad info."""

from __future__ import annotations

import os
import platform
from importlib import import_module, metadata, util
from pathlib import Path

from ..backend import resolve_device
from ..cuda.source import kernels_dir, kernels_hash
from ..errors import GpugradError
from ..train.versions import own_version
from .show import columns

OPTIONAL = {  # distribution: what it is for and what brings it
    "ml_dtypes": "bfloat16: gpugrad[bf16]",
    "typer": "command line: gpugrad[train]",
    "safetensors": "checkpoints: gpugrad[train]",
    "rich": "progress bar: gpugrad[train]",
    "matplotlib": "learning curve: gpugrad[train]",
    "scikit-learn": "bundled data sets: gpugrad[train]",
    "pyarrow": "Parquet: gpugrad[parquet]",
    "threadpoolctl": "number of BLAS threads: pip install threadpoolctl",
}


def info() -> None:
    """Show versions, the device found or why there is none, threads, and CUDA kernels."""
    rows = [
        ("gpugrad", f"{own_version()} in {Path(__file__).resolve().parents[1]}"),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        ("NumPy", _version("numpy") or "?"),
        ("CuPy", _cupy()),
        ("device", _device()),
        ("CPU", f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"),
        ("BLAS", _blas()),
        ("kernels", _kernels()),
    ]
    rows += [(name, _version(name) or f"not installed ({use})") for name, use in OPTIONAL.items()]
    print(columns(rows))


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


def _device() -> str:
    """What "auto" takes, and why it is the CPU if it is."""
    device, reason = resolve_device("auto")
    if device.kind == "cpu":
        return f"cpu; {reason}"
    properties = device.xp.cuda.runtime.getDeviceProperties(device.index)
    name, capability = properties["name"].decode(), f"{properties['major']}.{properties['minor']}"
    driver = device.xp.cuda.runtime.driverGetVersion()
    return (
        f"{device}; {name}, {properties['totalGlobalMem'] / 2**30:.0f} GiB, compute capability {capability}, "
        f"driver for CUDA {driver // 1000}.{driver % 1000 // 10}"
    )


def _blas() -> str:
    try:
        pools = import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return "threads unknown (pip install threadpoolctl)"
    blas = [pool for pool in pools if pool.get("user_api") == "blas"]
    texts = (f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads" for pool in blas)
    return "; ".join(texts) or "none found"


def _kernels() -> str:
    try:
        folder = kernels_dir()
        return f"{len(list(folder.rglob('*.cu')))} sources in {folder}, hash {kernels_hash(folder)}"
    except GpugradError as error:
        return str(error)
