"""How results and notes look."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..train.trained import Evaluation
from .main import in_options


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
    """Rows of texts as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
