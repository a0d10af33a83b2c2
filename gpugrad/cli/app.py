"""The commands under one roof."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from ..train.versions import own_version
from .bench import PASSED_ON, bench
from .datasets import datasets
from .evaluate import evaluate
from .info import info
from .predict import predict
from .train import train

FRAMED = 80  # columns, below which rich's frames leave too little room for the names of options, and cut them

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    rich_markup_mode="rich" if shutil.get_terminal_size().columns >= FRAMED else None,
    help="Train multilayer perceptrons on tables, on the CPU or a GPU.",
    epilog="Exit codes: 0 done, 1 failed or interrupted, 2 not understood. --traceback, or GPUGRAD_DEBUG=1, shows "
    "where an error came from.",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gpugrad {own_version()}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _flowing(docstring: str) -> str:
    """Its paragraphs as one line each, which the terminal's width breaks."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


for command in (train, evaluate, predict, info, datasets):
    app.command(help=_flowing(command.__doc__ or ""))(command)
app.command(help=_flowing(bench.__doc__ or ""), context_settings=PASSED_ON)(bench)
