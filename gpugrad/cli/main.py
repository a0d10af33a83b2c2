"""From arguments to an exit code: 0 done, 1 failed or interrupted, 2 not understood; one line for every error."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, GpugradError, MissingDependencyError

DONE, FAILED, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of these arguments (sys.argv if None) and return its exit code.

    What goes wrong is one line on stderr, `error: ...`.  With --traceback anywhere, or GPUGRAD_DEBUG=1 in the
    environment, Python's traceback comes before it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--traceback" in arguments or os.environ.get("GPUGRAD_DEBUG", "0") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--traceback"]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a column's name is no reason to fail
    try:
        with np.errstate(all="ignore"):  # what is not finite stops training with an error of its own
            return _call(arguments or ["--help"])
    except GpugradError as error:
        return _fail(str(error), USAGE if isinstance(error, ArgumentError) else FAILED, debug)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _fail("interrupted", FAILED, debug)
    except MemoryError:
        return _fail("not enough memory; use fewer rows or a smaller --hidden", FAILED, debug)
    except Exception as error:
        what = f"{type(error).__name__}: {error}; this is a fault of gpugrad: please report it with --traceback"
        return _fail(what, FAILED, debug)


def _call(arguments: list[str]) -> int:
    try:
        import typer
    except ImportError as error:
        raise MissingDependencyError("gpugrad: typer is not installed; run: pip install 'gpugrad[train]'") from error
    from .app import app

    usage_error: Any = typer.BadParameter.__mro__[1]  # its module has another name in other versions of typer
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="gpugrad", standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except usage_error as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "gpugrad")
        message = str(error.format_message()).rstrip(".")
        raise ArgumentError(f"{message}; see {where} --help") from error
    return code if isinstance(code, int) else DONE


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code
