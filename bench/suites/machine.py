"""Where a run was made: processor, memory, versions, commit."""

import hashlib
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.installed import versions_of
from bench.pinning import PROCESSORS
from bench.suites.row import Run
from gpugrad.cuda.source import kernels_hash
from gpugrad.train.versions import own_version

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = (
    *("numpy", "numba", "llvmlite", "mkl"),  # what gpugrad computes with
    *("torch", "jax", "optax", "autograd", "mygrad", "tinygrad", "scikit-learn", "threadpoolctl"),
)


def new_run(device: str, settings: dict[str, Any], missing: dict[str, str]) -> Run:
    """A file's head; nothing measured yet."""
    return Run(
        device=device,
        machine=machine(),
        settings=settings,
        versions=versions(),
        commit=commit(),
        kernels=kernels_hash(),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        missing=missing,
    )


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system; files with the same id can be compared."""
    found: dict[str, Any] = {
        "cpu": _cpu(),
        "cores": len(PROCESSORS),
        "memory_gib": _memory_gib(),
        "os": f"{platform.system()} {platform.machine()}",
        "gpu": None,
    }
    words = repr(sorted((k, v) for k, v in found.items() if k != "memory_gib"))
    return {"id": hashlib.sha256(words.encode()).hexdigest()[:12], **found}


def _cpu() -> str:
    """Its name, and what tells apart two of the same name in virtual machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    words = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    wide = next((name for name in ("avx512f", "avx2") if name in words.get("flags", "").split()), "")
    return " ".join(
        filter(None, [words.get("model name", ""), f"model {words['model']}" if "model" in words else "", wide])
    )


def _memory_gib() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0


def processor_s() -> tuple[float, float]:
    """Seconds of processor time since the start: of all programs on the machine, and of this one with its children."""
    own = os.times()
    try:
        words = Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:]
    except OSError:
        return 0.0, 0.0
    idle = int(words[3]) + int(words[4])
    return (sum(map(int, words[:8])) - idle) / os.sysconf("SC_CLK_TCK"), sum(own[:4])


def others(before: tuple[float, float], seconds: float) -> float:
    """How many processors other programs kept busy, on average, in the seconds since `processor_s` said `before`."""
    every, own = (now - then for now, then in zip(processor_s(), before, strict=True))
    return max(0.0, every - own) / max(seconds, 1e-9)


def versions() -> dict[str, str]:
    """Of gpugrad, Python, and of what is installed."""
    return {"gpugrad": own_version(), "python": platform.python_version(), **versions_of(DISTRIBUTIONS)}


def commit() -> str:
    """Short name of the checkout's commit, with "+" where tracked files were changed; "unknown" outside of git."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
