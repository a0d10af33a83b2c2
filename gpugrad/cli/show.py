"""How results and notes look."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..train.trained import Evaluation


def say(line: str) -> None:
    """A line about the work, on stderr, so that stdout holds results only."""
    print(line, file=sys.stderr, flush=True)


def evaluation_text(evaluation: Evaluation) -> str:
    """What was measured, in one line: "accuracy 97.78 % (loss 0.0721, 360 rows)"."""
    values = dict(evaluation.values)
    if "accuracy" in values:
        first = f"accuracy {100 * values.pop('accuracy'):.2f} %"
    else:
        first = f"R^2 {values.pop('r2'):.4f}"
    rest = [f"{name} {value:.4g}" for name, value in values.items()]
    return f"{first} ({', '.join([*rest, f'{evaluation.n_rows:,} rows'])})"


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
