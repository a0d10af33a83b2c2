"""Showing how training goes: a bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from ..errors import MissingDependencyError
from .callback import Callback
from .training import INTERRUPTED, Training

REFRESH_S = 0.1
LINES = 20  # plain lines of a whole run, about


def value_text(name: str, value: float) -> str:
    """A value of a record for people: 97.8 % for an accuracy, four digits otherwise.

    >>> value_text("val_accuracy", 0.9778), value_text("val_loss", 0.08123)
    ('97.8 %', '0.0812')
    """
    if value != value:
        return "-"
    return f"{100 * value:.1f} %" if name.endswith("accuracy") else f"{value:.4f}"


def record_text(record: dict[str, Any]) -> str:
    """The losses and metrics of a record, training first, such as "loss 0.0812  accuracy 97.8 %"."""
    parts = []
    for prefix, title in (("train_", ""), ("val_", "validation ")):
        found = [name for name in record if name.startswith(prefix)]
        texts = [f"{name.removeprefix(prefix)} {value_text(name, record[name])}" for name in found]
        parts += [title + "  ".join(texts)] if texts else []
    return "   ".join(parts).replace("r2 ", "R^2 ")


class PlainProgress(Callback):
    """About twenty lines for a whole run, for logs and pipes."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self.file = file

    def on_epoch_end(self, training: Training) -> None:
        """Print the epoch, if it is one of those shown."""
        every = max(1, round(training.epochs / LINES))
        if training.epoch % every == 0 or training.epoch in (1, training.epochs) or training.stopped:
            record = training.history[-1]
            rate = f"{record['samples_per_s']:,.0f} samples/s"
            line = f"epoch {training.epoch}/{training.epochs}   {record_text(record)}   {rate}"
            print(line, file=self.file or sys.stderr, flush=True)


class BarProgress(Callback):
    """A bar over all epochs with samples per second and the time left, and below it losses and metrics; by rich."""

    def __init__(self, console: Any) -> None:
        self.console = console
        self.bar: Any = None
        self.shown_at = 0.0

    def on_train_begin(self, training: Training) -> None:
        """Show the bar."""
        self.bar = _bar(self.console)
        total = training.epochs * len(training.loader) if hasattr(training.loader, "__len__") else None
        self.task = self.bar.add_task("", total=total, completed=training.step, **self._fields(training))
        self.bar.start()

    def on_batch_end(self, training: Training) -> None:
        """Redraw, ten times a second at most."""
        now = time.perf_counter()
        if now - self.shown_at >= REFRESH_S:
            self._show(training)
            self.shown_at = now

    def on_train_end(self, training: Training) -> None:
        """Show where it ended; nothing is left to do after an early stop."""
        if training.stopped not in (None, INTERRUPTED):
            self.bar.update(self.task, total=training.step)
        self._show(training)

    def close(self) -> None:
        """Leave the bar as it stands and give the terminal back."""
        if self.bar is not None:
            self.bar.stop()

    def _show(self, training: Training) -> None:
        self.bar.update(self.task, completed=training.step, refresh=True, **self._fields(training))

    def _fields(self, training: Training) -> dict[str, str]:
        last = training.history[-1] if training.history else {}
        within = training.batch and training.elapsed() > REFRESH_S
        rate = training.n_samples / training.elapsed() if within else last.get("samples_per_s", 0.0)
        values = {name: value for name, value in last.items() if name.startswith("val_")}
        shown = training.running() if training.batch else last
        number = min(training.epoch + 1, training.epochs) if training.batch else training.epoch
        return {
            "epoch": f"{number}/{training.epochs}",
            "rate": f"{rate:,.0f}",
            "values": record_text({**{n: v for n, v in shown.items() if n.startswith("train_")}, **values}),
        }


def _bar(console: Any) -> Any:
    """rich's Progress with a line of values below the bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    class Bar(Progress):
        def get_renderables(self) -> Any:
            yield self.make_tasks_table(self.tasks)
            for task in self.tasks:
                yield f"[dim]{task.fields['values']}"

    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[rate]} samples/s"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    return Bar(*columns, console=console, expand=True, auto_refresh=False)


def progress_for(file: IO[str] | None = None) -> Callback:
    """A bar if `file` (stderr, if None) is a terminal, plain lines otherwise.

    Raises MissingDependencyError where a bar is due and rich is not installed.
    """
    file = file or sys.stderr
    if not file.isatty():
        return PlainProgress(file)
    try:
        from rich.console import Console
    except ImportError as error:
        raise MissingDependencyError("progress: rich is not installed; run: pip install 'gpugrad[train]'") from error
    return BarProgress(Console(file=file, highlight=False))
