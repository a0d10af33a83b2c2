"""Text columns as one-hot numbers, by the categories that training saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .files import listing
from .table import Array, Texts

MOST = 256  # categories of a column; a column with more is an identifier or free text
SMALL = 20  # up to this many are fine even in a table of few rows


@dataclass(frozen=True)
class OneHot:
    """One text column: category k of `categories` becomes 1 in place k.

    A text that training did not see, and a missing one, become all zeros, as scikit-learn's handle_unknown="ignore"
    does; `apply` counts the former, so that nobody overlooks them.
    """

    name: str
    categories: tuple[str, ...]

    @staticmethod
    def fit(name: str, texts: Texts) -> OneHot | str:
        """The categories of the training rows in sorted order, or a note saying why the column is left out."""
        seen = texts.compact()
        n_seen = len(seen.levels)
        if n_seen == 0:
            return f"column {name!r} left out: it holds no text in the training part"
        if n_seen > MOST or n_seen > max(SMALL, len(texts) // 2):
            such = listing(seen.levels[:2])
            return f"column {name!r} left out: {n_seen} different texts in {len(texts)} training rows (such as {such})"
        return OneHot(name, tuple(sorted(seen.levels)))

    def apply(self, texts: Texts, out: Array) -> list[str]:
        """Write ones into the zeroed `out` (N, K); returns the note on unseen texts, if there are any."""
        place = {category: k for k, category in enumerate(self.categories)}
        column = np.array([place.get(level, -1) for level in texts.levels] + [-1], dtype=np.int64)[texts.codes]
        known = np.flatnonzero(column >= 0)
        out[known, column[known]] = 1
        unseen = (column < 0) & (texts.codes >= 0)
        if not unseen.any():
            return []
        which = listing(sorted({texts.levels[code] for code in texts.codes[unseen].tolist()}), 4)
        rows = f"{unseen.sum()} of {len(texts)} rows"
        return [f"column {self.name!r}: {rows} hold a text not seen in training ({which}): all zeros"]
