"""gpugrad bench."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import typer

from ..errors import MissingDependencyError

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def bench(context: typer.Context) -> int:
    """Measure gpugrad beside PyTorch, JAX and others on this machine, in a clone of the repository.

    gpugrad bench --help lists the options; docs/benchmarks.md says what is measured.
    """
    root = checkout()
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run([sys.executable, "-m", "bench", *context.args], env={**os.environ, "PYTHONPATH": path})
    return done.returncode


def checkout() -> Path:
    """The clone this package runs from.  Raises MissingDependencyError for an installed wheel, which has no suite."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "bench" / "__main__.py").is_file():
        raise MissingDependencyError(
            "bench: the benchmarks are not in the installed package, but in gpugrad's repository; clone it, and run "
            "make bench there"
        )
    return root
