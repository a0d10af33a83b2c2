"""Arguments that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer


def named(value: str | None) -> str | None:
    """The value itself.  Raises typer.BadParameter for "", which as a path would mean the folder one is in."""
    if value == "":
        raise typer.BadParameter("got ''; expected a name")
    return value


Run = Annotated[str, typer.Argument(help="The folder of a run, such as runs/digits-1.", callback=named)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
