"""The result of a run: what was measured, on which machine, of which commit and kernels; written after every stage."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench import files
from bench.installed import versions_of
from gpugrad.cuda.source import kernels_hash

from .stages import ROOT

FOLDER = ROOT / "bench" / "results"
PACKAGES = (
    "numpy",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "cupy",
    "torch",
    "jax",
    "jaxlib",
    "ml_dtypes",
    "cuda-bindings",
    "pytest",
)
MODULE = re.compile(r"Kernel Module(?: for \S+)?\s+([\d.]+)")  # in /proc/driver/nvidia/version
PRECISION = "float32 products in float32 everywhere (TF32 off; JAX: highest), bfloat16 with float32 sums"


def versions() -> dict[str, str]:
    """Of Python and of every package that takes part and is installed."""
    return {"python": platform.python_version(), **versions_of(PACKAGES)}


def commit() -> dict[str, Any]:
    """{"commit", "dirty"} by git, by a file COMMIT in the checkout where there is no git, else "unknown" and None."""
    try:
        asked = ["git", "-C", str(ROOT), "rev-parse", "HEAD"], ["git", "-C", str(ROOT), "status", "--porcelain"]
        head, status = (subprocess.run(a, capture_output=True, text=True, check=True, timeout=20).stdout for a in asked)
        return {"commit": head.strip(), "dirty": any("bench/results/" not in line for line in status.splitlines())}
    except (OSError, subprocess.SubprocessError):
        file = ROOT / "COMMIT"
        return {"commit": file.read_text().strip() if file.is_file() else "unknown", "dirty": None}


def card() -> dict[str, Any]:
    """Name, driver and limits of the current device, or why there is none."""
    from gpugrad.backend.cupy import import_cupy, unavailable_reason

    if reason := unavailable_reason():
        return {"gpu": "none", "reason": reason}
    api = import_cupy().cuda.runtime
    properties = api.getDeviceProperties(api.getDevice())
    name = properties["name"]
    return {
        "gpu": name.decode() if isinstance(name, bytes) else str(name),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "multiprocessors": properties["multiProcessorCount"],
        "memory_bytes": properties["totalGlobalMem"],
        "driver_cuda": api.driverGetVersion(),
        "runtime_cuda": api.runtimeGetVersion(),
        "driver": driver(),
    }


def driver() -> str:
    """The driver's own version, from the kernel module or nvidia-smi."""
    try:
        if found := MODULE.search(Path("/proc/driver/nvidia/version").read_text()):
            return found[1]
    except OSError:
        pass
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def beginning() -> dict[str, Any]:
    """A document without rows."""
    now = datetime.now(timezone.utc)
    return {
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        **card(),
        **commit(),
        "kernels": kernels_hash(),
        "versions": versions(),
        "host": {"machine": platform.machine(), "cpus": os.cpu_count(), "system": platform.platform()},
        "precision": PRECISION,
        "stages": [],
        "rows": [],
    }


def path_for(document: dict[str, Any], folder: Path = FOLDER) -> Path:
    """<gpu>-<date>.json, in letters that every file system takes."""
    gpu = re.sub(r"[^a-z0-9]+", "-", document["gpu"].lower()).strip("-")
    return folder / f"{gpu}-{document['date'][:10]}.json"


def ceilings(rows: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Bytes and operations in a second that the probe measured: {"copy", "float32", "tf32", "bfloat16"}."""
    found = {}
    for row in rows:
        if row["stage"] == "probe" and row["state"] == "ok":
            if "bytes_per_s" in row:
                found["copy"] = row["bytes_per_s"]
            elif "flop_per_s" in row:
                found[row["name"].split()[1]] = row["flop_per_s"]
    return found


def roofline_us(row: dict[str, Any], limits: dict[str, float]) -> float | None:
    """Microseconds that the row's bytes, or its operations, take at the measured ceilings; None without ceilings."""
    if "copy" not in limits or row["dtype"] not in limits:
        return None
    return max(row["bytes"] / limits["copy"], row["flop"] / limits[row["dtype"]]) * 1e6


def add(document: dict[str, Any], stage: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """A stage's rows, each timing with its share of the roofline."""
    document["stages"].append(stage)
    document["rows"] += rows
    limits = document["ceilings"] = ceilings(document["rows"])
    for row in rows:
        least = roofline_us(row, limits) if "contestants" in row else None
        if least is not None:
            row["roofline_us"] = least
            for figures in row["contestants"].values():
                if "us" in figures:
                    figures["of_roofline"] = least / figures["us"]


def write(document: dict[str, Any], path: Path) -> None:
    """The document, whole or not at all."""
    files.write(path, (json.dumps(document, indent=1) + "\n").encode())
