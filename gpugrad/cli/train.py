"""gpugrad train."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from ..errors import ArgumentError
from ..nn.containers import ACTIVATIONS
from ..train import Config, Outcome, progress_for, resume, run
from ..train.config import DTYPES, LABEL_SMOOTHING, NORMS, OPTIMIZERS, SCHEDULES, TASKS
from .arguments import Device, named
from .main import DONE, FAILED
from .show import counted, evaluation_text, say

# Options that may stand beside --resume; all others belong to the run already.
WITH_RESUME = {"source", "resume", "device", "compile"}


def _one_of(names: Any) -> str:
    return ", ".join(names)


def train(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            help="A data set's name (see gpugrad datasets), or a CSV, NPZ, Parquet or IDX file.", callback=named
        ),
    ] = None,
    target: Annotated[list[str] | None, typer.Option(help="The column to predict; may be given again.")] = None,
    task: Annotated[str | None, typer.Option(help=f"{_one_of(TASKS)}; by default what the target suggests.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="A column of numbers to be taken as categories.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
    hidden: Annotated[str, typer.Option(help="Widths of the hidden layers, or none.")] = _one_of(
        map(str, Config.hidden)
    ).replace(" ", ""),
    activation: Annotated[str, typer.Option(help=_one_of(ACTIVATIONS))] = Config.activation,
    norm: Annotated[str | None, typer.Option(help=f"{_one_of(NORMS)}; normalisation of the hidden layers.")] = None,
    dropout: Annotated[float, typer.Option(help="Probability of dropping a hidden unit.")] = Config.dropout,
    label_smoothing: Annotated[
        float | None, typer.Option(help=f"Share of each label spread over all classes; by default {LABEL_SMOOTHING}.")
    ] = Config.label_smoothing,
    optimizer: Annotated[str, typer.Option(help=_one_of(OPTIMIZERS))] = Config.optimizer,
    lr: Annotated[float | None, typer.Option(help="Learning rate; by default the optimizer's own.")] = None,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = Config.weight_decay,
    schedule: Annotated[str, typer.Option(help=f"{_one_of(SCHEDULES)}, of the learning rate.")] = Config.schedule,
    clip_norm: Annotated[float, typer.Option(help="Bound on the gradients' norm; 0 for none.")] = Config.clip_norm,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = Config.epochs,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a step; by default 16 to 512.")] = None,
    patience: Annotated[
        int, typer.Option(help="Epochs without a better validation loss until training stops; 0: never.")
    ] = Config.patience,
    held_out: Annotated[float, typer.Option(help="Share of rows kept for the last line.")] = Config.held_out,
    validation: Annotated[float, typer.Option(help="Share of the others to stop early by.")] = Config.validation,
    device: Device = Config.device,
    dtype: Annotated[str, typer.Option(help=_one_of(DTYPES))] = Config.dtype,
    compile: Annotated[bool, typer.Option(help="Run the steps as compiled programs, or as written.")] = Config.compile,
    seed: Annotated[int, typer.Option(help="Of the split, the weights, the order and dropout.")] = Config.seed,
    out: Annotated[str | None, typer.Option(help="Folder of the run; by default the next runs/NAME-N.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Go on with the run in this folder, where it was interrupted.", callback=named
        ),
    ] = None,
) -> int:
    """Train an MLP on a data set, and measure it on rows that were held out.

    The defaults suit most tables: standardised inputs, dropout, early stopping on part of the training rows. A run
    keeps its checkpoints, log and learning curve in a folder of its own; Ctrl-C saves, and --resume goes on.
    """
    settings = {name: value for name, value in context.params.items() if name not in ("resume",)}
    if resume is not None:
        return _finish(_go_on(context, resume, source, device, compile))
    if source is None:
        raise ArgumentError("train: no data; name a data set, such as gpugrad train digits, or a file")
    lists = {name: tuple(settings[name] or ()) for name in ("target", "text", "drop")}
    config = Config(**{**settings, **lists, "hidden": parse_widths(hidden)})
    return _finish(run(config, callbacks=[progress_for()], say=say))


def _go_on(context: typer.Context, folder: str, source: str | None, device: str, compile: bool) -> Outcome:
    given = {name for name in context.params if _is_given(context, name)}
    if given - WITH_RESUME:
        option = "--" + sorted(given - WITH_RESUME)[0].replace("_", "-")
        raise ArgumentError(f"{option}: a resumed run keeps its settings; leave it out, or train anew without --resume")
    changed: dict[str, Any] = {"device": device, "compile": compile}
    changed = {name: value for name, value in changed.items() if name in given}
    return resume(folder, source=source, **changed, callbacks=[progress_for()], say=say)


def _is_given(context: typer.Context, name: str) -> bool:
    origin = context.get_parameter_source(name)
    return origin is not None and origin.name != "DEFAULT"


def parse_widths(text: str) -> tuple[int, ...]:
    """ "256,128" as (256, 128), "none" as ().  Raises ArgumentError for anything else.

    >>> parse_widths("256,128")
    (256, 128)
    """
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise ArgumentError(f"--hidden: got {text!r}; expected widths such as 256,128, or none") from None


def _finish(outcome: Outcome) -> int:
    """The last lines: where the run is, and how good it became or how to go on."""
    if outcome.held_out is None:
        say(f"interrupted after epoch {outcome.training.epoch}, and saved; go on with:")
        typer.echo(f"gpugrad train --resume {shlex.quote(str(outcome.folder))}")
        return FAILED
    ended = f" ({outcome.training.stopped})" if outcome.training.stopped else ""
    say(f"{counted(outcome.training.epoch, 'epoch')}{ended}, best epoch {outcome.best_epoch}; kept in {outcome.folder}")
    typer.echo(f"held-out {evaluation_text(outcome.held_out)}")
    return DONE
