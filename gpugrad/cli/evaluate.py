"""gpugrad evaluate."""

from __future__ import annotations

from typing import Annotated

import typer

from ..train import load_run
from .show import evaluation_text, say


def evaluate(
    run: Annotated[str, typer.Argument(help="The folder of a run, such as runs/digits-1.")],
    data: Annotated[
        str | None, typer.Argument(help="A data set's name or a file with the target; the held-out part if left out.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Measure a trained model, on the rows it was not trained on or on other data."""
    evaluation = load_run(run, device).evaluate(data)
    for note in evaluation.notes:
        say(note)
    typer.echo(("" if data else "held-out ") + evaluation_text(evaluation))
