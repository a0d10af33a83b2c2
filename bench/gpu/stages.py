"""The stages, each in processes of its own with a time budget, and the rows they leave behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .worker import CARD_LOST, read_lines

ROOT = Path(__file__).resolve().parents[2]


class Stage(NamedTuple):
    """`module` of this package has rows(deadline); `budget_s` is what the stage may take of the wall clock."""

    module: str
    budget_s: float
    about: str


# Together less than 8 minutes.
STAGES = (
    Stage("probe", 35, "host costs, capture, behaviours, and the ceilings of the card"),
    Stage("correctness", 110, "every kernel and primitive on the card against float64 (tests/cuda)"),
    Stage("sanitizer", 50, "compute-sanitizer, and the same bits in repeated runs"),
    Stage("training", 20, "digits on the CPU and on the card"),
    Stage("warming", 55, "compiling what the timings compare, several at a time, into caches on disk"),
    Stage("timings", 205, "each kernel against its peers"),
)
# Pinned in every process; what a user set of these would change what is compared.
ENVIRONMENT = {
    "GPUGRAD_TEST_DEVICE": "cuda",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # JAX would take three quarters of the memory
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
    "TORCHINDUCTOR_AUTOGRAD_CACHE": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "2",  # in each of several processes
    "PYTHONUNBUFFERED": "1",
}
UNSET = ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE", "CUPY_CUDA_PER_THREAD_DEFAULT_STREAM", "PYTHONWARNINGS", "PYTEST_ADDOPTS")


def environment(scratch: Path) -> dict[str, str]:
    """The environment of a stage's processes; caches that are not the user's own lie under `scratch`."""
    env = {name: value for name, value in os.environ.items() if name not in UNSET} | ENVIRONMENT
    env["XDG_CACHE_HOME"] = str(scratch / "cache")  # choices between implementations are measured anew
    env.setdefault("JAX_COMPILATION_CACHE_DIR", str(scratch / "jax"))
    env.setdefault("TORCHINDUCTOR_CACHE_DIR", str(scratch / "inductor"))
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    return env


def end(process: "subprocess.Popen[Any]") -> None:
    """End a process that we started in a session of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_stage(stage: Stage, path: Path, command: Sequence[str] = (), env: dict[str, str] | None = None) -> str:
    """Run a stage until it is done or out of time, again where a row took the process with it; how it ended."""
    until = time.monotonic() + stage.budget_s
    while (left := until - time.monotonic()) > 0.05:
        n_begun = sum("begin" in line for line in read_lines(path))
        words = [*(command or (sys.executable, "-m", "bench.gpu.worker")), stage.module, str(path), f"{left:.1f}"]
        process = subprocess.Popen(words, cwd=ROOT, env=env, start_new_session=True)
        try:
            code = process.wait(timeout=left)
        except subprocess.TimeoutExpired:
            break
        finally:
            end(process)
        if code == 0:
            return "done"
        if sum("begin" in line for line in read_lines(path)) == n_begun:
            return f"ended with code {code} before its first row"
        if code != CARD_LOST:
            _blame(path, code)
    return f"out of time after {stage.budget_s:g} s"


def _blame(path: Path, code: int) -> None:
    """Write the result of the row that took the process with it."""
    ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    with path.open("a", encoding="utf-8") as file:
        for name in _unended(read_lines(path)):
            row = {"name": name, "state": "lost", "error": f"the process ended with {ended}"}
            file.write(json.dumps(row) + "\n")


def _unended(lines: list[dict[str, Any]]) -> list[str]:
    ended = {line["name"] for line in lines if "name" in line}
    return [line["begin"] for line in lines if "begin" in line and line["begin"] not in ended]


def rows_of(stage: Stage, path: Path, how: str) -> list[dict[str, Any]]:
    """Every planned row in order: with its result, or saying that and why it has none."""
    lines = read_lines(path)
    found = {line["name"]: line for line in lines if "name" in line}
    planned = next((line["planned"] for line in lines if "planned" in line), list(found) or [stage.module])
    begun = set(_unended(lines))
    for name in planned:
        if name not in found:
            state, why = ("lost", "begun, not ended") if name in begun else ("not run", "not reached")
            found[name] = {"name": name, "state": state, "error": f"{why}: the stage {how}"}
    return [{"stage": stage.module, **found[name]} for name in planned]
