"""Whole runs: read and split the data, train, measure on what was held out, and keep all of it in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..backend import resolve_device
from ..data import Preprocessor, list_datasets
from ..errors import ArgumentError, CheckpointError
from .building import build_model
from .callback import Callback
from .checkpoint import load_checkpoint
from .config import Config
from .files import remove_leftovers, strict_json, write_atomically
from .folder import CONFIG, create_folder, find_checkpoint
from .job import Job, Outcome, Say, train
from .preparing import prepare
from .saving import LAST
from .trained import run_facts
from .versions import require, versions


def run(config: Config, *, callbacks: Sequence[Callback] = (), say: Say | None = None) -> Outcome:
    """Train as `config` says, into a folder of its own, and measure the best weights on the held-out part.

    callbacks are added after those that save and log; `say` is given lines worth telling the user.  Nothing is written
    before the data has been read and the model built.
    Raises GpugradError of every kind: data, arguments, devices, folders, NonFiniteError.
    """
    require("safetensors", "matplotlib")
    device, reason = resolve_device(config.device)
    prepared = prepare(config)
    if config.label_smoothing and prepared.preprocessor.task == "regression":
        raise ArgumentError(
            f"--label-smoothing: got {config.label_smoothing!r}, but the task is regression, which has no labels; "
            "leave it out, or ask for classes with task='classification'"
        )
    name = Path(config.source).name.partition(".")[0] or "run"
    config = replace(config, source=_lasting(config.source))
    about = {
        "config": config.to_dict(),
        "preprocessor": prepared.preprocessor.to_dict(),
        "fingerprint": prepared.fingerprint(),
        "versions": versions(),
    }
    model = build_model(config, prepared.preprocessor, device)
    folder = create_folder(config.out, name)
    write_atomically(folder / CONFIG, (strict_json(about, indent=2) + "\n").encode())
    return train(Job(config, device, reason, prepared, model, folder, about), callbacks, say)


def resume(
    folder: str | Path,
    *,
    source: str | None = None,
    device: str | None = None,
    compile: bool | None = None,
    callbacks: Sequence[Callback] = (),
    say: Say | None = None,
) -> Outcome:
    """Go on with the run in `folder` from its last checkpoint; on the CPU it ends as if it had not been interrupted.

    To the last bit if `compile` and the number of threads stay, and to rounding else, by the executor "fast".

    source: where the data lies now, if it was moved.  device, compile: where they are to be others than in the first
    run.  A finished run is only measured again, and keeps its result.json.
    Raises CheckpointError where the checkpoint is damaged, or the data is no longer the one of the first run.
    """
    require("safetensors", "matplotlib")
    path = find_checkpoint(folder, LAST)
    state = load_checkpoint(path)
    about = run_facts(path, state)
    config = Config.from_dict(about["config"])
    config = replace(
        config,
        source=_lasting(source or config.source),
        device=device or config.device,
        compile=config.compile if compile is None else compile,
    )
    about = {**about, "config": config.to_dict()}
    place, reason = resolve_device(config.device)
    prepared = prepare(config, Preprocessor.from_dict(about["preprocessor"]))
    if prepared.fingerprint() != about["fingerprint"]:
        raise CheckpointError(
            f"{config.source}: has changed since the run began; resume it with the same data, or train anew"
        )
    remove_leftovers(path.parent)
    model = build_model(config, prepared.preprocessor, place)
    return train(Job(config, place, reason, prepared, model, path.parent, about), callbacks, say, state)


def _lasting(source: str) -> str:
    """A file's absolute path, so that the run finds its data from any folder; a data set's name as it is."""
    return source if source in [info.name for info in list_datasets()] else str(Path(source).resolve())
