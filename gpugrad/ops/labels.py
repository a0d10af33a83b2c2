"""Class indices as targets: what they must be, where they point, and their one-hot form."""

from typing import Any

import numpy as np

from ..core.primitive import primitive
from ..errors import DTypeError, IndexingError, ShapeError

_UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


def check_labels(name: str, xp: Any, target: Any, shape: tuple[int, ...], n_classes: int) -> None:
    """Raise unless `target` holds integers of that shape, each from 0 to n_classes - 1."""
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: target has dtype {target.dtype}; expected integers, the index of each sample's class "
            "(convert with astype('int64')), or floats with one weight a class"
        )
    if target.shape != shape:
        raise ShapeError(
            f"{name}: target has shape {target.shape} and dtype {target.dtype}; expected {shape}, one class index a "
            f"sample, or a floating target of shape {(*shape, n_classes)}"
        )
    # Seen as unsigned, a negative index is large too: one pass finds both.  On a GPU it would wait for the device.
    if xp is np and target.size and np.maximum.reduce(target.view(_UNSIGNED[target.itemsize]), None) >= n_classes:
        flat = target.reshape(-1)
        row = int(np.flatnonzero((flat < 0) | (flat >= n_classes))[0])
        raise IndexingError(
            f"{name}: target[{row}] is {flat[row]}, but there are {n_classes} classes; expected 0 to {n_classes - 1}"
        )


def label_places(xp: Any, target: Any, n_classes: int) -> Any:
    """Where each label points to in the flattened array of shape (n, n_classes).

    A label out of range, which NumPy's checks have refused, stays in its row on a GPU.
    """
    labels = target.reshape(-1)
    labels = labels.astype(np.int64) if labels.dtype.kind == "u" else labels
    rows = xp.arange(0, target.size * n_classes, n_classes)
    return rows + (labels if xp is np else labels % n_classes)


@primitive(differentiable=False)
def one_hot(xp: Any, target: Any, *, n_classes: int, dtype: Any) -> Any:
    """Rows of the identity, (..., n_classes), for class indices (...); IndexingError for a class out of range."""
    check_labels("one_hot", xp, target, target.shape, n_classes)
    return (target[..., None] == xp.arange(n_classes)).astype(dtype)


one_hot.batch(lambda F, batched, target, **params: F.one_hot(target, **params))

__all__: list[str] = []  # the public one_hot is in along_axis.py
