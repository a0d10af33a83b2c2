"""How results and notes look."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

from ..train.trained import Evaluation
from .main import in_options

LEAST_WIDTH = 20


def say(line: str) -> None:
    """A line about the work, on stderr, so that stdout holds results only."""
    print(in_options(line, trains=True), file=sys.stderr, flush=True)


def counted(n: int, what: str) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def evaluation_text(evaluation: Evaluation) -> str:
    """What was measured, in one line: "accuracy 97.78 % (cross entropy 0.0721, 360 rows)".

    The loss of classes goes by its own name, as that of training and validation has the labels smoothed.
    """
    values = dict(evaluation.values)
    if "accuracy" in values:
        values = {"cross entropy" if name == "loss" else name: value for name, value in values.items()}
        first = f"accuracy {100 * values.pop('accuracy'):.2f} %"
    else:
        first = f"R^2 {values.pop('r2'):.4f}"
    rest = [f"{name} {value:.4g}" for name, value in values.items()]
    return f"{first} ({', '.join([*rest, counted(evaluation.n_rows, 'row')])})"


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts as aligned columns; the last one is broken into lines where a terminal is too narrow for it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = sum(width + 2 for width in widths[:-1])
    lines = []
    for *first, last in rows:
        head = "".join(cell.ljust(width + 2) for cell, width in zip(first, widths[:-1], strict=True))
        parts = _broken(last, terminal_width() - indent)
        lines += [head + parts[0], *(" " * indent + part for part in parts[1:])]
    return "\n".join(line.rstrip() for line in lines)


def _broken(text: str, room: int) -> list[str]:
    if room < LEAST_WIDTH:  # lines of a word each are no easier to read than one that runs over
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def terminal_width() -> int:
    """Columns of the terminal, or what COLUMNS says; 0 for a pipe or a file, whose lines may be of any length."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return 0
