"""The learning curve as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, MissingDependencyError
from .callback import Callback
from .early_stopping import EarlyStopping
from .files import write_atomically
from .training import Training

TRAIN, VALIDATION, INK, FAINT = "#3b6fb6", "#d1603d", "#333333", "#9a9a9a"
LABELS = {"loss": "loss", "accuracy": "accuracy", "r2": "R²"}


class LearningCurve(Callback):
    """Draw the run into `path` (PNG) when it ends or is interrupted."""

    def __init__(self, path: str | Path, title: str = "") -> None:
        self.path, self.title = Path(path), title

    def on_train_end(self, training: Training) -> None:
        """Draw what there is."""
        stopping = next((callback for callback in training.callbacks if isinstance(callback, EarlyStopping)), None)
        if training.history:
            best = stopping.best_epoch if stopping is not None else None
            plot_history(training.history, self.path, title=self.title, best_epoch=best)


def plot_history(
    history: list[dict[str, Any]], path: str | Path, *, title: str = "", best_epoch: int | None = None
) -> None:
    """Draw loss and metric over epochs, training beside validation, the best epoch marked, into a PNG file.

    history: records with epoch, train_loss, val_loss and the like, as `fit` makes them.
    Raises ArgumentError for an empty history, MissingDependencyError without matplotlib, StorageError.
    """
    if not history:
        raise ArgumentError("plot_history: the history is empty; expected one record an epoch")
    figure = _figure()
    names = [name.removeprefix("train_") for name in history[0] if name.startswith("train_")]
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        _panel(axis, history, name, best_epoch)
    axes[0].legend(frameon=False, loc="best", fontsize=9)
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=11, color=INK, weight="bold")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144)
    write_atomically(path, buffer.getvalue())


def _figure() -> Any:
    """A figure of the Agg backend, apart from pyplot and its global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("curve: matplotlib is not installed; run: pip install 'gpugrad[train]'") from error
    figure = Figure(figsize=(9.0, 3.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _panel(axis: Any, history: list[dict[str, Any]], name: str, best_epoch: int | None) -> None:
    epochs = [record["epoch"] for record in history]
    style = {"linewidth": 1.8, "marker": "o" if len(history) < 4 else None, "markersize": 4}
    for part, label, color in (("train", "training", TRAIN), ("val", "validation", VALIDATION)):
        values = [record.get(f"{part}_{name}") for record in history]
        if any(value is not None for value in values):
            axis.plot(epochs, values, color=color, label=label, **style)
    _mark(axis, history, name, best_epoch)
    if name == "loss" and _spans_decades(history):
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
    if name == "accuracy":
        axis.yaxis.set_major_formatter("{x:.0%}")
    axis.set_title(LABELS.get(name, name), loc="left", fontsize=10, color=INK)
    axis.set_xlabel("epoch", fontsize=9, color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(FAINT)
    axis.tick_params(which="both", colors=INK, labelsize=8.5, color=FAINT)
    axis.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axis.set_axisbelow(True)


def _spans_decades(history: list[dict[str, Any]]) -> bool:
    losses = [record[name] for record in history for name in ("train_loss", "val_loss") if name in record]
    return min(losses) > 0 and max(losses) > 30 * min(losses)


def _mark(axis: Any, history: list[dict[str, Any]], name: str, best_epoch: int | None) -> None:
    """A dotted line and a dot at the best epoch; its value stands above the panel, where no curve can run."""
    record = next((record for record in history if record["epoch"] == best_epoch), None)
    value = None if record is None else record.get(f"val_{name}", record.get(f"train_{name}"))
    if value is None:
        return
    axis.axvline(best_epoch, color=FAINT, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    axis.plot([best_epoch], [value], "o", color=VALIDATION, markersize=6, markeredgecolor="white", zorder=5)
    text = f"{100 * value:.1f} %" if name == "accuracy" else f"{value:.3g}"
    axis.set_title(f"best epoch {best_epoch}: {text}", loc="right", fontsize=9, color=VALIDATION)
