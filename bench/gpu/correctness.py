"""Every kernel and every primitive of the spec table on the card against float64: tests/cuda, on several processes."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .stages import ROOT, end
from .worker import CARD_LOST, Rows, read_lines

MOST_TOLD, MOST_STARTS = 60, 40
TESTS = ("tests/cuda", "tests/optim/test_rules.py::test_cupy_equals_numpy")
PYTEST = ("-m", "pytest", "-p", "bench.gpu.sharing", "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:xdist")
# Warnings of other versions of Python, NumPy and CuPy are not what is tested here.
OPTIONS = ("-q", "--no-header", "-W", "default", "--tb=short")


def n_processes() -> int:
    """Several, as most of the time goes into compiling and into the host."""
    return max(1, min(8, (os.cpu_count() or 1) // 2))


def share_out(tests: Sequence[str], deadline: float, folder: Path, n: int) -> bool:
    """Run the tests on n processes that share them out; False where they were not done by the deadline.

    A process that lost the card, or died, is followed by another one.
    """
    env = {**os.environ, "GPUGRAD_SHARE": str(folder), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    def start() -> Any:
        words = [sys.executable, *PYTEST, *OPTIONS, *tests]
        with (folder / "pytest.log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)

    running, starts = [start() for _ in range(n)], n
    try:
        while running and time.monotonic() < deadline:
            time.sleep(0.1)
            for process in [p for p in running if p.poll() is not None]:
                running.remove(process)
                if (process.returncode == CARD_LOST or process.returncode < 0) and starts < MOST_STARTS:
                    running.append(start())
                    starts += 1
        return not running
    finally:
        for process in running:
            end(process)


def gathered(folder: Path) -> dict[str, Any]:
    """What the processes wrote: counts, counts by file, and each test that failed or did not end."""
    results: dict[str, dict[str, Any]] = {}
    begun: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in read_lines(path):
            if "begin" in line:
                begun.append(line["begin"])
            elif results.get(line["name"], {}).get("outcome") != "failed":
                results[line["name"]] = line
    for name in begun:
        results.setdefault(name, {"name": name, "outcome": "lost", "message": "begun, not ended"})
    bad = [r for r in results.values() if r["outcome"] in ("failed", "lost")]
    files: dict[str, Counter[str]] = {}
    for name, r in results.items():
        files.setdefault(name.split("::")[0], Counter())[r["outcome"]] += 1
    return {
        **Counter(r["outcome"] for r in results.values()),
        "files": {name: dict(counts) for name, counts in sorted(files.items())},
        "failures": [{"test": r["name"], "message": r["message"]} for r in bad[:MOST_TOLD]],
        "failures_left_out": max(0, len(bad) - MOST_TOLD),
        "skips": dict(Counter(r["message"] for r in results.values() if r["outcome"] == "skipped")),
    }


def checked(tests: Sequence[str], deadline: float) -> dict[str, Any]:
    """The row of these tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ended = share_out(tests, deadline, folder, n_processes())
        found = gathered(folder)
        log = (folder / "pytest.log").read_text(encoding="utf-8", errors="replace")
    n_bad = found.get("failed", 0) + found.get("lost", 0)
    none = not found.get("passed")
    why = [f"{n_bad} tests failed"] if n_bad else []
    why += [] if ended else ["out of time: not all tests were run"]
    why += ["no test passed: " + log[-1500:]] if none else []
    return {**found, "state": "failed" if why else "ok", "error": "; ".join(why)}


def rows(deadline: float) -> Rows:
    """The one row of this stage."""
    return [("tests/cuda on the card", lambda: checked(TESTS, deadline - 3))]
