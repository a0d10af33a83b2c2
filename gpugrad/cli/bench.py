"""gpugrad bench."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from ..errors import MissingDependencyError
from .main import INTERRUPTED

TERMINATED = 143  # as shells say it: 128 and the signal's number
PATIENCE_S = 10.0
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def bench(context: typer.Context) -> int:
    """Measure gpugrad beside PyTorch, JAX and others on this machine, in a clone of the repository.

    gpugrad bench --help lists the options; docs/benchmarks.md says what is measured.
    """
    root = checkout()
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    return run([sys.executable, "-m", "bench", *context.args], {**os.environ, "PYTHONPATH": path})


def run(words: Sequence[str], env: dict[str, str] | None = None) -> int:
    """A child's exit code: 130 after Ctrl-C, 143 where this process is terminated, and the child ends with it."""
    with _terminated_as_exit():
        child = subprocess.Popen(words, env=env)
        try:
            return child.wait()
        except KeyboardInterrupt:
            return INTERRUPTED
        except SystemExit:
            return TERMINATED
        finally:
            _end(child)


@contextmanager
def _terminated_as_exit() -> Iterator[None]:
    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let it end its own children and write what it must; end it where that takes long."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def checkout() -> Path:
    """The clone this package runs from.  Raises MissingDependencyError for an installed wheel, which has no suite."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "bench" / "__main__.py").is_file():
        raise MissingDependencyError(
            "bench: the benchmarks are not in the installed package, but in gpugrad's repository; clone it, and run "
            "make bench there"
        )
    return root
