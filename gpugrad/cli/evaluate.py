"""gpugrad evaluate."""

from __future__ import annotations

from typing import Annotated

import typer

from ..train import load_run
from .arguments import Device, Run, named
from .show import evaluation_text, say


def evaluate(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A data set's name or a file with the target; the held-out part if left out.", callback=named
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Measure a trained model, on the rows it was not trained on or on other data."""
    evaluation = load_run(run, device).evaluate(data)
    for note in evaluation.notes:
        say(note)
    typer.echo(("" if data else "held-out ") + evaluation_text(evaluation))
