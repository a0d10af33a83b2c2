"""Standardising numeric columns: z = (x - mean) / std, with statistics of the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError
from .table import Array

SCALES = ("column", "whole", "none")
COLUMNS_AT_ONCE, CELLS_AT_ONCE = 64, 1 << 20  # bound the float64 copies


@dataclass(frozen=True, eq=False)
class Scaler:
    """Per column what fills a gap (the median), what is subtracted and what divides.  Shapes: (F,) float64 each.

    `constant` names the columns that had a single value in training; it is told to the user and not saved.
    """

    names: tuple[str, ...]
    fill: Array
    mean: Array
    std: Array
    constant: tuple[str, ...] = ()

    @staticmethod
    def fit(numbers: Array, names: tuple[str, ...], rows: Array | None = None, scale: str = "column") -> Scaler:
        """Statistics of the given rows of numbers (N, F), gaps filled with the median before they count.

        `scale` is "column" (each column gets mean 0 and standard deviation 1), "whole" (one mean and one deviation for
        all, which keeps the pixels of a picture comparable) or "none".  A constant column keeps deviation 1, a column
        without any value is filled with 0.
        Raises ArgumentError for another scale, DataError for values so large that the deviation overflows.
        """
        if scale not in SCALES:
            raise ArgumentError(f"Scaler: scale is {scale!r}; expected one of {', '.join(SCALES)}")
        index = slice(None) if rows is None else rows
        starts = range(0, numbers.shape[1], COLUMNS_AT_ONCE)
        blocks = [_statistics(numbers[index, j : j + COLUMNS_AT_ONCE]) for j in starts]
        fill, mean, std = np.concatenate(blocks, axis=1) if blocks else np.empty((3, 0))
        _refuse_overflow(names, mean, std)
        if scale == "whole" and len(names):
            deviation = float(np.sqrt(np.mean(std**2 + (mean - mean.mean()) ** 2)))
            mean, std = np.full_like(mean, mean.mean()), np.full_like(std, deviation)
        if scale == "none":
            mean, std = np.zeros_like(mean), np.ones_like(std)
        constant = tuple(name for name, deviation in zip(names, std.tolist(), strict=True) if deviation == 0)
        return Scaler(names, fill, mean, np.where(std > 0, std, 1.0), constant)

    def apply(self, numbers: Array, out: Array, source: str) -> Array:
        """Write z into `out` (N, F) and return how many gaps each column had, (F,).

        Raises DataError naming the row and column of an infinity, or of a value whose z overflows out's dtype.
        """
        gaps = np.zeros(len(self.names), dtype=np.int64)
        step = max(1, CELLS_AT_ONCE // max(1, len(self.names)))
        for start in range(0, len(numbers), step):
            block = numbers[start : start + step].astype(np.float64)
            missing = np.isnan(block)
            if missing.any():
                gaps += missing.sum(axis=0)
                block = np.where(missing, self.fill, block)
            with np.errstate(over="ignore", invalid="ignore"):
                out[start : start + step] = (block - self.mean) / self.std
            bad = ~np.isfinite(out[start : start + step])
            if bad.any():
                self._refuse(block, bad, start, source, out.dtype)
        return gaps

    def _refuse(self, block: Array, bad: Array, start: int, source: str, dtype: Any) -> None:
        row, column = np.argwhere(bad)[0]
        value = block[row, column]
        expected = f"a value near the training data's {self.mean[column]:.6g}, since its z overflows {dtype}"
        raise DataError(
            f"{source}: row {start + row + 1}, column {self.names[column]!r}: {value}; expected "
            f"{'a finite number' if np.isinf(value) else expected}: correct it, or leave it empty"
        )

    def invert(self, z: Array) -> Array:
        """z * std + mean in float64.  Shapes: (N, F) -> (N, F)."""
        return np.asarray(z, dtype=np.float64) * self.std + self.mean

    def to_dict(self) -> dict[str, Any]:
        """Names and lists of floats, fit for JSON."""
        values = {key: getattr(self, key).tolist() for key in ("fill", "mean", "std")}
        return {"names": list(self.names), **values}

    @staticmethod
    def from_dict(state: dict[str, Any]) -> Scaler:
        """The inverse of `to_dict`, bit for bit; KeyError, TypeError or ValueError for anything else."""
        names = tuple(map(str, state["names"]))
        fill, mean, std = (np.array(state[key], dtype=np.float64) for key in ("fill", "mean", "std"))
        if any(array.shape != (len(names),) or not np.isfinite(array).all() for array in (fill, mean, std)):
            raise ValueError("expected one finite fill, mean and std for each name")
        return Scaler(names, fill, mean, std)


def _statistics(block: Array) -> Array:
    """Median, mean and standard deviation of each column of (N, F), as (3, F); a constant column's mean is exact."""
    columns = np.ascontiguousarray(block.T, dtype=np.float64)
    missing = np.isnan(columns)
    fill = np.median(np.where(missing, 0.0, columns), axis=1)
    for j in np.flatnonzero(missing.any(axis=1)):
        present = columns[j, ~missing[j]]
        fill[j] = np.median(present) if len(present) else 0.0
    columns = np.where(missing, fill[:, None], columns)
    low, high = columns.min(axis=1), columns.max(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.where(low == high, low, columns.mean(axis=1))
        std = np.sqrt(np.square(columns - mean[:, None]).mean(axis=1))
    return np.stack([fill, mean, std])


def _refuse_overflow(names: tuple[str, ...], mean: Array, std: Array) -> None:
    bad = ~(np.isfinite(mean) & np.isfinite(std))
    if bad.any():
        name = names[int(np.argmax(bad))]
        raise DataError(
            f"column {name!r}: values too large to standardise in float64; expected less than 1e150: rescale it"
        )
