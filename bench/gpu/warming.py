"""Compile what the timings compare, several cases at a time: into the caches on disk of CuPy, Inductor, Triton and XLA.

A compilation of a training step by torch.compile takes tens of seconds; one after another they would use up the time.
"""

import os
import subprocess
import sys
import time
from typing import Any

from .cases import CASES, inputs
from .stages import ROOT, end
from .timings import Peers
from .worker import Rows

_WORDS = (sys.executable, "-m", "bench.gpu.warming")


def share(k: int, n: int) -> None:
    """Make and run every contestant of every n-th case from the k-th on, once."""
    peers = Peers()
    for case in CASES[k::n]:
        for name, make in peers.contestants(case, inputs(case)):
            began = time.perf_counter()
            try:
                contestant = make()
                contestant.wait(contestant.run())
            except Exception as error:  # it is told where it is timed
                print(f"{case.name}, {name}: {type(error).__name__}")
            print(f"{time.perf_counter() - began:6.1f} s {case.name}, {name}", flush=True)
        peers.free()


def warmed(deadline: float) -> dict[str, Any]:
    """The row: how many processes ended in time."""
    n = max(1, min(8, (os.cpu_count() or 1) // 2))
    running = [
        subprocess.Popen([*_WORDS, str(k), str(n)], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
        for k in range(n)
    ]
    codes: list[int | None] = []
    for process in running:
        try:
            codes.append(process.wait(timeout=max(0.1, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            codes.append(None)
        finally:
            end(process)
    return {"processes": n, "ended": sum(code == 0 for code in codes), "codes": codes}


def rows(deadline: float) -> Rows:
    """The one row of this stage."""
    return [("compile into the caches", lambda: warmed(deadline - 2))]


if __name__ == "__main__":
    share(int(sys.argv[1]), int(sys.argv[2]))
