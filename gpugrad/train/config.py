"""What a run is asked to do: every setting, its default, and the check of its value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError, CheckpointError
from ..nn.containers import ACTIVATIONS

OPTIMIZERS = {"adamw": 1e-3, "adam": 1e-3, "rmsprop": 1e-3, "sgd": 3e-2}  # and the learning rate each starts from
SCHEDULES = ("cosine", "onecycle", "step", "plateau", "constant")
DTYPES = ("float32", "float64", "bfloat16", "float16")
NORMS = ("layer", "batch")
TASKS = ("classification", "regression")
LABEL_SMOOTHING = 0.02  # of classification, where none was asked for


@dataclass(frozen=True)
class Config:
    """The settings of `run`; each is an option of `gpugrad train`.  Raises ArgumentError for a value it cannot be.

    source: a data set's name or a file; target, task, text and drop as in `gpugrad.data.load`.
    held_out: the share of rows that training never sees (unless the data brings its own test part); validation: the
    share of the rest that early stopping looks at.
    label_smoothing: None takes 0.02 for classification; regression has none.
    lr, batch_size: None takes what suits the optimizer and the number of rows.  patience: epochs without a better
    validation loss until training stops; 0 never stops.  clip_norm: bound on the gradients' norm; 0 for none.
    compile: run the steps as programs (`gpugrad.compile`), where that can be.
    out: the run's folder; None takes the next free runs/<name>-<n>.
    """

    source: str
    target: tuple[str, ...] = ()
    task: str | None = None
    text: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hidden: tuple[int, ...] = (256, 128)
    activation: str = "relu"
    norm: str | None = None
    dropout: float = 0.3
    label_smoothing: float | None = None
    optimizer: str = "adamw"
    lr: float | None = None
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    epochs: int = 60
    batch_size: int | None = None
    patience: int = 20
    clip_norm: float = 5.0
    held_out: float = 0.2
    validation: float = 0.1
    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    compile: bool = True
    out: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                listed = ", ".join(str(choice) for choice in allowed if choice is not None)
                free = "; or leave it out" if None in allowed else ""
                raise ArgumentError(f"{_option(name)}: got {value!r}; expected one of {listed}{free}")
        if twice := sorted({name for name in self.target if self.target.count(name) > 1}):
            raise ArgumentError(f"--target: {twice[0]!r} is given more than once; name each column once")
        for name, (expected, fits) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not _holds(fits, value):
                shown = ",".join(map(str, value)) if isinstance(value, tuple) else repr(value)
                raise ArgumentError(f"{_option(name)}: got {shown}; expected {expected}")

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON types."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}

    @staticmethod
    def from_dict(state: dict[str, Any]) -> Config:
        """The inverse of `to_dict`.  Raises CheckpointError for settings this version does not know."""
        try:
            settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in state.items()}
            return Config(**settings)
        except (TypeError, ArgumentError) as error:
            raise CheckpointError(
                f"config: {error}; the run was written by another version of gpugrad: use that one or train again"
            ) from error


def default_batch_size(n_samples: int) -> int:
    """The power of two that gives some forty steps an epoch or more, from 16 to 512.

    >>> [default_batch_size(n) for n in (100, 1294, 54000)]
    [16, 32, 512]
    """
    return min(512, max(16, 1 << (max(1, n_samples // 40).bit_length() - 1)))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _holds(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return fits(value)
    except TypeError:
        return False


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_CHOICES: dict[str, tuple[str | bool | None, ...]] = {
    "task": (None, *TASKS),
    "activation": tuple(ACTIVATIONS),
    "norm": (None, *NORMS),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": SCHEDULES,
    "dtype": DTYPES,
    "compile": (True, False),
}
_RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "hidden": (
        "layer widths of 1 or more, such as 256,128, or none for a linear model",
        lambda widths: all(_whole(width, 1) for width in widths),
    ),
    "dropout": ("a probability, 0 <= p < 1", lambda p: 0 <= p < 1),
    "label_smoothing": ("a share, 0 <= share < 1, for classification", lambda share: 0 <= share < 1),
    "lr": ("a positive number, such as 0.001", lambda lr: 0 < lr < float("inf")),
    "weight_decay": ("a number, 0 or more", lambda decay: 0 <= decay < float("inf")),
    "epochs": ("a whole number, 1 or more", lambda n: _whole(n, 1)),
    "batch_size": ("a whole number, 1 or more", lambda n: _whole(n, 1)),
    "patience": ("a whole number of epochs, or 0 never to stop early", lambda n: _whole(n, 0)),
    "clip_norm": ("a positive number, or 0 for no bound", lambda norm: 0 <= norm < float("inf")),
    "held_out": ("a share of the rows, 0 < share < 1", lambda share: 0 < share < 1),
    "validation": ("a share of the training rows, 0 < share < 1", lambda share: 0 < share < 1),
    "out": ("the name of a folder, or leave it out", lambda out: str(out) != ""),
    "seed": ("a whole number, 0 or more", lambda n: _whole(n, 0)),
}
