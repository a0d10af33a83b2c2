"""From arguments to an exit code: 0 done, 1 failed or interrupted, 2 not understood; one line for every error."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..errors import ArgumentError, GpugradError, MissingDependencyError

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130  # of gpugrad bench, which says so itself


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of these arguments (sys.argv if None) and return its exit code.

    What goes wrong is one line on stderr, `error: ...`.  With --traceback anywhere, or GPUGRAD_DEBUG=1 in the
    environment, Python's traceback comes before it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--traceback" in arguments or os.environ.get("GPUGRAD_DEBUG", "0") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--traceback"]
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a column's name is no reason to fail
    try:
        with np.errstate(all="ignore"):  # what is not finite stops training with an error of its own
            code = _call(arguments or ["--help"])
            sys.stdout.flush()
            return code
    except GpugradError as error:
        message = in_options(str(error), arguments[:1] == ["train"])
        return _fail(message, USAGE if isinstance(error, ArgumentError) else FAILED, debug)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        _drop_output()
        return FAILED
    except OSError as error:  # what goes into a run's folder is a StorageError; left is our own output
        _drop_output()
        what = f"{error.filename or 'output'}: cannot be written ({error.strerror or error}); free some space, or send"
        return _fail(f"{what} the output to another file", FAILED, debug)
    except KeyboardInterrupt:
        exec("")  # forgets an exec that was interrupted, as of a dataclass, after which Python would end by the signal
        return _fail("interrupted", FAILED, debug)
    except MemoryError:
        return _fail("not enough memory; use fewer rows or a smaller --hidden", FAILED, debug)
    except Exception as error:
        what = f"{type(error).__name__}: {error}; this is a fault of gpugrad: please report it with --traceback"
        return _fail(what, FAILED, debug)


def _open_what_is_closed() -> None:
    """After `gpugrad ... 2>&-` Python has no stderr: what is said goes nowhere, as was asked for."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 open until the process ends


def _call(arguments: list[str]) -> int:
    try:
        import typer
    except ImportError as error:
        if arguments in (["--version"], ["info"]):  # what says which packages are missing does without them
            return _without_typer(arguments[0])
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
    if code == INTERRUPTED and arguments[:1] != ["bench"]:  # what typer 0.29 makes of Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else DONE


def _without_typer(command: str) -> int:
    if command == "info":
        from .info import info

        info()
    else:
        from ..train.versions import own_version

        print(f"gpugrad {own_version()}")
    return DONE


def in_options(message: str, trains: bool) -> str:
    """A message with keyword arguments as the options they are here; only `gpugrad train` has --text.

    >>> in_options("device: cuda is not usable; or pass device='cpu'", trains=False)
    'device: cuda is not usable; or pass --device cpu'
    """
    message = re.sub(r"\b(task|device)='(\w+)' \(--\1 \2\)", r"--\1 \2", message)
    message = re.sub(r"\b(task|device)='(\w+)'", r"--\1 \2", message)
    message = message.replace("pass target= (--target)", "name it with --target")
    if not trains:
        message = re.sub(r",? or keep the column as text with text=.* \(--text .*\)", "", message)
    return re.sub(r"text=\[.*\] \((--text .*)\)", r"\1", message)


def _drop_output() -> None:
    """Send what is still to be flushed to nowhere, so that the interpreter's end does not fail on it."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code
