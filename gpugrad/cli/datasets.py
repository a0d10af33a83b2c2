"""gpugrad datasets."""

from __future__ import annotations

import typer

from ..data import list_datasets
from .show import columns


def datasets() -> None:
    """List the data sets that `gpugrad train` knows by name."""
    head = ("name", "task", "rows", "features", "classes", "about")
    rows = [
        (i.name, i.task, f"{i.n_samples:,}", str(i.n_features), str(i.n_classes or "-"), i.about)
        for i in list_datasets()
    ]
    typer.echo(columns([head, *rows]))
