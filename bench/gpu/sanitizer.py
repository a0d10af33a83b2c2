"""compute-sanitizer over the small cases, and the same bits in repeated runs.

racecheck watches shared memory, within a block.  Races between blocks over device memory are seen by nobody: neither
by it, nor by memcheck, nor by the run of the kernels on the CPU.  The kernels are deterministic by design, so different
bits in repeated runs would betray one; the same bits prove nothing.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import time
from functools import partial
from pathlib import Path
from typing import Any

from . import small
from .stages import ROOT, end
from .worker import NotPresent, Rows

TOOLS = ("memcheck", "racecheck")
REPEATS = 20
_FOLDERS = ("/usr/local/cuda*/bin", "/usr/local/cuda*/compute-sanitizer", "/opt/cuda*/bin", "/opt/nvidia/*/bin")


def find() -> str:
    """Where compute-sanitizer is: on PATH, in a CUDA toolkit, or in a wheel.  NotPresent where it is nowhere."""
    if on_path := shutil.which("compute-sanitizer"):
        return on_path
    wheels = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    places = [
        *(Path("/").glob(pattern.lstrip("/")) for pattern in _FOLDERS),
        wheels.glob("*/bin"),
        wheels.glob("*/compute-sanitizer"),
    ]
    for folder in (folder for found in places for folder in sorted(found, reverse=True)):
        if (folder / "compute-sanitizer").is_file():
            return str(folder / "compute-sanitizer")
    raise NotPresent("compute-sanitizer is not present: not on PATH, in no CUDA toolkit folder, in no wheel")


def verdict(output: str, code: int) -> dict[str, Any]:
    """What the tool's output says: a row's figures."""
    summary = re.search(r"(ERROR|RACECHECK) SUMMARY: (\d+) (?:error|hazard)", output)
    n_found = int(summary[2]) if summary else None
    ran = "'differing': []" in output
    row = {"found": n_found, "ran_to_its_end": ran, "code": code}
    if n_found == 0 and ran and code == 0:
        return row
    return {**row, "state": "failed", "error": f"{n_found} found, exit code {code}", "output": output[-6000:]}


def watched(tool: str, deadline: float) -> dict[str, Any]:
    """The small cases under one tool."""
    words = [find(), "--tool", tool, "--error-exitcode", "86", "--print-limit", "20"]
    words += [sys.executable, "-m", "bench.gpu.small", "--no-pool"]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        end(process)
        return {"state": "lost", "error": "out of time"}
    return verdict(output, process.returncode)


def same_bits() -> dict[str, Any]:
    """Each small case many times on the card."""
    from .card import Card

    found = small.repeated(Card(), REPEATS)
    return {**found, "state": "failed", "error": "different bits"} if found["differing"] else found


def rows(deadline: float) -> Rows:
    """The rows of this stage; each tool gets half of what is left."""
    half = time.monotonic() + (deadline - time.monotonic()) * 0.55
    ends = dict(zip(TOOLS, (half, deadline - 2), strict=True))
    watch = [(f"compute-sanitizer {tool}", partial(watched, tool, ends[tool])) for tool in TOOLS]
    return [(f"same bits in {REPEATS} runs", same_bits), *watch]
