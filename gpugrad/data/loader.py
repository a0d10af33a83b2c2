"""Shuffled batches of in-memory arrays, and the state to go on from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import array_device, backend_of_type, is_array_type
from ..errors import ArgumentError, ArgumentTypeError, CheckpointError, ShapeError
from .shuffle import LOADER, check_seed, permutation


class Loader:
    """Batches of one or more arrays (NumPy or CuPy) of N rows each.

    Each pass over the loader is one epoch and yields tuples of C-contiguous arrays (B, ...), B = `batch_size` except in
    the last batch (left out with `drop_last`).  With `shuffle` the order is a permutation that depends on (seed, epoch)
    only, made once an epoch on the arrays' device; a batch costs one `take` for each array.  Without it batches are
    views.  `epoch` counts finished passes; a pass that was left early starts over.  One pass at a time.

    Raises ArgumentError for a batch size below 1 or no batch at all, ShapeError for arrays of different lengths,
    ArgumentTypeError for what is no array.

    >>> [x.tolist() for (x,) in Loader(np.arange(5), batch_size=2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, *arrays: Any, batch_size: int, shuffle: bool = True, drop_last: bool = False, seed: int = 0
    ) -> None:
        self.n_samples = _common_length(arrays)
        self.batch_size = _checked_batch_size(batch_size)
        self.shuffle, self.drop_last, self.seed = shuffle, drop_last, check_seed("Loader", seed)
        if len(self) == 0:
            raise ArgumentError(
                f"Loader: batch_size {batch_size} with drop_last=True leaves no batch of {self.n_samples} rows; "
                "expected at most as many: lower batch_size or pass drop_last=False"
            )
        self.arrays = tuple(backend_of_type(type(array)).xp.ascontiguousarray(array) for array in arrays)
        self.epoch = 0
        self.position = 0  # batches handed out in this epoch
        self._resuming = False

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(self.n_samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        first = self.position if self._resuming else 0
        self._resuming, self.position = False, first
        epoch, orders = self.epoch, self._orders()
        for k in range(first, len(self)):
            self.position = k + 1
            rows = slice(k * self.batch_size, (k + 1) * self.batch_size)
            yield tuple(
                array[rows] if order is None else array.take(order[rows], axis=0)
                for array, order in zip(self.arrays, orders, strict=True)
            )
        self.epoch, self.position = epoch + 1, 0

    def _orders(self) -> list[Any]:
        """This epoch's permutation once for each array, on its device."""
        if not self.shuffle:
            return [None] * len(self.arrays)
        order = permutation(self.n_samples, LOADER, self.seed, self.epoch)
        homes = [array_device(array) for array in self.arrays]
        placed = {home: home.asarray(order) for home in set(homes)}
        return [placed[home] for home in homes]

    def state_dict(self) -> dict[str, Any]:
        """Epoch and position, and the settings they belong to; fit for JSON.

        Inside the loop the position counts the batch in hand as done, so save after its step.
        """
        return {"epoch": self.epoch, "position": self.position, **self._settings()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`: the next pass yields what was left of its epoch, which may be nothing.

        Raises CheckpointError where the state belongs to other settings or data.
        """
        if not isinstance(state, dict):
            raise CheckpointError(f"Loader: the saved state is a {type(state).__name__}; expected a state_dict()")
        for name, own in self._settings().items():
            if state.get(name) != own:
                raise CheckpointError(
                    f"Loader: the saved state has {name}={state.get(name)!r}, this loader {own!r}; expected the same: "
                    "resume with the data and settings of the first run"
                )
        epoch, position = state.get("epoch"), state.get("position")
        if not (isinstance(epoch, int) and isinstance(position, int) and epoch >= 0 and 0 <= position <= len(self)):
            raise CheckpointError(
                f"Loader: the saved state is at epoch {epoch!r}, batch {position!r}; expected whole numbers, at most "
                f"{len(self)} batches: the checkpoint is damaged, use an earlier one"
            )
        self.epoch, self.position, self._resuming = epoch, position, True

    def _settings(self) -> dict[str, Any]:
        names = ("n_samples", "batch_size", "shuffle", "drop_last", "seed")
        return {name: getattr(self, name) for name in names}


def _common_length(arrays: tuple[Any, ...]) -> int:
    if not arrays:
        raise ArgumentError("Loader: no arrays came; expected at least one, such as Loader(X, y, batch_size=64)")
    for array in arrays:
        if not is_array_type(type(array)):
            raise ArgumentTypeError(
                f"Loader: got a {type(array).__name__}; expected NumPy or CuPy arrays: np.asarray(it)"
            )
        if array.ndim == 0:
            raise ShapeError("Loader: got an array of shape (); expected at least one axis, the rows")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or lengths[0] == 0:
        raise ShapeError(f"Loader: the arrays have {lengths} rows; expected the same number, at least 1")
    return lengths[0]


def _checked_batch_size(batch_size: int) -> int:
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ArgumentError(f"Loader: batch_size is {batch_size!r}; expected a whole number, 1 or more")
    return int(batch_size)
