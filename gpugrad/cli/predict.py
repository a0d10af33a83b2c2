"""gpugrad predict."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import ArgumentError
from ..train import Predictions, load_run
from ..train.files import write_atomically
from .arguments import Device, Run, named
from .show import counted, say


def predict(
    run: Run,
    data: Annotated[
        str, typer.Argument(help="A data set's name or a file; it may have the target or not.", callback=named)
    ],
    out: Annotated[str | None, typer.Option("--out", "-o", help="The CSV file to write; stdout if left out.")] = None,
    device: Device = "auto",
) -> None:
    """Predict every row of a data set: a CSV with one line a row, and the probability of each class."""
    if out is not None:
        _check(Path(out), Path(data))
    trained = load_run(run, device)
    predictions = trained.predict(data)
    for note in predictions.notes:
        say(note)
    target, classes = trained.preprocessor.target_names, trained.preprocessor.classes
    text = predictions_csv(predictions, target, classes)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(out, text.encode())
        say(f"{counted(len(predictions.values), 'prediction')} in {out}")


def _check(out: Path, data: Path) -> None:
    """Refuse, before anything is predicted, what cannot be or should not be written."""
    if out.is_dir():
        raise ArgumentError(f"--out: {str(out)!r} is a folder; name a CSV file in it")
    if not out.parent.is_dir():
        raise ArgumentError(f"--out: there is no folder {str(out.parent)!r}; make it, or name a file in another one")
    if out.exists() and data.exists() and out.samefile(data):
        raise ArgumentError(f"--out: {out} is the data itself; name another file")


def predictions_csv(predictions: Predictions, targets: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """Columns predicted_<target> for each target, then probability_<class> for each class."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([f"predicted_{name}" for name in targets] + [f"probability_{name}" for name in classes])
    values = predictions.values
    if predictions.probabilities is None:
        writer.writerows([[f"{value:.9g}" for value in row] for row in np.reshape(values, (len(values), -1))])
    else:
        for value, row in zip(values, predictions.probabilities, strict=True):
            writer.writerow([value, *(f"{p:.6g}" for p in row)])
    return buffer.getvalue()
